//! Secrets that stand in requests, answers, the policy and the environment appear in no log line, metric or response.
//!
//! Of Envoy's own loggers only the one for Wasm is at trace: others write whole heads at debug, of every request, which
//! is theirs to do. A config dump shows the configuration, secrets that are written in it among them.

use kit::canary::{self, Canary, tells_nothing};
use kit::client::{Request, Response};
use kit::deadline::{PATIENCE, poll, unix_now};
use kit::envoy::Launch;
use kit::issuer::Answer;
use kit::server::Received;
use libtest_mimic::Trial;
use scopegate::base::base64url;
use scopegate::base::time::UnixTime;
use scopegate::http::form;
use scopegate::jose::algorithm::{Algorithm, Algorithms};
use scopegate::jose::backend::NoAccelerator;
use scopegate::jose::jws::Unverified;
use scopegate::jose::key_set::{KeySet, Origin};
use scopegate::jose::verify::verify;
use scopegate::tool::mint::{PrivateKey, Subject};
use serde_json::{Map, Value, json};

use crate::ring::{Plan, Site, alone, trial};
use crate::tokens::{ISSUER, jwks, key, order, signed, with_one_bit_changed};

const ENVIRONMENT: &str = "canary-environment-4711";
const INLINE: &str = "canary-inline-4711";
const BEARER: &str = "canary-bearer-4711";
const SHARED: &str = "canary-shared-4711-canary-shared-4711";
const FETCHED: &str = "canary-fetched-4711-canary-fetched-4711";
const CLAIM: &str = "canary-claim-4711";
const AUDIENCE: &str = "canary-audience-4711";
const CLIENT: &str = "canary-client-4711";
const SCOPE: &str = "canary-scope-4711";
/// Times that are nobody else's.
const ISSUED: i64 = 1_471_147_114;
const ENDS: i64 = 4_711_471_147;
const ENDED: i64 = 1_147_114_711;
const SUBJECT: &str = "canary-subject-4711";
const OPAQUE: &str = "canary-opaque-4711";
const PROOF: &str = "canary-proof-4711";
const PATH: &str = "canary-path-4711";
const REPLY: &str = "canary-reply-4711";

/// Where the issuers are asked, one after the other until one knows the token.
const ASKED: [&str; 5] = ["/env", "/inline", "/bearer", "/assertion", "/query"];
const LAST: &str = "/query";

pub(crate) fn trials() -> Vec<Trial> {
    let keys = Keys::new();
    let plan = plan(&keys);
    let launch = Launch { filter_log: "trace", ..Launch::workers(1) };
    vec![
        trial("quiet::canaries_are_found_in_every_form", canary::canaries_are_found_in_every_form),
        alone("quiet::no_secret_is_logged_or_answered", plan, launch, move |site| {
            Watch::of(site, &keys).all()
        }),
    ]
}

/// The keys of this test: two that sign tokens, our own, and one that its issuer takes no care of.
struct Keys {
    signing: PrivateKey,
    shared: PrivateKey,
    assertion: PrivateKey,
    careless: PrivateKey,
}

impl Keys {
    fn new() -> Self {
        let shared = json!({"kty": "oct", "alg": "HS256", "kid": "shared", "k": base64url::encode(SHARED)});
        Self {
            signing: key("signing"),
            shared: PrivateKey::from_jwk(&shared).unwrap(),
            assertion: PrivateKey::generate(Algorithm::Es256, Some("gw")).unwrap(),
            careless: key("careless"),
        }
    }

    /// What a careless issuer publishes: halves of keys that are nobody's business.
    fn published(&self) -> Value {
        let shared = json!({"kty": "oct", "kid": REPLY, "k": base64url::encode(FETCHED)});
        json!({"keys": [shared, {"kty": REPLY, "kid": REPLY}, {"kty": "EC", "crv": REPLY, "x": REPLY}, self.careless.jwk(), self.signing.public_jwk()]})
    }
}

