//! Issuers that are asked in other ways than RFC 7662: what a policy may say about them, and the engine with them.

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
use scopegate::jose::backend::NoAccelerator;
use scopegate::jose::jws::Unverified;
use scopegate::jose::key_set::{KeySet, Origin};
use scopegate::jose::verify::verify;
use scopegate::token::introspection::{ClientAuthentication, Protocol, TokenIn};
use scopegate::tool::mint::{PrivateKey, RsaSigner};
use serde_json::{Value, json};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

/// A policy whose one issuer is asked as `introspection` says, and whose rules want `read` and `write`. What begins with
/// `@` is the issuer's own.
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
    for (name, value) in introspection.as_object().unwrap() {
        match name.strip_prefix('@') {
            Some(name) => document["issuers"]["idp"][name] = value.clone(),
            None => document["issuers"]["idp"]["introspection"][name] = value.clone(),
        }
    }
    document
}

fn compile(introspection: &Value) -> Result<scopegate::policy::Policy, Vec<String>> {
    config::compile(&policy(introspection), &|_| None)
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
        (json!({"protocol": "google_tokeninfo"}), Protocol::GoogleTokenInfo),
        (json!({"protocol": "userinfo"}), Protocol::UserInfo),
        (
            json!({"client": {"method": "tls", "id": "gw"}}),
            Protocol::Rfc7662 { client: ClientAuthentication::Named { id: "gw".into() } },
        ),
        (
            json!({"client": {"method": "none", "id": "gw"}}),
            Protocol::Rfc7662 { client: ClientAuthentication::Named { id: "gw".into() } },
        ),
        (json!({"client": {"method": "none"}}), Protocol::Rfc7662 { client: ClientAuthentication::None }),
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
            json!({"protocol": "google_tokeninfo", "client": {"method": "tls", "id": "gw"}}),
            ".client: has no meaning in this protocol: leave it out, the token itself is shown",
        ),
        (json!({"client": {"method": "tls"}}), ".client.id: is missing: write the client id"),
        (
            json!({"client": {"method": "tls", "id": "gw", "secret": "s"}}),
            ".client.secret: has no meaning beside `method: tls`: leave it out, the cluster's client certificate is what shows who asks",
        ),
        (
            json!({"client": client, "aud": "maybe"}),
            ".aud: is not one of the choices: write required or optional",
        ),
        (json!({"client": client, "iss": true}), ".iss: is a boolean: write required or optional"),
        (
            json!({"protocol": "saml"}),
            ".protocol: is not one of the choices: write rfc7662, pingfederate, openam, mule, google_tokeninfo or userinfo",
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
        let mut policy = config::compile(&document, &environment).unwrap();
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
        (
            json!({"protocol": "google_tokeninfo"}),
            json!({"azp": "app", "aud": "app", "sub": "alice", "scope": "read", "expires_in": "60"}),
        ),
        // A profile's members are scopes only where the policy says so.
        (
            json!({"protocol": "userinfo", "@scope_claims": ["scope"]}),
            json!({"sub": "alice", "client_id": "app", "scope": "read"}),
        ),
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
fn a_user_gives_himself_nothing_that_a_rule_wants_of_the_token() {
    let client = json!({"id": "gw", "secret": "s"});
    let attributes = json!({
        "sub": "alice", "acr": "gold", "auth_time": NOW.as_secs(), "aud": ["api", "vault"],
        "authorization_details": [{"type": "payment"}], "exp": NOW.as_secs() + 60,
    });
    let mut openam = attributes.clone();
    openam["expires_in"] = json!(60);
    let ping = json!({
        "token_type": "urn:pingidentity.com:oauth2:validated_token", "expires_in": 60, "access_token": attributes,
    });
    let mut rfc = attributes.clone();
    rfc["active"] = json!(true);
    for (members, body, is_servers) in [
        (json!({"protocol": "userinfo"}), attributes, false),
        (json!({"protocol": "openam"}), openam, false),
        (json!({"protocol": "pingfederate", "client": client}), ping, false),
        (json!({"client": client}), rfc, true),
    ] {
        for (require, reason) in [
            (json!({"acr": ["gold"]}), "authentication_too_weak"),
            (json!({"max_age": "5m"}), "authentication_too_old"),
            (json!({"audiences": ["vault"]}), "audience_mismatch"),
            (json!({"authorization_details": [{"type": "payment"}]}), "authorization_details_insufficient"),
            (json!({"claims": {"exp": [NOW.as_secs() + 60]}}), "claim_mismatch"),
        ] {
            let mut document = policy(&members);
            document["issuers"]["idp"]["audiences"] = json!(["api"]);
            document["rules"] = json!([{"name": "all", "require": require}]);
            let policy = config::compile(&document, &|_| None).unwrap();
            let gate = Gate::new(Rc::new(policy), [7; 16], Rc::new(NoAccelerator));
            let (verdict, _) = Driver { gate, last: 0 }.judge("/any", 200, &body);
            let expected = if is_servers { "admitted" } else { reason };
            assert_eq!(verdict.note().reason, expected, "{members} {require}");
        }
    }
}

#[test]
fn a_list_of_audiences_takes_answers_that_name_one_or_a_word_in_writing() {
    let refuses = |members: &Value| compile(members).unwrap().issuers[0].refuses_everybody();
    let client = json!({"id": "gw", "secret": "s"});
    for members in [
        json!({"protocol": "userinfo"}),
        json!({"protocol": "openam"}),
        json!({"protocol": "mule"}),
        json!({"protocol": "pingfederate", "client": client}),
    ] {
        let with = |more: &Value| {
            let mut members = members.clone();
            members["@audiences"] = json!(["api"]);
            members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            refuses(&members)
        };
        assert!(with(&json!({})) && with(&json!({"aud": "required"})), "{members}");
        assert!(!with(&json!({"aud": "optional"})) && !with(&json!({"@audiences": "any"})), "{members}");
        assert!(with(&json!({"use_for": "all"})), "without keys there is no signed token: {members}");
        // Signed tokens say themselves whom they are for.
        let jwt = json!({"jwks": {"uri": "https://idp.example.com/jwks", "cluster": "idp"}});
        let mut both = json!({"@issuer": "https://idp.example.com", "@jwt": jwt});
        assert!(with(&both), "{members}");
        both["use_for"] = json!("all");
        assert!(!with(&both), "{members}");
    }
    for members in [json!({"client": client}), json!({"protocol": "google_tokeninfo"})] {
        let mut members = members.clone();
        members["@audiences"] = json!(["api"]);
        assert!(!refuses(&members), "{members}");
    }
    let mut driver = Driver::new(&json!({"protocol": "userinfo", "@audiences": ["api"]}));
    assert_eq!(driver.judge("/any", 200, &json!({"sub": "alice"})).0.note().reason, "audience_mismatch");
}

#[test]
fn an_answer_that_leaves_out_what_is_compared_refuses_the_token_and_says_what_to_write() {
    let client = json!({"id": "gw", "secret": "s"});
    let issuer = "https://idp.example.com";
    for (member, reason, answer) in [
        ("aud", "audience_mismatch", json!({"active": true, "iss": issuer})),
        ("iss", "issuer_unknown", json!({"active": true, "aud": "api"})),
    ] {
        let members = json!({"client": client, "@audiences": ["api"], "@issuer": issuer});
        let mut driver = Driver::new(&members);
        let (verdict, _) = driver.judge("/any", 200, &answer);
        assert!(matches!(&verdict, Verdict::Refuse { response, .. } if response.status == 401));
        assert_eq!(verdict.note().reason, reason);
        let events = driver.gate.take_events();
        let lines: Vec<String> = events.iter().map(ToString::to_string).collect();
        assert!(lines.len() == 1 && lines[0].contains(&format!("`{member}: optional`")), "{lines:?}");
        assert_eq!(driver.remembered("/any", NOW), Some(reason));
        assert!(driver.gate.take_events().is_empty(), "remembered, and said once");

        let mut optional = members.clone();
        optional[member] = json!("optional");
        let mut driver = Driver::new(&optional);
        assert_eq!(driver.judge("/any", 200, &answer).0.note().reason, "admitted");
        let mut other = answer.clone();
        other[member] = json!("other");
        let mut driver = Driver::new(&optional);
        assert_eq!(driver.judge("/any", 200, &other).0.note().reason, reason, "what is said is compared");
        assert!(driver.gate.take_events().is_empty());
    }
}

#[test]
fn a_profile_says_no_scopes() {
    for (members, body) in [
        (json!({"protocol": "userinfo"}), json!({"sub": "joe", "scp": "read", "scope": "read"})),
        (json!({"protocol": "openam"}), json!({"expires_in": 60, "scope": ["uid"], "scp": "read"})),
        (
            json!({"protocol": "pingfederate", "client": {"id": "gw", "secret": "s"}}),
            json!({
                "token_type": "urn:pingidentity.com:oauth2:validated_token", "expires_in": 60, "scope": "view",
                "client_id": "app", "access_token": {"sub": "joe", "scp": "read"},
            }),
        ),
    ] {
        let mut driver = Driver::new(&members);
        assert_eq!(driver.judge("/read", 200, &body).0.note().reason, "scope_insufficient", "{members}");
        let mut named = members.clone();
        named["@scope_claims"] = json!(["scope", "scp"]);
        let mut driver = Driver::new(&named);
        let reason = driver.judge("/read", 200, &body).0.note().reason;
        let outweighed = members["protocol"] == "pingfederate";
        assert_eq!(reason, if outweighed { "scope_insufficient" } else { "admitted" }, "{members}");
    }
}

#[test]
fn a_token_that_lacks_a_scope_of_the_endpoint_is_good_and_not_enough() {
    let mut driver = Driver::new(&json!({"protocol": "userinfo"}));
    let (verdict, _) = driver.judge("/both", 403, &json!({"error": "insufficient_scope"}));
    let Verdict::Refuse { response, note } = &verdict else { panic!("admitted") };
    assert_eq!((response.status, note.reason), (403, "scope_insufficient"));
    let challenge = response.fields.iter().find(|(name, _)| *name == "www-authenticate").unwrap();
    assert!(challenge.1.as_str().contains("error=\"insufficient_scope\""), "{challenge:?}");
    assert!(challenge.1.as_str().contains("scope=\"read write\""), "{challenge:?}");
    assert_eq!(driver.remembered("/read", NOW), Some("scope_insufficient"), "for as long as a refusal");
}

#[test]
fn every_question_says_who_asks() {
    for members in [
        json!({"client": {"id": "gw", "secret": "s"}}),
        json!({"protocol": "userinfo"}),
        json!({"protocol": "google_tokeninfo"}),
    ] {
        let mut driver = Driver::new(&members);
        let callout = &driver.open("/any", NOW).1[0].callout;
        let agent = callout.sent_fields().find(|(name, _)| *name == "user-agent").map(|(_, value)| value);
        assert!(agent.is_some_and(|agent| agent.starts_with("scopegate/")), "{agent:?}");
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
