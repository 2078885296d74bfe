//! The formats that commands read and write, for `--help`.

/// What `decide` reads and writes.
pub(super) const DECIDE: &str = r#"A line in:
  {"id": any, "now"?: number, "method": "GET", "scheme"?: "https", "authority": "api.example.com",
   "path": "/orders/1?x=y", "headers": [["authorization", "Bearer …"], …],
   "route"?: {"name"?: str, "rule"?: str}, "client_cert_sha256"?: hex,
   "replies"?: [{"status": 200, "headers": [["content-type", "application/json"]], "body": "…"},
                {"error": "timeout" | "reset" | "refused"}, …]}
  A header value or a body may be {"base64": "…"}. `replies` answer the questions to issuers (keys, discovery,
  introspection) in the order in which they are asked while the line is judged; none left = nobody is there.

A line out:
  {"id": any, "outcome": "admit" | "refuse", "status": 401 | null, "reason": "token_expired", "rule": name | null,
   "issuer": name | null, "headers": [[name, value], …], "body": str,
   "upstream": {"set": [[name, value], …], "remove": [name, …]},
   "callouts": [{"cluster": …, "method": …, "authority": …, "path": …, "headers": […], "body": …}, …]}
  `headers` and `body` are the refusal's. Callouts are shown as issuers get them, tokens and secrets among them."#;

/// What `test` reads.
pub(super) const TEST: &str = r#"A test file:
  policy: ./policy.yaml         # a path relative to this file, or the policy itself
  now: 1760000000               # optional: the clock, in seconds since 1970
  keys: {corp-1: ES256}         # made afresh for every run; the name is the kid
  tokens:
    good: {key: corp-1, header: {typ: at+jwt}, claims: {iss: "https://idp.example.com", exp: {in: 5m}, iat: {ago: 1m}}}
    # also: alg (what the header says instead), sign: false, tamper: true, or raw: "text" alone
  answers:                      # of issuers, by the path of the question
    /jwks: {keys: [corp-1]}     # or {json: …}, {status:, headers:, body:}, {error: timeout | reset | refused},
    /seq: [{json: {}}, {status: 500}] # or several, one after the other; the last one repeats
  tests:
    - name: a phrase
      request: {method: GET, authority: api.example.com, path: /orders, token: good, headers: [[x-a, b]]}
      # also: scheme, route: {name, rule}, client_cert_sha256, body; "${token:good}" in any text
      at: {in: 10m}             # optional: the clock, for this test and those after it
      answers: {/jwks: {status: 500}} # optional: for this test
      envoy: reason             # optional: why this test is not for a real Envoy; not looked at here
      expect:
        outcome: refuse         # or admit; everything else is optional
        status: 401
        reason: token_expired
        rule: read-orders       # or null
        issuer: corp            # or null
        challenge: 'Bearer …'   # the whole www-authenticate, or null
        headers: {retry-after: "5"}
        body: {error: invalid_token} # a part of the JSON
        asked: {/jwks: 1}       # how often
        # with outcome admit: upstream: {set: {x-auth-subject: alice}, absent: [authorization], present: [cookie]}
  {in: 5m} and {ago: 5m} stand for dates relative to the `now` of the file, and a list `keys` of key names in the policy or in an
  answer for public JWKs. Caches and keys are kept from test to test within a file."#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::scenario;
    use std::path::Path;

    #[test]
    fn the_test_file_in_the_help_is_one() {
        let example = TEST.lines().skip(1).take_while(|line| !line.starts_with("  {in"));
        let example: String = example.map(|line| format!("{line}\n")).collect();
        let example = example.replace("./policy.yaml", "{rules: []}");
        let suite =
            scenario::parse(example.as_bytes(), Path::new(""), None).map_err(|error| error.to_string());
        assert_eq!(suite.map(|suite| suite.cases.len()), Ok(1));
    }
}