fn plan(keys: &Keys) -> Plan {
    let asked = |path: &str, protocol: &str, client: Value| {
        let uri = format!("https://idp.example.com{path}");
        let mut introspection = json!({"protocol": protocol, "uri": uri, "cluster": "idp"});
        if !client.is_null() {
            introspection["client"] = client;
        }
        json!({"audiences": "any", "introspection": introspection})
    };
    let inline = json!({"keys": [keys.signing.public_jwk(), keys.shared.jwk()]});
    let policy = json!({
        "issuers": {
            "signing": {"issuer": ISSUER, "audiences": "any", "jwt": {"jwks": {"inline": inline}, "algorithms": ["ES256", "HS256"], "clock_skew": "0s"}},
            "fetched": {"issuer": "https://keys.example.com", "audiences": "any",
                "jwt": {"jwks": {"uri": "https://keys.example.com/keys", "cluster": "idp"}}},
            "env": asked(ASKED[0], "rfc7662", json!({"id": "gateway", "secret": {"env": "IDP_SECRET"}, "method": "basic"})),
            "inline": asked(ASKED[1], "rfc7662", json!({"id": "gateway", "secret": INLINE, "method": "post"})),
            "bearer": asked(ASKED[2], "rfc7662", json!({"secret": BEARER, "method": "bearer"})),
            "assertion": asked(ASKED[3], "rfc7662", json!({"id": "gateway", "method": "private_key_jwt",
                "key": {"env": "IDP_KEY"}, "alg": "ES256", "audience": "https://idp.example.com"})),
            "query": asked(LAST, "openam", Value::Null),
        },
        "token": {"from": [{"header": "authorization", "scheme": "Bearer"}, {"query": "access_token"}, {"cookie": "session"}]},
        "rules": [{"name": "orders", "match": {"paths": ["/orders/**"]}, "require": {"scopes": ["orders"]}}],
        "upstream": {"headers": {"x-auth-subject": "sub"}, "filter_state": ["subject", "client", "issuer", "rule", "reason"]},
        "dpop": {},
        "protected_resource": {"resource": "https://api.example.com", "path": "/.well-known/oauth-protected-resource"},
    });
    let plan = Plan::new(policy)
        .environment("IDP_SECRET", ENVIRONMENT)
        .environment("IDP_KEY", &keys.assertion.jwk().to_string())
        .answer("/keys", Answer::json(&keys.published()));
    ASKED.iter().fold(plan, |plan, path| plan.answer(path, unknown()))
}

/// An issuer does not know the token.
fn unknown() -> Answer {
    Answer::json(&json!({"active": false, "error_description": REPLY}))
}

/// The last one knows it.
fn known() -> Answer {
    Answer::json(
        &json!({"expires_in": 600, "scope": ["orders", SCOPE], "realm": CLAIM, "client_id": CLIENT, "sub": SUBJECT}),
    )
}

/// A site, what was planted in it, and what came back.
struct Watch<'s> {
    site: &'s Site,
    keys: &'s Keys,
    canaries: Vec<Canary>,
    /// Those that stand in Envoy's configuration.
    configured: Vec<Canary>,
    responses: Vec<Response>,
    forwarded: Vec<Received>,
    opaque: usize,
}

impl<'s> Watch<'s> {
    fn of(site: &'s Site, keys: &'s Keys) -> Self {
        let private = |key: &PrivateKey| key.jwk()["d"].as_str().unwrap().to_owned();
        let configured = vec![
            Canary::new("the secret of the environment", ENVIRONMENT),
            Canary::new("the secret of the policy", INLINE),
            Canary::new("our own token", BEARER),
            Canary::new("the shared key", "canary-shared"),
            Canary::within("our private key", &private(&keys.assertion)),
        ];
        let named = [
            ("a fetched key", "canary-fetched"),
            ("a claim", CLAIM),
            ("an audience", AUDIENCE),
            ("a scope", SCOPE),
            ("the time of issue", &ISSUED.to_string()),
            ("the expiry", &ENDS.to_string()),
            ("an opaque token", OPAQUE),
            ("a proof", PROOF),
            ("a path", PATH),
            ("an answer", REPLY),
        ];
        let mut canaries: Vec<_> = named.iter().map(|(name, word)| Canary::new(name, word)).collect();
        canaries.push(Canary::within("a private key that an issuer shows", &private(&keys.careless)));
        Self { site, keys, canaries, configured, responses: Vec::new(), forwarded: Vec::new(), opaque: 0 }
    }

