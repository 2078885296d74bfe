//! Issuers that are asked in other ways than RFC 7662: what a policy may say about them, and the engine with them.
#![cfg(test)]

use std::rc::Rc;

use scopegate::base::base64url;
use scopegate::base::json::{self, Object};
use scopegate::base::time::UnixTime;
use scopegate::config;
use scopegate::gate::shared::SharedSlots;
use scopegate::gate::{Ask, Facts, Gate, RequestId, Step, Verdict};
use scopegate::http::form;
use scopegate::http::head::RequestHead;
use scopegate::http::message::{Answer, Reply};
use scopegate::jose::algorithm::{Algorithm, Algorithms};
use scopegate::jose::jws::Unverified;
use scopegate::jose::key_set::{KeySet, Origin};
use scopegate::jose::verify::{NoAccelerator, verify};
use scopegate::token::introspection::{ClientAuthentication, Protocol, TokenIn};
use scopegate::tool::mint::{PrivateKey, RsaSigner};
use serde_json::{Value, json};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

/// A policy whose one issuer is asked as `introspection` says, and whose rules want `read` and `write`.
fn policy(introspection: &Value) -> Value {
    let mut document = json!({
        "issuers": {"idp": {
            "audiences": "any",
            "introspection": {"uri": "https://idp.example.com/ask", "cluster": "idp"},
        }},
        "upstream": {"headers": {"x-sub": "sub", "x-client": "client_id"}, "claims_header": "x-claims"},
        "rules": [
            {"name": "read", "match": {"paths": ["/read"]}, "require": {"scopes": ["read"]}},
            {"name": "both", "match": {"paths": ["/both"]}, "require": {"scopes": ["read", "write"]}},
            {"name": "any", "require": {}},
        ],
    });
    let members = document["issuers"]["idp"]["introspection"].as_object_mut().unwrap();
    members.extend(introspection.as_object().unwrap().clone());
    document
}

