//! The command line tool as its users meet it: the built program, its streams and its exit codes.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use scopegate::jose::algorithm::Algorithm;
use scopegate::tool::mint::PrivateKey;
use serde_json::{Value, json};

mod field;

/// Secrets that no command but `decide` and `mint` may print.
const CLIENT_SECRET: &str = "canary-client-secret";
const TOKEN: &str = "canary-opaque-token";
const HMAC_KEY: &str = "Y2FuYXJ5LWhtYWMta2V5LWNhbmFyeS1obWFjLWtleS0zMg";

const NOW: &str = "1760000000";

struct Run {
    code: i32,
    out: String,
    err: String,
}

impl Run {
    fn lines(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scopegate"));
    command.args(arguments).env_remove("IDP_SECRET").stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str], stdin: &str) -> Run {
    finish(program(arguments), stdin)
}

fn finish(mut command: Command, stdin: &str) -> Run {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let stdin = stdin.to_owned();
    // A command that reads nothing closes its end; that is no failure of the test.
    let writer = std::thread::spawn(move || input.write_all(stdin.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// Writes a file of its own for a test.
fn file(name: &str, text: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn policy() -> Value {
    json!({
        "issuers": {"corp": {
            "issuer": "https://idp.example.com",
            "audiences": ["orders-api"],
            "jwt": {"jwks": {"inline": {"keys": [{"kty": "oct", "kid": "s", "k": HMAC_KEY}]}}, "algorithms": ["HS256"]},
            "introspection": {
                "protocol": "rfc7662", "uri": "https://idp.example.com/introspect", "cluster": "idp",
                "client": {"id": "gateway", "secret": CLIENT_SECRET, "method": "basic"},
            },
        }},
        "upstream": {"headers": {"x-auth-subject": "sub"}},
        "responses": {"realm": "orders"},
        "rules": [
            {"name": "health", "match": {"paths": ["/healthz"]}, "access": "anonymous"},
            {"name": "read", "match": {"methods": ["GET", "POST"], "paths": ["/orders/**"]}, "require": {"scopes": ["read:orders"]}},
        ],
    })
}

fn policy_file(name: &str) -> String {
    file(name, &policy().to_string())
}

fn active() -> Value {
    let answer = json!({
        "active": true, "iss": "https://idp.example.com", "sub": "bob", "aud": "orders-api", "scope": "read:orders",
        "exp": 1_760_000_100,
    });
    json!({"status": 200, "headers": [["content-type", "application/json"]], "body": answer.to_string()})
}

fn request(id: i32, path: &str, token: Option<&str>, replies: &[Value]) -> Value {
    let headers: Vec<Value> =
        token.map(|token| json!(["Authorization", format!("Bearer {token}")])).into_iter().collect();
    json!({"id": id, "method": "GET", "authority": "api.example.com", "path": path, "headers": headers, "replies": replies})
}

fn lines(requests: &[Value]) -> String {
    requests.iter().map(|request| format!("{request}\n")).collect()
}

fn is_silent(run: &Run) {
    for canary in [CLIENT_SECRET, TOKEN, HMAC_KEY, "Y2FuYXJ5"] {
        assert!(!run.out.contains(canary) && !run.err.contains(canary), "{canary}: {}{}", run.out, run.err);
    }
}

// decide

#[test]
fn a_decision_is_exactly_one_line_of_the_documented_form() {
    let policy = policy_file("decide-form.json");
    let input =
        lines(&[request(7, "/orders/1?x=y", Some(TOKEN), &[active()]), request(8, "/orders/1", None, &[])]);
    let run = run(&["decide", "--policy", &policy, "--now", NOW], &input);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    let mut decisions = run.out.lines();
    assert_eq!(
        decisions.next().unwrap(),
        concat!(
            r#"{"id":7,"outcome":"admit","status":null,"reason":"admitted","rule":"read","issuer":"corp","headers":[],"#,
            r#""body":"","upstream":{"set":[["x-auth-subject","bob"]],"remove":["authorization"]},"callouts":[{"#,
            r#""cluster":"idp","method":"POST","authority":"idp.example.com","path":"/introspect","headers":["#,
            r#"["content-type","application/x-www-form-urlencoded"],["accept","application/token-introspection+jwt, application/json"],"#,
            r#"["authorization","Basic Z2F0ZXdheTpjYW5hcnktY2xpZW50LXNlY3JldA=="],"#,
            r#"["user-agent","scopegate/"#,
            env!("CARGO_PKG_VERSION"),
            r#""]],"#,
            r#""body":"token=canary-opaque-token&token_type_hint=access_token"}]}"#
        )
    );
    let refused: Value = serde_json::from_str(decisions.next().unwrap()).unwrap();
    assert_eq!(refused["outcome"], "refuse");
    assert_eq!((&refused["status"], &refused["reason"]), (&json!(401), &json!("token_missing")));
    assert!(
        refused["headers"]
            .as_array()
            .unwrap()
            .contains(&json!(["www-authenticate", "Bearer realm=\"orders\""]))
    );
    assert_eq!(refused["upstream"], json!({"set": [], "remove": []}));
    assert_eq!(refused["issuer"], Value::Null);
    assert!(decisions.next().is_none());
}

#[test]
fn state_is_kept_from_line_to_line_and_now_moves_it() {
    let policy = policy_file("decide-state.json");
    let at = |mut request: Value, now: f64| {
        request["now"] = json!(now);
        request
    };
    let input = lines(&[
        at(request(1, "/orders/1", Some(TOKEN), &[active()]), 1_760_000_000.0),
        at(request(2, "/orders/2", Some(TOKEN), &[]), 1_760_000_010.5),
        at(request(3, "/orders/3", Some(TOKEN), &[]), 1_760_000_090.0),
    ]);
    let run = run(&["decide", "--policy", &policy], &input);
    let found: Vec<_> = run
        .lines()
        .iter()
        .map(|line| (line["outcome"].clone(), line["callouts"].as_array().unwrap().len()))
        .collect();
    assert_eq!(found, [(json!("admit"), 1), (json!("admit"), 0), (json!("refuse"), 1)]);
    assert_eq!(run.lines()[2]["reason"], "issuer_unavailable");
}

#[test]
fn a_failed_reply_and_no_reply_are_the_same_outage() {
    let policy = policy_file("decide-outage.json");
    let failed = json!({"error": "timeout"});
    let input = lines(&[
        request(1, "/orders/1", Some("one-token"), &[failed]),
        request(2, "/orders/1", Some("two-token"), &[]),
    ]);
    let run = run(&["decide", "--policy", &policy, "--now", NOW], &input);
    for line in run.lines() {
        assert_eq!((&line["status"], &line["reason"]), (&json!(503), &json!("issuer_unavailable")));
    }
}

#[test]
fn a_line_that_is_no_request_is_answered_in_its_place() {
    let policy = policy_file("decide-bad.json");
    let good = request(3, "/healthz", None, &[]).to_string();
    let input = format!("{{\n\n{{\"id\": \"x\", \"methud\": 1}}\n{good}\n[1]");
    let run = run(&["decide", "--policy", &policy], &input);
    let lines = run.lines();
    assert_eq!((run.code, lines.len()), (1, 4));
    assert!(lines[0]["id"].is_null() && lines[0]["error"].is_string());
    assert_eq!(lines[1]["id"], "x");
    assert!(
        lines[1]["error"].as_str().unwrap().contains("; methud: is not a known key: did you mean `method`?")
    );
    assert_eq!((&lines[2]["id"], &lines[2]["reason"]), (&json!(3), &json!("anonymous")));
}

#[test]
fn bytes_that_are_no_text_and_grpc_are_understood() {
    let policy = policy_file("decide-bytes.json");
    let mut bytes = request(1, "/orders/1", None, &[]);
    bytes["headers"] = json!([["authorization", {"base64": "QmVhcmVyIP8="}]]);
    let mut grpc = request(2, "/orders/1", None, &[]);
    grpc["headers"] = json!([["content-type", "application/grpc"]]);
    let run = run(&["decide", "--policy", &policy], &lines(&[bytes, grpc]));
    assert_eq!(run.lines()[0]["reason"], "credential_malformed");
    assert!(run.lines()[1]["headers"].as_array().unwrap().contains(&json!(["grpc-status", "16"])));
}

#[test]
fn each_line_is_answered_before_the_next_is_sent() {
    let policy = policy_file("decide-flush.json");
    let mut child = program(&["decide", "--policy", &policy]).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    for id in 0..3 {
        writeln!(input, "{}", request(id, "/healthz", None, &[])).unwrap();
        let mut answer = String::new();
        output.read_line(&mut answer).unwrap();
        assert!(answer.starts_with(&format!("{{\"id\":{id},")), "{answer}");
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_refused_policy_yields_no_line() {
    let mut wrong = policy();
    wrong["rules"][1]["require"]["scopes"] = json!(["a b"]);
    let policy = file("decide-refused.json", &wrong.to_string());
    let run = run(&["decide", "--policy", &policy], &lines(&[request(1, "/healthz", None, &[])]));
    assert_eq!((run.code, run.out.as_str()), (1, ""));
    assert!(run.err.contains("rules[1].require.scopes[0]: "), "{}", run.err);
}

#[test]
fn a_secret_that_is_not_set_is_a_warning_and_its_placeholder() {
    let mut with_variable = policy();
    with_variable["issuers"]["corp"]["introspection"]["client"] =
        json!({"id": "g", "secret": {"env": "IDP_SECRET"}, "method": "post"});
    let policy = file("decide-env.json", &with_variable.to_string());
    let input = lines(&[request(1, "/orders/1", Some(TOKEN), &[])]);
    let unset = run(&["decide", "--policy", &policy], &input);
    assert!(unset.err.starts_with("warning: ") && unset.err.contains("IDP_SECRET"), "{}", unset.err);
    assert!(unset.out.contains("client_secret=%24IDP_SECRET"), "{}", unset.out);
    let mut command = program(&["decide", "--policy", &policy]);
    command.env("IDP_SECRET", "from-the-environment");
    let set = finish(command, &input);
    assert!(set.err.is_empty() && set.out.contains("client_secret=from-the-environment"));
}

#[test]
fn nobody_complains_when_the_reader_has_seen_enough() {
    let policy = policy_file("decide-pipe.json");
    let mut child = program(&["decide", "--policy", &policy]).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    drop(child.stdout.take());
    let line = request(1, "/healthz", None, &[]).to_string();
    for _ in 0..1000 {
        if writeln!(input, "{line}").is_err() {
            break;
        }
    }
    drop(input);
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""));
}

// check

#[test]
fn a_good_policy_is_good_in_json_in_yaml_and_on_standard_input() {
    let yaml = "issuers: {a: {issuer: 'https://a', audiences: any, jwt: {jwks: {uri: 'https://a/k', cluster: a}}}}\n\
                rules: [{name: r, require: {}}]\nseal: 'a seal of thirty-two characters or more'\n";
    let (json, yaml_file) = (policy_file("check-good.json"), file("check-good.yaml", yaml));
    let run = run(&["check", &json, &yaml_file, "-"], yaml);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    assert_eq!(
        run.out,
        format!(
            "{json}: good: 1 issuer, 2 rules\n{yaml_file}: good: 1 issuer, 1 rule\n-: good: 1 issuer, 1 rule\n"
        )
    );
}

#[test]
fn an_anonymous_rule_that_takes_a_cookie_from_its_upstream_is_noted_until_it_says_so() {
    let check = |forward: Value| {
        let mut policy = policy();
        policy["token"] =
            json!({"from": [{"header": "x-token"}, {"query": "access_token"}, {"cookie": "session"}]});
        policy["rules"] = json!([
            {"name": "login", "match": {"paths": ["/login"]}, "access": "anonymous", "forward": forward},
            {"name": "greeting", "match": {"paths": ["/hello"]}, "access": "optional"},
            {"name": "rest", "require": {}},
        ]);
        if forward.is_null() {
            policy["rules"][0].as_object_mut().unwrap().remove("forward");
        }
        let path = file(&format!("check-forward-{forward}.json"), &policy.to_string());
        let run = run(&["check", &path], "");
        assert_eq!(run.code, 0, "{}", run.out);
        run.err
            .lines()
            .filter(|line| line.contains("anonymous"))
            .map(|line| line.replace(&path, "F"))
            .collect()
    };
    let noted: Vec<String> = check(Value::Null);
    assert_eq!(
        noted,
        [
            "note: F: anonymous requests lose the query parameter `access_token` and the cookie `session` (rules: `login`): \
          write `forward: true` in a rule whose upstream reads it, `forward: false` in the others"
        ]
    );
    assert!(check(json!(true)).is_empty() && check(json!(false)).is_empty());
}

#[test]
fn a_list_of_audiences_that_no_answer_can_satisfy_is_no_good_policy() {
    let policy = |more: Value| {
        let mut issuer = json!({"audiences": ["api"], "introspection":
            {"protocol": "userinfo", "uri": "https://idp.example.com/userinfo", "cluster": "idp"}});
        issuer["introspection"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"issuers": {"idp": issuer}, "rules": [{"name": "all", "require": {}}]}).to_string()
    };
    let path = file("check-audiences.json", &policy(json!({})));
    let checked = run(&["check", &path], "");
    assert_eq!(checked.code, 1);
    let expected = "issuers.idp.audiences: is a list, and no answer in this issuer's protocol names an audience: all its \
                    tokens are refused: write `any` here, or `aud: optional` in `introspection`, and tokens for any \
                    audience are good\n";
    assert_eq!(checked.out, format!("{path}: {expected}"));
    let path = file("check-audiences-optional.json", &policy(json!({"aud": "optional"})));
    assert_eq!(run(&["check", &path], "").code, 0);
}

#[test]
fn every_problem_names_its_place_and_no_secret() {
    let mut wrong = policy();
    wrong["rules"][1]["require"]["scopes"] = json!(["a b"]);
    wrong["rulez"] = json!([]);
    wrong["issuers"]["corp"]["introspection"]["client"]["secrets"] = json!(CLIENT_SECRET);
    let path = file("check-wrong.json", &wrong.to_string());
    let run = run(&["check", &path], "");
    assert_eq!(run.code, 1);
    for place in ["rules[1].require.scopes[0]: ", "rulez: ", "issuers.corp.introspection.client.secrets: "] {
        assert!(
            run.out.lines().any(|line| line.starts_with(&format!("{path}: {place}"))),
            "{place}: {}",
            run.out
        );
    }
    is_silent(&run);
}

#[test]
fn what_cannot_be_read_or_holds_no_policy_is_a_problem() {
    let (broken, service) =
        (file("check-broken.yaml", "a: [canary-opaque-token"), file("check-service.yaml", "kind: Service"));
    let run = run(&["check", &broken, &service, "no-such-file"], "");
    assert_eq!(run.code, 1);
    let problems: Vec<&str> = run.out.lines().collect();
    assert!(
        problems[0].contains("is not YAML")
            && problems[1].contains("holds no policy")
            && problems[2].contains("cannot be read")
    );
    is_silent(&run);
}

#[test]
fn a_policy_is_found_in_a_proxys_file_and_advice_changes_the_exit_code_where_it_is_denied() {
    let filter = json!({"name": "scopegate", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
        "config": {"name": "scopegate", "failure_policy": "FAIL_OPEN", "configuration": {
            "@type": "type.googleapis.com/google.protobuf.StringValue", "value": policy().to_string()}},
    }});
    let manager = json!({"typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "http_filters": [filter],
    }});
    let envoy = json!({"static_resources": {
        "listeners": [{"filter_chains": [{"filters": [manager]}]}], "clusters": [{"name": "app"}],
    }});
    let plugin = "---\nkind: WasmPlugin\nmetadata: {name: scopegate}\nspec: {failStrategy: FAIL_CLOSE, pluginConfig: {rulez: []}}\n";
    let (envoy, istio) = (
        file("check-envoy.json", &envoy.to_string()),
        file("check-istio.yaml", &format!("kind: Service\n{plugin}")),
    );
    let good = run(&["check", &envoy], "");
    let place =
        format!("{envoy}: static_resources.listeners[0].filter_chains[0].filters[0].http_filters[0]: ");
    assert_eq!(good.code, 0, "{}", good.out);
    assert!(good.out.starts_with(&format!("{place}good: 1 issuer, 2 rules\n")), "{}", good.out);
    for words in ["FAIL_OPEN", "vm_id", "normalize_path", "request_timeout", "cluster \"idp\""] {
        let warns = |line: &str| line.starts_with(&format!("warning: {place}")) && line.contains(words);
        assert!(good.out.lines().any(warns), "{words}: {}", good.out);
    }
    is_silent(&good);
    let denied = run(&["check", "--deny-warnings", &envoy], "");
    assert_eq!((denied.code, denied.out), (1, good.out));
    let plain = run(&["check", "--deny-warnings", &policy_file("check-plain.json")], "");
    assert_eq!(plain.code, 0, "{}", plain.out);
    let wrong = run(&["check", &istio], "");
    assert_eq!(wrong.code, 1);
    assert!(wrong.out.starts_with(&format!("{istio}: document 2: spec.pluginConfig: rul")), "{}", wrong.out);
}

#[test]
fn a_secret_that_is_not_set_is_only_a_note() {
    let mut with_variable = policy();
    with_variable["issuers"]["corp"]["introspection"]["client"]["secret"] = json!({"env": "IDP_SECRET"});
    let run = run(&["check", &file("check-env.json", &with_variable.to_string())], "");
    assert!(run.code == 0 && run.err.starts_with("note: ") && run.err.contains("IDP_SECRET"), "{}", run.err);
    for algorithm in [json!("ES256"), json!("EdDSA")] {
        with_variable["issuers"]["corp"]["introspection"]["client"] = json!(
            {"id": "gateway", "method": "private_key_jwt", "key": {"env": "A_KEY_THAT_IS_NOT_SET"}, "alg": algorithm});
        let run = self::run(&["check", &file("check-env-key.json", &with_variable.to_string())], "");
        assert!(run.code == 0 && run.err.contains("A_KEY_THAT_IS_NOT_SET"), "{algorithm}: {}", run.out);
    }
}

#[test]
fn key_sets_that_nothing_seals_are_only_a_note() {
    let jwks = json!({"uri": "https://idp.example.com/jwks", "cluster": "idp"});
    let fetched = |secret: Value, seal: Value| {
        let mut policy = policy();
        policy["issuers"]["corp"]["jwt"] = json!({"jwks": jwks});
        policy["issuers"]["corp"]["introspection"]["client"]["secret"] = secret;
        if !seal.is_null() {
            policy["seal"] = seal;
        }
        let run = run(&["check", &file("check-seal.json", &policy.to_string())], "");
        assert_eq!(run.code, 0, "{}", run.out);
        run.err
    };
    let (long, short) = (json!("a secret of more than sixteen"), json!("short"));
    let told = fetched(short.clone(), Value::Null);
    assert!(told.starts_with("note: ") && told.contains("nothing seals the key sets of corp: "), "{told}");
    assert_eq!(fetched(long.clone(), Value::Null), "");
    assert_eq!(fetched(short, json!("a seal of thirty-two characters or")), "");
    for told in [fetched(json!({"env": "IDP_SECRET"}), Value::Null), fetched(long, json!({"env": "SEAL"}))] {
        assert!(told.contains("is not set here") && !told.contains("nothing seals"), "{told}");
    }
}

// test

const SUITE: &str = r#"
keys: {corp-1: ES256}
policy:
  issuers: {corp: {issuer: "https://idp", audiences: [api], jwt: {jwks: {uri: "https://idp/jwks", cluster: idp}}}}
  upstream: {headers: {x-auth-subject: sub}}
  rules: [{name: read, require: {scopes: [read]}}]
tokens: {good: {key: corp-1, claims: {iss: "https://idp", sub: alice, aud: api, exp: {in: 5m}, scope: read}}}
answers: {/jwks: {keys: [corp-1]}}
tests:
  - name: a good token passes
    request: {token: good}
    expect: {outcome: admit, issuer: corp, upstream: {set: {x-auth-subject: alice}, absent: [authorization]}, asked: {/jwks: 1}}
  - name: it ends
    at: {in: 7m}
    request: {token: good}
    expect: {outcome: refuse, status: 401, reason: token_expired}
"#;

#[test]
fn policy_tests_that_hold_are_ok() {
    let path = file("test-good.yaml", SUITE);
    let run = run(&["test", &path], "");
    assert_eq!(run.out, format!("ok {path}: a good token passes\nok {path}: it ends\n2 passed, 0 failed\n"));
    assert_eq!((run.code, run.err.as_str()), (0, ""));
}

#[test]
fn policy_tests_that_fail_tell_expected_and_found() {
    let suite =
        SUITE.replace("reason: token_expired", "reason: other").replace("scope: read}", "scope: write}");
    let path = file("test-wrong.yaml", &suite);
    let run = run(&["test", &path, "no-such-file"], "");
    assert_eq!(run.code, 1);
    assert!(run.out.contains(&format!(
        "FAILED {path}: a good token passes: outcome: expected admit, found refuse (scope_insufficient)"
    )));
    assert!(run.out.contains("reason: expected other, found token_expired"), "{}", run.out);
    assert!(run.out.contains("no-such-file: cannot be read") && run.out.ends_with("0 passed, 2 failed\n"));
    assert!(!run.out.contains('\u{1b}') && !run.out.contains("eyJ"), "{}", run.out);
}

#[test]
fn a_mistake_in_a_test_file_names_its_place() {
    let path = file("test-mistake.yaml", &SUITE.replace("outcome: admit", "outcame: admit"));
    let run = run(&["test", &path], "");
    let [missing, unknown, _] = run.out.lines().collect::<Vec<_>>()[..] else { panic!("{}", run.out) };
    assert_eq!(
        (run.code, missing),
        (1, &*format!("{path}: tests[0].expect.outcome: is missing: write admit or refuse"))
    );
    let told = format!("{path}: tests[0].expect.outcame: is not a known key: did you mean `outcome`? ");
    assert!(unknown.starts_with(&told), "{unknown}");
    let path = file("test-policy.yaml", &SUITE.replace("scopes: [read]", "scopes: [r d]"));
    let refused = self::run(&["test", &path], "");
    assert!(
        refused.out.starts_with(&format!("{path}: policy: rules[0].require.scopes[0]: ")),
        "{}",
        refused.out
    );
}

// explain

#[test]
fn every_reading_of_a_host_and_a_path_is_explained_with_its_rule() {
    let rules = json!({"rules": [
        {"name": "admin", "match": {"paths": ["/admin/**"]}, "access": "deny"},
        {"name": "www", "match": {"hosts": ["www.example.com"]}, "access": "anonymous"},
    ]});
    let policy = file("explain-readings.json", &rules.to_string());
    let explain = |authority: &str, path: &str| {
        run(&["explain", "--policy", &policy, "--authority", authority, "--path", path], "").out
    };
    let told = explain("www.example.com", "/admin;x=1/users");
    for words in
        ["where www decides", "other servers read /admin/users, where admin decides", "path_ambiguous"]
    {
        assert!(told.contains(words), "{words}: {told}");
    }
    let told = explain("www.example.com:1", "/");
    for words in [
        "www.example.com:1, as it stands, where no rule decides",
        "others read www.example.com, where www decides",
        "authority: {ports: any}",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(explain("a:b:c", "/").contains("nobody can say which it is"));
}

#[test]
fn a_decision_is_explained_step_by_step_without_the_token() {
    let policy = policy_file("explain.json");
    let arguments = [
        "explain",
        "--policy",
        &policy,
        "--authority",
        "api.example.com",
        "--path",
        "/%6Frders/1?q=canary-opaque-token",
    ];
    let more = ["--token", TOKEN, "--now", NOW, "--reply", &active().to_string()];
    let run = run(&[&arguments[..], &more[..]].concat(), "");
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    for words in [
        "/orders/1, in its normal form",
        "read, number 2 of 2",
        "not health, since its paths differ",
        "opaque token",
        "corp vouches for",
        "in 1m 40s",
        "read:orders",
        "admit, admitted",
        "sees x-auth-subject: bob",
        "does not see authorization",
        "POST https://idp.example.com/introspect through cluster idp: status 200",
    ] {
        assert!(run.out.contains(words), "{words}: {}", run.out);
    }
    is_silent(&run);
}

#[test]
fn a_binding_is_explained_with_what_the_sender_shows_of_it() {
    let mut policy = policy();
    policy["client_certificate"] = json!({"from": "x-forwarded-client-cert"});
    let forwarded = file("explain-forwarded.json", &policy.to_string());
    let connection = policy_file("explain-bound.json");
    let thumbprint = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
    let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let body = json!({"active": true, "iss": "https://idp.example.com", "aud": "orders-api", "scope": "read:orders",
            "cnf": {"x5t#S256": thumbprint}});
    let reply =
        json!({"status": 200, "headers": [["content-type", "application/json"]], "body": body.to_string()});
    let reply = reply.to_string();
    let field = format!("x-forwarded-client-cert: Hash={hex}");
    let of = |policy: &str, more: &[&str]| {
        let arguments =
            ["explain", "--policy", policy, "--authority", "api.example.com", "--path", "/orders/1"];
        let request = ["--token", TOKEN, "--now", NOW, "--reply", &reply];
        let run = run(&[&arguments[..], &request[..], more].concat(), "");
        assert_eq!((run.code, run.err.as_str()), (0, ""));
        run.out
    };
    let told = |out: &str, words: &[&str]| {
        assert!(words.iter().all(|words| out.contains(words)), "{words:?}: {out}");
    };
    let shown = format!("that of the connection is {thumbprint}");
    told(&of(&connection, &["--client-cert-sha256", hex]), &[&shown, "admit, admitted"]);
    told(&of(&connection, &["-H", &field]), &["the connection tells of none", "refuse, binding_unproven"]);
    let shown = format!("that of x-forwarded-client-cert is {thumbprint}");
    told(&of(&forwarded, &["-H", &field]), &[&shown, "admit, admitted"]);
    let nothing = ["x-forwarded-client-cert tells of none", "refuse, binding_unproven"];
    told(&of(&forwarded, &["--client-cert-sha256", hex]), &nothing);
}

#[test]
fn what_is_no_access_token_is_explained_by_its_mark() {
    let key = PrivateKey::generate(Algorithm::Es256, Some("k")).unwrap();
    let policy = json!({
        "issuers": {"corp": {
            "issuer": "none",
            "audiences": "any",
            "jwt": {"jwks": {"inline": {"keys": [key.public_jwk()]}}, "allow_missing_exp": true},
        }},
        "rules": [{"require": {}}],
    });
    let policy = file("explain-mark.json", &policy.to_string());
    let explain = |header: Value, claims: Value| {
        let token = key.sign(header.as_object().unwrap(), &claims).unwrap();
        let run = run(
            &[
                "explain",
                "--policy",
                &policy,
                "--authority",
                "a.example",
                "--path",
                "/",
                "--token",
                &token,
                "--now",
                NOW,
            ],
            "",
        );
        assert_eq!((run.code, run.err.as_str()), (0, ""));
        run.out
    };
    for (header, claims, words) in [
        (json!({"typ": "logout+jwt"}), json!({}), "its header's typ is that of a logout token"),
        (json!({}), json!({"typ": "Refresh"}), "its claim typ is that of a refresh token"),
        (
            json!({}),
            json!({"nonce": "canary"}),
            "it has the claim nonce, and nothing says that it is an access token",
        ),
    ] {
        let out = explain(header, claims);
        let decision = out.lines().find(|line| line.starts_with("decision")).unwrap();
        assert!(decision.contains("refuse, type_not_allowed") && decision.contains(words), "{out}");
        assert!(!decision.contains("canary"), "{out}");
    }
    let out = explain(json!({}), json!({"cnf": {"kid": "a"}}));
    assert!(out.contains("bound     in a way that nobody can prove here"), "{out}");
}

#[test]
fn a_line_of_decide_is_explained_too() {
    let policy = policy_file("explain-line.json");
    let key = file(
        "explain-key.json",
        &json!({"kty": "oct", "alg": "HS256", "kid": "s", "k": HMAC_KEY}).to_string(),
    );
    let minted =
        run(&["mint", "token", "--key", &key, "--iss", "https://idp.example.com", "--aud", "orders-api"], "");
    let token = minted.out.trim();
    let explained = run(
        &["explain", "--policy", &policy, "--line"],
        &lines(&[request(1, "/orders/1", Some(token), &[])]),
    );
    assert_eq!(explained.code, 0, "{}", explained.err);
    for words in [
        "alg HS256, kid s, typ at+jwt",
        "holds, with the keys of corp",
        "refuse, scope_insufficient",
        "gets status 403",
    ] {
        assert!(explained.out.contains(words), "{words}: {}", explained.out);
    }
    assert!(!explained.out.contains(token.rsplit('.').next().unwrap()));
    is_silent(&explained);
}

#[test]
fn credentials_that_are_refused_are_not_shown_either() {
    let policy = policy_file("explain-refused.json");
    for value in [
        "Bearer canary-opaque-token canary-opaque-token",
        "Bearer canary-opaque-token,x",
        "Basic canary-opaque-token",
    ] {
        let header = format!("authorization: {value}");
        let run = run(
            &["explain", "--policy", &policy, "--authority", "a", "--path", "/orders/1", "-H", &header],
            "",
        );
        assert!(run.code == 0 && run.out.contains("refuse"), "{}", run.err);
        is_silent(&run);
    }
}

// mint

#[test]
fn minted_keys_and_tokens_are_accepted_by_the_engine() {
    for algorithm in ["RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA"] {
        let made = run(&["mint", "key", "--alg", algorithm, "--kid", "k"], "");
        let key = file(&format!("mint-{algorithm}.json"), &made.out);
        let jwks = run(&["mint", "jwks", &key], "");
        assert!(jwks.err.is_empty() && !jwks.out.contains("\"d\""));
        let mut policy = policy();
        policy["issuers"]["corp"]["jwt"] = json!({"jwks": {"inline": serde_json::from_str::<Value>(&jwks.out).unwrap()}, "algorithms": [algorithm]});
        let policy = file(&format!("mint-policy-{algorithm}.json"), &policy.to_string());
        let claims = r#"{"nbf": {"ago": "1m"}, "iss": "overruled"}"#;
        let token = run(
            &[
                "mint",
                "token",
                "--key",
                &key,
                "--claims",
                claims,
                "--iss",
                "https://idp.example.com",
                "--aud",
                "orders-api",
                "--scope",
                "read:orders x",
                "--sub",
                "alice",
                "--expires-in",
                "1m",
            ],
            "",
        );
        let decided = run(
            &["decide", "--policy", &policy],
            &lines(&[request(1, "/orders/1", Some(token.out.trim()), &[])]),
        );
        assert_eq!(decided.lines()[0]["reason"], "admitted", "{algorithm}: {}", decided.out);
        assert_eq!(decided.lines()[0]["upstream"]["set"], json!([["x-auth-subject", "alice"]]));
    }
}

#[test]
fn a_symmetric_key_in_a_jwks_is_warned_about() {
    let key = file("mint-hs.json", &run(&["mint", "key", "--alg", "HS512"], "").out);
    let jwks = run(&["mint", "jwks", &key], "");
    assert!(jwks.code == 0 && jwks.err.starts_with("warning: "), "{}", jwks.err);
}

// the rest

#[test]
fn the_schema_is_json_and_the_version_is_told() {
    let schema: Value = serde_json::from_str(&run(&["schema"], "").out).unwrap();
    assert!(schema.is_object());
    assert_eq!(run(&["--version"], "").out, format!("scopegate {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_wrong_call_exits_with_two() {
    let policy = policy_file("usage.json");
    for arguments in [
        &[][..],
        &["unknown"],
        &["check"],
        &["decide"],
        &["decide", "--policy", "-"],
        &["decide", "--policy", &policy, "--now", "soon"],
        &["explain", "--policy", &policy],
        &["explain", "--policy", &policy, "--line", "--token", "x"],
        &["explain", "--policy", &policy, "--authority", "a", "-H", "no colon"],
        &["mint", "key", "--alg", "none"],
    ] {
        let run = run(arguments, "");
        assert!(
            run.code == 2 && run.out.is_empty() && !run.err.is_empty(),
            "{arguments:?}: {} {}",
            run.code,
            run.err
        );
    }
}

#[test]
fn every_scenario_of_the_repository_holds() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path().to_str().unwrap().to_owned());
    let mut files: Vec<String> = files.filter(|path| path.ends_with(".yaml")).collect();
    files.sort();
    let arguments: Vec<&str> = ["test"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let run = run(&arguments, "");
    let failed: Vec<&str> = run.out.lines().filter(|line| !line.starts_with("ok ")).collect();
    assert!(run.code == 0 && files.len() >= 4, "{}", failed.join("\n"));
}

#[test]
fn a_bound_token_is_proven_once_and_explained() {
    let mint = |arguments: &[&str]| {
        let made = run(&[&["mint"], arguments].concat(), "");
        assert_eq!((made.code, made.err.as_str()), (0, ""), "{arguments:?}");
        made.out.trim().to_owned()
    };
    let key = file("dpop-issuer.json", &mint(&["key", "--alg", "ES256"]));
    let device = file("dpop-device.json", &mint(&["key", "--alg", "EdDSA"]));
    let mut policy = policy();
    policy["dpop"] = json!({});
    let jwks: Value = serde_json::from_str(&mint(&["jwks", &key])).unwrap();
    policy["issuers"]["corp"]["jwt"] = json!({"jwks": {"inline": jwks}, "algorithms": ["ES256"]});
    let policy = file("dpop-policy.json", &policy.to_string());
    let common = ["--iss", "https://idp.example.com", "--aud", "orders-api", "--scope", "read:orders"];
    let token = mint(&[&["token", "--key", &key, "--dpop-key", &device], &common[..]].concat());
    let uri = "https://api.example.com/orders/1";
    let proof =
        |more: &[&str]| mint(&[&["proof", "--key", &device, "--uri", uri, "--token", &token], more].concat());
    let request = |proof: &str, id: u64| {
        let headers = json!([["authorization", format!("DPoP {token}")], ["dpop", proof]]);
        json!({"id": id, "method": "GET", "authority": "api.example.com", "path": "/orders/1", "headers": headers})
    };
    let good = proof(&[]);
    let proofs = [
        &good,
        &good,
        &proof(&["--method", "PUT"]),
        &proof(&["--issued-ago", "2m"]),
        &proof(&["--claims", r#"{"ath": null}"#]),
        &proof(&["--header", r#"{"typ": "JWT"}"#]),
        &proof(&["--nonce", "unasked"]),
    ];
    let sent: Vec<Value> = proofs.iter().zip(0..).map(|(proof, id)| request(proof, id)).collect();
    let decided = run(&["decide", "--policy", &policy], &lines(&sent));
    let reasons: Vec<Value> = decided.lines().iter().map(|line| line["reason"].clone()).collect();
    let invalid = "proof_invalid";
    assert_eq!(reasons, ["admitted", "proof_replayed", invalid, invalid, invalid, invalid, "admitted"]);

    let explain = |proof: &str| {
        let told = run(&["explain", "--policy", &policy, "--line"], &lines(&[request(proof, 1)]));
        assert!(!told.out.contains(proof) && !told.out.contains(&token), "{}", told.out);
        told.out
    };
    let told = explain(&good);
    for words in [
        "after DPoP",
        "has to be about GET https://api.example.com/orders/1",
        "its signature holds, with the key of thumbprint",
        "admit, admitted",
        "does not see authorization, dpop",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let told = explain(&proof(&["--method", "PUT"]));
    assert!(told.contains("htm: \"PUT\"") && told.contains("its htm is not the method"), "{told}");
    let symmetric = file("dpop-symmetric.json", &mint(&["key", "--alg", "HS256"]));
    let refused = run(&["mint", "token", "--key", &key, "--dpop-key", &symmetric], "");
    assert!(refused.code == 1 && refused.err.contains("nothing can be bound to it"), "{}", refused.err);
}

/// Every command that takes a policy, given `policy`; and `test` with a file that names it.
fn every_command(name: &str, policy: &str) -> Vec<Run> {
    let test = file(
        &format!("{name}-test.yaml"),
        &format!("policy: {policy}\ntests:\n  - {{name: a, request: {{}}, expect: {{outcome: refuse}}}}\n"),
    );
    let request = lines(&[request(1, "/", None, &[])]);
    vec![
        run(&["check", policy], ""),
        run(&["decide", "--policy", policy], &request),
        run(&["explain", "--policy", policy, "--authority", "a"], ""),
        run(&["test", &test], ""),
    ]
}

#[test]
fn what_readers_of_yaml_differ_on_is_refused_by_every_command() {
    const RULE: &str = "{name: y, require: {claims: {country: NO, build: \"1e3\", level: 5, tenant: 0123}}}";
    const ISSUERS: &str = "issuers: {corp: {audiences: any, introspection: {uri: \"https://a/i\", cluster: a, client: {method: none}}}}";
    let policy = file("differ.yaml", &format!("{ISSUERS}\nrules:\n  - {RULE}\n"));
    let inline = file("differ-inline.yaml", &format!("policy: {{{ISSUERS}, rules: [{RULE}]}}\ntests: []\n"));
    let plugin = file(
        "differ-plugin.yaml",
        &format!(
            "kind: WasmPlugin\nmetadata: {{name: scopegate, y: 0123}}\nspec: {{pluginConfig: {{{ISSUERS}, rules: [{RULE}]}}}}\n"
        ),
    );
    let runs = every_command("differ", &policy).into_iter().chain(every_command("differ-plugin", &plugin));
    for run in runs.chain([run(&["test", &inline], "")]) {
        let told = run.out + &run.err;
        assert_eq!(run.code, 1, "{told}");
        for place in
            ["rules[0].name: ", "rules[0].require.claims.country: ", "rules[0].require.claims.tenant: "]
        {
            assert!(told.contains(place), "{place}: {told}");
        }
        assert!(
            told.contains("write it in quotes") && !told.contains("build") && !told.contains("level"),
            "{told}"
        );
    }
    let quoted = RULE.replace("name: y", "name: 'y'").replace("NO", "\"NO\"").replace("0123", "\"0123\"");
    let quoted = file("differ-not.yaml", &format!("{ISSUERS}\nrules:\n  - {quoted}\n"));
    for run in every_command("differ-not", &quoted) {
        assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    }
}

#[test]
fn of_a_file_that_is_no_policy_nothing_is_shown() {
    for (name, text) in [
        ("shadow", "root:$y$j9T$hunter2:19000:0:99999:7:::\ndaemon:*hunter2:19000:0:99999:7:::\n"),
        ("shadow.yaml", "root:$y$j9T$hunter2:19000:0:99999:7:::\n"),
        ("settings", "hunter2: hunter2\nother: [hunter2]\n"),
        ("settings.json", "{\"hunter2\": {\"hunter2\": 1}}"),
        ("words", "hunter2\nhunter2 hunter2\n"),
        ("broken", "a: [hunter2\nb: {hunter2"),
    ] {
        let path = file(&format!("no-policy-{name}"), text);
        for run in
            every_command(&format!("no-policy-{name}"), &path).into_iter().chain([run(&["test", &path], "")])
        {
            let told = run.out + &run.err;
            assert!(run.code == 1 && !told.contains("hunter2"), "{name}: {told}");
        }
    }
}