    fn all(mut self) {
        self.good();
        self.bad_tokens();
        self.bad_heads();
        self.bad_answers();
        self.planted();
        self.listen();
    }

    fn admitted(&mut self, request: &Request) {
        let received = self.site.admits(request);
        assert_eq!(received.head.get("x-auth-subject").as_deref(), Some(SUBJECT));
        self.forwarded.push(received);
    }

    fn refused(&mut self, request: &Request, status: u16, reason: &str) {
        self.responses.push(self.site.refuses(request, status, reason));
    }

    /// A token of which each part is a canary.
    fn token(&mut self, key: &PrivateKey, header: &Value, more: Value) -> String {
        let mut claims = json!({
            "sub": SUBJECT, "jti": CLAIM, "client_id": CLIENT, "azp": CLIENT, "aud": [AUDIENCE],
            "scope": format!("orders {SCOPE}"), "iat": ISSUED, "nbf": ISSUED, "auth_time": ISSUED, "exp": ENDS,
            "acr": CLAIM, "amr": [CLAIM], "email": format!("{CLAIM}@example.com"), (CLAIM): {(CLAIM): [CLAIM]},
        });
        crate::policies::merge(&mut claims, more);
        let token = signed(key, header, claims);
        let names = ["the header of a token", "the payload of a token", "the signature of a token"];
        let parts = names.iter().zip(token.split('.'));
        self.canaries.extend(parts.map(|(name, part)| Canary::within(name, part)));
        token
    }

    fn next_opaque(&mut self) -> String {
        self.opaque += 1;
        format!("{OPAQUE}-{}", self.opaque)
    }

    /// Every place and every kind of token that is admitted.
    fn good(&mut self) {
        let keys = self.keys;
        for key in [&keys.signing, &keys.shared] {
            let token = self.token(key, &json!({}), json!({}));
            self.admitted(&order(&token));
            self.admitted(&Request::get(&format!("/orders/1?a=b&access_token={token}&c=d")));
            self.admitted(&Request::get("/orders/1").field("cookie", format!("a=b; session={token}")));
        }
        let fetched = self.token(&keys.signing, &json!({}), json!({"iss": "https://keys.example.com"}));
        self.admitted(&order(&fetched));
        self.site.issuer.answers(LAST, known());
        let opaque = self.next_opaque();
        self.admitted(&order(&opaque));
        self.site.issuer.answers(LAST, unknown());
        self.bound();
    }

    /// A token that is bound to a key, and proofs that are good, used, wrong, broken or missing.
    fn bound(&mut self) {
        let client = PrivateKey::generate(Algorithm::Es256, None).unwrap();
        let cnf = json!({"cnf": {"jkt": client.thumbprint().unwrap()}});
        let token = self.token(&self.keys.signing, &json!({}), cnf);
        let mut proof = |uri: &str| {
            let subject = Subject { method: "GET", uri, token: &token, now: UnixTime::from_secs(unix_now()) };
            let claims = json!({"jti": format!("{PROOF}-{}", uri.len())});
            let proof = client.proof(&subject, &Map::new(), claims.as_object().unwrap()).unwrap();
            let parts = ["the header of a proof", "the payload of a proof", "the signature of a proof"];
            self.canaries
                .extend(parts.iter().zip(proof.split('.')).map(|(name, part)| Canary::within(name, part)));
            proof
        };
        let (good, wrong) =
            (proof("http://api.example.com/orders/1"), proof(&format!("http://{PROOF}/orders/1")));
        let with = |scheme: &str, proof: &str| {
            Request::get("/orders/1").field("authorization", format!("{scheme} {token}")).field("dpop", proof)
        };
        self.admitted(&with("DPoP", &good));
        for (request, reason) in [
            (with("DPoP", &good), "proof_replayed"),
            (with("DPoP", &wrong), "proof_invalid"),
            (with("DPoP", PROOF), "proof_invalid"),
            (with("DPoP", &with_one_bit_changed(&good, 3)), "proof_invalid"),
            (with("Bearer", &good), "binding_unproven"),
        ] {
            self.refused(&request, 401, reason);
        }
    }