fn compile(introspection: &Value) -> Result<scopegate::policy::Policy, Vec<String>> {
    let document = policy(introspection).to_string();
    config::compile(document.as_bytes(), &|_| None)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn protocol(introspection: &Value) -> Protocol {
    let mut policy = compile(introspection).unwrap();
    policy.issuers.remove(0).introspection.unwrap().endpoint.protocol
}

struct Driver {
    gate: Gate,
    last: u32,
}

impl Driver {
    fn new(introspection: &Value) -> Self {
        let policy = Rc::new(compile(introspection).unwrap());
        Self { gate: Gate::new(policy, [7; 16], Rc::new(NoAccelerator)), last: 0 }
    }

    /// Opens a request with the token `t`; what is asked then.
    fn open(&mut self, path: &str, now: UnixTime) -> (Step, Vec<Ask>) {
        self.open_with(path, "t", now)
    }

    fn open_with(&mut self, path: &str, token: &str, now: UnixTime) -> (Step, Vec<Ask>) {
        self.last += 1;
        let authorization = format!("Bearer {token}");
        let fields = [
            (":method", "GET"),
            (":authority", "api.example.com"),
            (":path", path),
            ("authorization", &authorization),
        ];
        let head =
            RequestHead::from_pairs(fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        let step = self.gate.open(RequestId(self.last), &head, &Facts::default(), now);
        (step, self.gate.asks(now))
    }

    /// The verdict on a request whose one question is answered so; and the path that was asked.
    fn judge(&mut self, path: &str, status: u16, body: &Value) -> (Verdict, String) {
        let (_, mut asks) = self.open(path, NOW);
        assert_eq!(asks.len(), 1, "{path}");
        let Ask { id, callout } = asks.remove(0);
        let fields = [("content-type".to_owned(), b"application/json".to_vec())];
        let body = body.to_string();
        let answer = Answer { status, fields: &fields, body: body.as_bytes() };
        let mut woken = self.gate.answer(id, &Reply::Answered(answer), NOW);
        assert_eq!(woken.len(), 1);
        (woken.remove(0).verdict, callout.path.expose().clone())
    }

    /// The reason of a request that is judged without a question.
    fn remembered(&mut self, path: &str, now: UnixTime) -> Option<&'static str> {
        match self.open(path, now) {
            (Step::Settle(verdict), asks) if asks.is_empty() => Some(verdict.note().reason),
            _ => None,
        }
    }
}

fn header(verdict: &Verdict, name: &str) -> Option<String> {
    let Verdict::Admit { edits, .. } = verdict else { return None };
    edits.set.iter().find(|(found, _)| **found == *name).map(|(_, value)| value.to_string())
}

#[test]
fn each_protocol_takes_what_belongs_to_it() {
    let secret = json!({"id": "gw", "secret": "s"});
    assert!(matches!(protocol(&json!({"client": secret})), Protocol::Rfc7662 { .. }));
    assert!(matches!(
        protocol(&json!({"protocol": "pingfederate", "client": secret})),
        Protocol::PingFederate { .. }
    ));
    for (members, expected) in [
        (json!({"protocol": "openam"}), Protocol::OpenAm { token_in: TokenIn::Query }),
        (json!({"protocol": "openam", "send": "header"}), Protocol::OpenAm { token_in: TokenIn::Header }),
        (
            json!({"protocol": "openam", "client": {"method": "none"}}),
            Protocol::OpenAm { token_in: TokenIn::Query },
        ),
        (json!({"protocol": "mule"}), Protocol::Mule { token_in: TokenIn::Query, send_scopes: false }),
        (
            json!({"protocol": "mule", "send": "header", "send_scopes": true}),
            Protocol::Mule { token_in: TokenIn::Header, send_scopes: true },
        ),
        (json!({"protocol": "userinfo"}), Protocol::UserInfo),
    ] {
        assert_eq!(protocol(&members), expected, "{members}");
    }
}

#[test]
fn what_does_not_belong_is_refused() {
    let client = json!({"id": "gw", "secret": "s"});
    let at = "issuers.idp.introspection";
    for (members, expected) in [
        (
            json!({}),
            ".client: is missing: write {id: .., secret: ..}, or {method: none} where the endpoint needs neither",
        ),
        (
            json!({"protocol": "pingfederate"}),
            ".client: is missing: write {id: .., secret: ..}, or {method: none} where the endpoint needs neither",
        ),
        (
            json!({"client": client, "send": "header"}),
            ".send: has no meaning in this protocol: leave it out, it is for openam and mule",
        ),
        (
            json!({"protocol": "userinfo", "send": "header"}),
            ".send: has no meaning in this protocol: leave it out, it is for openam and mule",
        ),
        (
            json!({"protocol": "openam", "send_scopes": true}),
            ".send_scopes: has no meaning in this protocol: leave it out, it is for mule",
        ),
        (
            json!({"protocol": "openam", "send": "body"}),
            ".send: is not one of the choices: write query or header",
        ),
        (json!({"protocol": "mule", "send_scopes": "yes"}), ".send_scopes: is a string: write true or false"),
        (
            json!({"protocol": "openam", "client": client}),
            ".client: has no meaning in this protocol: leave it out, the token itself is shown",
        ),
        (
            json!({"protocol": "userinfo", "client": {"id": "gw", "secret": "s", "method": "basic"}}),
            ".client: has no meaning in this protocol: leave it out, the token itself is shown",
        ),
        (
            json!({"protocol": "saml"}),
            ".protocol: is not one of the choices: write rfc7662, pingfederate, openam, mule or userinfo",
        ),
    ] {
        let problems = compile(&members).err().unwrap_or_default();
        assert_eq!(problems, [format!("{at}{expected}")], "{members}");
    }
}

/// The private key of RFC 7515 A.3.
fn ec_key() -> Value {
    json!({
        "kty": "EC", "crv": "P-256", "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    })
}

fn signing(more: Value) -> Value {
    let mut client = json!({"id": "gw", "method": "private_key_jwt", "key": ec_key(), "alg": "ES256"});
    client.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"client": client})
}

#[test]
fn an_assertion_is_for_the_issuer_by_default() {
    let audience = |introspection: &Value, issuer: Option<&str>| {
        let mut document = policy(introspection);
        if let Some(issuer) = issuer {
            document["issuers"]["idp"]["issuer"] = json!(issuer);
        }
        let environment = |name: &str| (name == "KEY").then(|| ec_key().to_string());
        let mut policy = config::compile(document.to_string().as_bytes(), &environment).unwrap();
        let protocol = policy.issuers.remove(0).introspection.unwrap().endpoint.protocol;
        let Protocol::Rfc7662 { client: ClientAuthentication::PrivateKeyJwt { audience, .. } } = protocol
        else {
            panic!("{protocol:?}")
        };
        audience
    };
    assert_eq!(audience(&signing(json!({})), Some("https://idp.example.com")), "https://idp.example.com");
    assert_eq!(audience(&signing(json!({})), None), "https://idp.example.com/ask");
    assert_eq!(audience(&signing(json!({"audience": "x"})), Some("https://idp.example.com")), "x");
    assert_eq!(audience(&signing(json!({"key": {"env": "KEY"}})), None), "https://idp.example.com/ask");
}

fn assertion(ask: &Ask) -> Object {
    let target = format!("?{}", ask.callout.body.expose());
    let assertion = form::query_values(target.as_bytes(), b"client_assertion").remove(0);
    let payload = assertion.split(|byte| *byte == b'.').nth(1).unwrap();
    json::object(&base64url::decode(payload).unwrap()).unwrap()
}

#[test]
fn no_assertion_is_made_twice() {
    let mut driver = Driver::new(&signing(json!({})));
    let first = assertion(&driver.open_with("/any", "t1", NOW).1[0]);
    let second = assertion(&driver.open_with("/any", "t2", NOW).1[0]);
    assert_eq!((&first["iss"], &first["sub"]), (&json!("gw"), &json!("gw")));
    assert_eq!((&first["iat"], &first["exp"]), (&json!(NOW.as_secs()), &json!(NOW.as_secs() + 60)));
    assert!(first["jti"].as_str().unwrap().len() == 22 && first["jti"] != second["jti"]);
}

/// Slots that forget everything at once.
struct Sieve;

impl SharedSlots for Sieve {
    fn read(&self, _: u32) -> Option<(Vec<u8>, u32)> {
        None
    }

    fn write(&self, _: u32, _: &[u8], _: Option<u32>) -> bool {
        true
    }
}

#[test]
fn workers_that_share_answers_share_no_assertion() {
    let jti = |own: u8| {
        let mut driver = Driver::new(&signing(json!({})));
        let policy = Rc::clone(driver.gate.policy());
        driver.gate = Gate::new(policy, [own; 16], Rc::new(NoAccelerator)).sharing(Rc::new(Sieve), [9; 16]);
        assertion(&driver.open("/any", NOW).1[0])["jti"].clone()
    };
    assert_ne!(jti(1), jti(2));
}

#[test]
fn rsa_takes_a_host_that_signs_and_is_an_outage_without_one() {
    let key = PrivateKey::generate(Algorithm::Rs256, Some("r1")).unwrap().jwk();
    let members = signing(json!({"key": key, "alg": "RS256"}));
    let mut driver = Driver::new(&members);
    driver.gate = driver.gate.signing_with(Rc::new(RsaSigner));
    let (_, asks) = driver.open("/any", NOW);
    let body = format!("?{}", asks[0].callout.body.expose());
    let assertion = form::query_values(body.as_bytes(), b"client_assertion").remove(0);
    let public = json!({"keys": [{"kty": "RSA", "kid": "r1", "n": key["n"], "e": key["e"]}]});
    let (keys, _) = KeySet::parse(public.as_object().unwrap(), Origin::Inline).unwrap();
    let assertion = Unverified::parse(&assertion).unwrap();
    assert!(verify(assertion, &keys, Algorithms::ASYMMETRIC, &NoAccelerator).is_ok());

    let mut driver = Driver::new(&members);
    let (step, asks) = driver.open("/any", NOW);
    assert!(matches!(step, Step::Park) && asks.is_empty());
    assert!(driver.gate.take_events().iter().any(|event| event.to_string().contains("cannot be signed")));
    let woken = driver.gate.expire(NOW);
    assert_eq!(woken.len(), 1, "nobody waits for what was not asked");
    assert_eq!(woken[0].verdict.note().reason, "issuer_unavailable");
    assert!(woken[0].verdict.note().detail.contains("ES256"), "{}", woken[0].verdict.note().detail);
    assert_eq!(driver.gate.waiting(), 0);
}

#[test]
fn each_dialect_leads_to_the_same_identity() {
    let client = json!({"id": "gw", "secret": "s"});
    let ping = json!({
        "token_type": "urn:pingidentity.com:oauth2:validated_token", "expires_in": 60,
        "scope": "read", "client_id": "app", "access_token": {"sub": "alice"},
    });
    for (members, body) in [
        (
            json!({"client": client}),
            json!({"active": true, "sub": "alice", "client_id": "app", "scope": "read"}),
        ),
        (json!({"protocol": "pingfederate", "client": client}), ping),
        (
            json!({"protocol": "openam"}),
            json!({"uid": "alice", "client_id": "app", "scope": ["read"], "expires_in": 60, "access_token": "t"}),
        ),
        (
            json!({"protocol": "mule"}),
            json!({"username": "alice", "client_id": "app", "scope": "read", "expires_in": 60}),
        ),
        (json!({"protocol": "userinfo"}), json!({"sub": "alice", "client_id": "app", "scope": "read"})),
    ] {
        let mut driver = Driver::new(&members);
        let (verdict, _) = driver.judge("/read", 200, &body);
        assert_eq!(verdict.note().reason, "admitted", "{members}");
        assert_eq!(header(&verdict, "x-sub").as_deref(), Some("alice"), "{members}");
        assert_eq!(header(&verdict, "x-client").as_deref(), Some("app"), "{members}");
        assert_eq!(driver.remembered("/both", NOW), Some("scope_insufficient"), "{members}");
    }
}

#[test]
fn an_outage_is_503_and_not_remembered() {
    for (members, status) in [
        (json!({"protocol": "openam"}), 403),
        (json!({"protocol": "mule"}), 404),
        (json!({"protocol": "userinfo"}), 200),
        (json!({"protocol": "pingfederate", "client": {"id": "a", "secret": "b"}}), 401),
        (json!({"protocol": "userinfo"}), 502),
    ] {
        let mut driver = Driver::new(&members);
        let (verdict, _) = driver.judge("/any", status, &json!({}));
        assert!(matches!(&verdict, Verdict::Refuse { response, .. } if response.status == 503), "{members}");
        assert_eq!(driver.remembered("/any", NOW), None, "{members}");
    }
}

#[test]
fn a_grant_lives_no_longer_than_its_token() {
    let mut driver = Driver::new(&json!({"protocol": "openam"}));
    let (verdict, _) = driver.judge("/any", 200, &json!({"expires_in": 10}));
    assert_eq!(verdict.note().reason, "admitted");
    let at = |seconds| UnixTime::from_secs(NOW.as_secs() + seconds);
    assert_eq!(driver.remembered("/any", at(9)), Some("admitted"));
    assert_eq!(driver.remembered("/any", at(10)), None);
}

#[test]
fn an_answer_for_some_scopes_is_none_for_others() {
    let mut driver = Driver::new(&json!({"protocol": "mule", "send_scopes": true}));
    let (verdict, path) = driver.judge("/read", 200, &json!({"scope": "read", "expires_in": 60}));
    assert_eq!((verdict.note().reason, path.as_str()), ("admitted", "/ask?access_token=t&scopes=read"));
    let (verdict, path) = driver.judge("/both", 403, &json!({}));
    assert_eq!(
        (verdict.note().reason, path.as_str()),
        ("token_inactive", "/ask?access_token=t&scopes=read%20write")
    );
    let (verdict, path) = driver.judge("/any", 200, &json!({"expires_in": 60}));
    assert_eq!((verdict.note().reason, path.as_str()), ("admitted", "/ask?access_token=t"));
    for (path, reason) in [("/read", "admitted"), ("/both", "token_inactive"), ("/any", "admitted")] {
        assert_eq!(driver.remembered(path, NOW), Some(reason), "{path}");
    }
}

#[test]
fn requests_with_other_scopes_do_not_share_a_question() {
    let mut driver = Driver::new(&json!({"protocol": "mule", "send_scopes": true}));
    assert_eq!(driver.open("/read", NOW).1.len(), 1);
    assert_eq!(driver.open("/both", NOW).1.len(), 1);
    assert_eq!(driver.open("/read", NOW).1.len(), 0);
}