    fn bad_tokens(&mut self) {
        let (signing, other) = (&self.keys.signing, key(CLAIM));
        let good = self.token(signing, &json!({}), json!({}));
        self.refused(&order(&with_one_bit_changed(&good, 3)), 401, "signature_invalid");
        for (key, header, claims, reason) in [
            (&other, json!({}), json!({}), "key_unknown"),
            (signing, json!({"alg": CLAIM}), json!({}), "alg_not_allowed"),
            (signing, json!({"crit": [CLAIM], (CLAIM): 1}), json!({}), "critical_header"),
            (signing, json!({}), json!({"iss": format!("https://{CLAIM}.example")}), "issuer_unknown"),
            (signing, json!({}), json!({"exp": CLAIM}), "claim_malformed"),
            (signing, json!({}), json!({"exp": ENDED}), "token_expired"),
        ] {
            let token = self.token(key, &header, claims);
            self.refused(&order(&token), 401, reason);
        }
        let narrow = self.token(signing, &json!({}), json!({"scope": CLAIM}));
        self.refused(&order(&narrow), 403, "scope_insufficient");
    }

    fn bad_heads(&mut self) {
        let get = |field: &str, value: String| Request::get("/orders/1").field(field, value);
        for (request, status, reason) in [
            (get("authorization", format!("Bearer {OPAQUE} {OPAQUE}")), 400, "credential_malformed"),
            (get("authorization", format!("Basic {OPAQUE}")), 401, "token_missing"),
            (get("authorization", format!("{OPAQUE} {OPAQUE}")), 401, "token_missing"),
            (get("cookie", format!("session={OPAQUE}; session={OPAQUE}")), 400, "credential_ambiguous"),
            (
                Request::get(&format!("/orders/1?access_token={OPAQUE}&access_token={OPAQUE}")),
                400,
                "credential_ambiguous",
            ),
            (Request::get(&format!("/orders/../{PATH}")), 400, "path_ambiguous"),
            (Request::get(&format!("/{PATH}")), 403, "unmatched"),
        ] {
            self.refused(&request, status, reason);
        }
    }

    /// An issuer that answers whatever it likes.
    fn bad_answers(&mut self) {
        let misbehaved = (503, "issuer_misbehaved");
        let answers = [
            (
                Answer::json(&json!({"expires_in": 600, "scope": [REPLY], "sub": SUBJECT, "realm": REPLY})),
                (403, "scope_insufficient"),
            ),
            (Answer::json(&json!({"expires_in": REPLY, "scope": ["orders"]})), misbehaved),
            (Answer::json(&json!([REPLY])), misbehaved),
            (Answer::with_type("application/json", REPLY), misbehaved),
            (Answer::with_type("text/html", REPLY), misbehaved),
            (Answer::with_type(REPLY, REPLY), misbehaved),
            (refusal(400), (401, "token_inactive")),
            (refusal(418), misbehaved),
            (refusal(503), (503, "issuer_unavailable")),
            (Answer::Reset, (503, "issuer_unavailable")),
        ];
        for (number, (answer, (status, reason))) in answers.into_iter().enumerate() {
            self.site.issuer.answers(LAST, answer);
            let opaque = self.next_opaque();
            let response = self.site.send(&order(&opaque));
            let told = self.site.logged(&response).get("details").to_owned();
            assert_eq!(
                (response.status, &*told),
                (status, &*format!("scopegate_{reason}")),
                "answer {number}"
            );
            self.responses.push(response);
        }
        let long = format!("{OPAQUE}{}", "x".repeat(20_000));
        self.refused(&order(&long), 401, "token_too_long");
    }

    /// Holds every secret to having been in use.
    fn planted(&self) {
        let last = |path: &str| {
            let question = self.site.issuer.questions(path).pop().unwrap();
            let target = [b"?", question.body.as_slice()].concat();
            let value = |name: &str| form::query_values(&target, name.as_bytes()).pop().unwrap_or_default();
            let shown = question.head.get("authorization").unwrap_or_default();
            (shown, value("token"), value("client_secret"), value("client_assertion"), question.head.start)
        };
        let basic = base64url::encode_standard(format!("gateway:{ENVIRONMENT}"));
        let (shown, token, ..) = last("/env");
        assert!(shown == format!("Basic {basic}") && token.starts_with(OPAQUE.as_bytes()), "{shown}");
        assert_eq!(last("/inline").2, INLINE.as_bytes());
        assert_eq!(last("/bearer").0, format!("Bearer {BEARER}"));
        let public = jwks(&[&self.keys.assertion]);
        let (keys, _) = KeySet::parse(public.as_object().unwrap(), Origin::Inline).unwrap();
        let assertion = last("/assertion").3;
        let assertion = Unverified::parse(&assertion).unwrap();
        assert!(verify(assertion, &keys, Algorithms::ASYMMETRIC, &NoAccelerator).is_ok());
        assert!(last(LAST).4.contains(OPAQUE));
        assert!(self.site.issuer.asked("/keys") > 0);
    }

    fn listen(&self) {
        let site = self.site;
        let all = || self.canaries.iter().chain(&self.configured);
        // Who was admitted stands where the policy wants it, and nowhere else: in a field upstream, and in filter state,
        // which the access log shows here. When a token ended stands in the debug line about it.
        let whose = [Canary::new("a subject", SUBJECT), Canary::new("a client", CLIENT)];
        let ended = Canary::new("the time when a token ended", ENDED.to_string());
        for response in &self.responses {
            tells_nothing(all().chain(&whose).chain([&ended]), &format!("{response:?}"), "a response");
            tells_nothing(all().chain(&whose).chain([&ended]), &response.text(), "the body of a response");
            tells_nothing(all().chain([&ended]), &format!("{:?}", site.logged(response)), "the access log");
        }
        for received in &self.forwarded {
            tells_nothing(all(), &format!("{:?}", received.head), "a request to the application");
        }
        assert!(self.responses.len() > 25 && self.forwarded.len() == 9, "{}", self.responses.len());
        // The last decision has been logged: so have all before it.
        let logged = poll(PATIENCE, || site.envoy.log().contains("token_too_long").then_some(()));
        let log = site.envoy.log();
        assert!(logged.is_some() && log.contains("[trace][wasm]"), "the log is not at trace level:\n{log}");
        // Once about each: Envoy shows what it cannot read of a line, and a line of ours is none of its own.
        tells_nothing(all().chain(&whose), &log, "Envoy's log");
        let line = ended.line_of(&log).unwrap_or_else(|| panic!("nothing says when a token ended:\n{log}"));
        assert!(line.contains("token_expired rule=orders") && line.contains("[debug][wasm]"), "{line}");
        for page in
            ["/stats", "/stats/prometheus", "/clusters", "/listeners", "/server_info", "/certs", "/runtime"]
        {
            let text = site.envoy.admin(page);
            assert!(!text.is_empty() || page == "/certs", "{page} is empty");
            tells_nothing(all().chain(&whose).chain([&ended]), &text, page);
        }
        let dump = site.envoy.admin("/config_dump");
        for written in self.configured.iter().take(2) {
            assert!(written.line_of(&dump).is_some(), "Envoy shows what is written in its configuration");
        }
        tells_nothing(self.canaries.iter().chain(&whose).chain([&ended]), &dump, "/config_dump");
    }
}

/// A refusal with a canary wherever one can stand.
fn refusal(status: u16) -> Answer {
    let body = json!({"error": "invalid_token", "error_description": REPLY}).to_string();
    let headers = [("www-authenticate", REPLY), ("content-type", "application/json"), ("x-debug", REPLY)];
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Answer::Reply { status, headers, body: body.into_bytes() }
}
