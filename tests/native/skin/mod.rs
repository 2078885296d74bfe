//! The skin on a proxy that notes what it is told, and says no when it is asked to.

use scopegate::base::base64url;
use scopegate::filter::host::{CallToken, ContextId, Level};
use scopegate::filter::pairs;
use scopegate::filter::skin::Hold;
use scopegate::jose::algorithm::Algorithm;
use scopegate::tool::mint::PrivateKey;
use serde_json::{Map, Value, json};

mod numbers;
mod pace;
mod proxy;
mod told;

use proxy::{Act, World};

const ROOT: ContextId = 1;
const START: i64 = 1_760_000_000;
const FIRST_CALL: CallToken = 77;

fn strip(set: &[(&str, &str)], remove: &[&str]) -> Act {
    let owned = |text: &&str| (*text).to_owned();
    let set = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Act::Edit(remove.iter().map(owned).collect(), set)
}

fn respond(status: u16, details: &str) -> Act {
    Act::Respond(status, None, details.to_owned())
}

/// What a request gets for which the proxy did not do `what`: a client of gRPC understands it too.
fn host_fault(what: &str) -> Act {
    Act::Respond(503, Some(14), format!("scopegate_host_fault_{what}"))
}

#[test]
fn a_host_with_two_readings_is_told_once_in_a_while_with_the_remedy() {
    let door = json!({"hosts": ["www.example.com"]});
    let world = World::under(&json!({"rules": [{"name": "www", "match": door, "access": "anonymous"}]}));
    let told = || world.told(Level::Warn, "`authority: {ports: any}`");
    for (at, due) in [(0, 1), (9, 1), (10, 2)] {
        world.proxy.now.set(at);
        let fields = [(":method", "GET"), (":authority", "www.example.com:8443"), (":path", "/")];
        *world.proxy.fields.borrow_mut() = pairs::write(&fields);
        assert_eq!(world.skin.request(2), Hold::Keep);
        assert_eq!(world.proxy.acts(), [respond(400, "scopegate_authority_ambiguous")]);
        assert_eq!(told(), due, "after {at} seconds");
    }
}

#[test]
fn an_admitted_request_is_edited_and_released_without_a_resume() {
    let world = World::new();
    assert_eq!(world.request(2, "/open", None), Hold::Release);
    assert_eq!(world.proxy.acts(), [strip(&[], &["x-auth-subject"])]);
    assert_eq!(world.skin.rest(2), Hold::Release);
}

#[test]
fn a_refused_request_is_answered_and_nothing_of_it_goes_on() {
    let world = World::new();
    assert_eq!(world.request(2, "/", None), Hold::Keep);
    assert_eq!(world.proxy.acts(), [respond(401, "scopegate_token_missing")]);
    assert_eq!(world.skin.rest(2), Hold::Keep, "body and trailers neither");
    world.skin.gone(2);
    assert_eq!(world.skin.rest(2), Hold::Release, "another request may get the number");
}

#[test]
fn trailers_carry_nothing_that_passes_for_an_identity_or_a_token() {
    let world = World::new();
    let sent = [
        ("x-sum", "1"),
        ("x.auth_subject", "root"),
        ("x-auth-subject", "root"),
        ("authorization", "Bearer x"),
    ];
    *world.proxy.trailers.borrow_mut() = pairs::write(&sent);
    let taken = ["x.auth_subject", "x-auth-subject", "authorization"];
    let removed = taken.map(|name| Act::RemoveTrailer(name.to_owned()));
    assert_eq!(world.request(2, "/open", None), Hold::Release);
    world.proxy.acts();
    assert_eq!((world.skin.trailers(2), world.proxy.acts()), (Hold::Release, removed.to_vec()));
    // Those of a request that waits are not handed over again.
    assert_eq!(world.request(3, "/", Some("token")), Hold::Keep);
    world.proxy.acts();
    assert_eq!((world.skin.trailers(3), world.proxy.acts()), (Hold::Keep, removed.to_vec()));
    // One that was answered is left alone.
    assert_eq!(world.request(4, "/", None), Hold::Keep);
    world.proxy.acts();
    assert_eq!((world.skin.trailers(4), world.proxy.acts()), (Hold::Keep, Vec::new()));
}

#[test]
fn trailers_that_cannot_be_read_or_edited_refuse_the_request() {
    for broken in ["request_trailers", "remove_trailer", ""] {
        let world = World::new();
        *world.proxy.trailers.borrow_mut() = pairs::write(&[("x-auth-subject", "root")]);
        if broken.is_empty() {
            world.proxy.trailers.borrow_mut().pop();
        }
        world.proxy.broken.borrow_mut().push(broken);
        assert_eq!(world.request(2, "/open", None), Hold::Release);
        world.proxy.acts();
        assert_eq!(world.skin.trailers(2), Hold::Keep);
        assert_eq!(world.proxy.acts(), [host_fault("request_trailers")], "{broken}");
        assert_eq!(world.skin.rest(2), Hold::Keep);
    }
}

#[test]
fn filter_state_names_nobody_whose_token_did_not_admit_the_request() {
    let policy = |mode: &str, scopes: Value| {
        json!({
            "issuers": {"idp": {"audiences": "any", "introspection": {
                "uri": "https://idp.example.com/introspect", "cluster": "idp", "client": {"method": "none"}}}},
            "rules": [{"name": "all", "mode": mode, "require": {"scopes": scopes}}],
            "upstream": {"filter_state": ["subject", "client", "issuer", "rule", "reason"]},
        })
    };
    let published = |policy: &Value, answer: &Value| {
        let world = World::under(policy);
        assert_eq!(world.request(2, "/", Some("token")), Hold::Keep);
        world.skin.woken();
        world.reply(answer);
        world.proxy.published.take()
    };
    let pairs = |entries: &[(&str, &str)]| -> Vec<(String, String)> {
        entries.iter().map(|(name, value)| (format!("scopegate.{name}"), (*value).to_owned())).collect()
    };
    let victim = json!({"active": true, "sub": "victim", "client_id": "app"});
    let bound = json!({"active": true, "sub": "victim", "client_id": "app", "cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}});
    for (mode, answer, scopes, reason) in [
        ("observe", &bound, json!(["read"]), "binding_unproven"),
        ("observe", &victim, json!(["read"]), "scope_insufficient"),
    ] {
        let seen = published(&policy(mode, scopes), answer);
        assert_eq!(seen, pairs(&[("rule", "all"), ("reason", reason)]));
    }
    let all = json!({"active": true, "sub": "victim", "client_id": "app", "scope": "read"});
    let whole = [
        ("subject", "victim"),
        ("client", "app"),
        ("issuer", "idp"),
        ("rule", "all"),
        ("reason", "admitted"),
    ];
    for mode in ["observe", "enforce"] {
        assert_eq!(published(&policy(mode, json!(["read"])), &all), pairs(&whole));
    }
    // What the policy does not list is nowhere.
    for (listed, expected) in [(json!(["client", "rule"]), &[whole[1], whole[3]][..]), (json!([]), &[])] {
        let mut policy = policy("enforce", json!(["read"]));
        policy["upstream"]["filter_state"] = listed;
        assert_eq!(published(&policy, &all), pairs(expected));
    }
    // What breaks out of its line is in none.
    for odd in ["a\nb", "a\r", "\u{0}", "caf\u{e9}", " a", "\u{7f}", "\u{2028}"] {
        let odd = json!({"active": true, "sub": odd, "client_id": odd, "scope": "read"});
        assert_eq!(published(&policy("enforce", json!(["read"])), &odd), pairs(&whole[2..]));
    }
}

#[test]
fn a_parked_request_is_edited_and_then_resumed_in_its_own_context() {
    let world = World::new();
    assert_eq!(world.request(2, "/", Some("token")), Hold::Keep);
    assert_eq!(world.request(3, "/", Some("token")), Hold::Keep);
    assert_eq!(world.proxy.acts(), [Act::WakeRoot], "one wake for both");
    assert_eq!(world.skin.rest(2), Hold::Keep);
    world.skin.woken();
    assert_eq!(world.proxy.acts(), [Act::Call("idp".into()), Act::Tick(100)]);
    world.reply(&json!({"active": true, "sub": "alice"}));
    let edit = strip(&[("x-auth-subject", "alice")], &["x-auth-subject", "authorization"]);
    assert_eq!(
        world.proxy.acts(),
        [
            Act::Select(2),
            edit.clone(),
            Act::Resume,
            Act::Select(3),
            edit,
            Act::Resume,
            Act::Select(ROOT),
            Act::Tick(1000)
        ]
    );
    assert_eq!(world.skin.rest(2), Hold::Release);
    world.reply(&json!({"active": true}));
    assert!(world.proxy.acts().is_empty(), "a second reply does nothing");
}

#[test]
fn a_parked_request_that_is_refused_is_never_resumed() {
    let world = World::new();
    assert_eq!(world.request(2, "/", Some("token")), Hold::Keep);
    world.skin.woken();
    world.proxy.acts();
    world.reply(&json!({"active": false}));
    let acts = world.proxy.acts();
    assert_eq!(acts.first_chunk(), Some(&[Act::Select(2), respond(401, "scopegate_token_inactive")]));
    assert!(!acts.contains(&Act::Resume));
    assert_eq!(world.skin.rest(2), Hold::Keep);
}

#[test]
fn a_callout_that_cannot_be_sent_is_an_outage_at_once() {
    let world = World::new();
    world.proxy.broken.borrow_mut().push("call");
    assert_eq!(world.request(2, "/", Some("token")), Hold::Keep);
    world.skin.woken();
    assert!(world.proxy.acts().contains(&respond(503, "scopegate_issuer_unavailable")));
    assert_eq!(world.told(Level::Warn, "is there such a cluster"), 1, "{:?}", world.proxy.log.borrow());
}

#[test]
fn a_reply_without_fields_is_an_outage() {
    let world = World::new();
    assert_eq!(world.request(2, "/", Some("token")), Hold::Keep);
    world.skin.woken();
    world.skin.reply(FIRST_CALL, 0);
    assert!(world.proxy.acts().contains(&respond(503, "scopegate_issuer_unavailable")));
}

#[test]
fn a_reply_that_never_comes_is_an_outage_in_time() {
    let world = World::new();
    assert_eq!(world.request(2, "/", Some("token")), Hold::Keep);
    world.skin.woken();
    world.proxy.now.set(2);
    world.skin.tick();
    assert!(!world.proxy.acts().iter().any(|act| matches!(act, Act::Respond(..))), "not before its time");
    world.proxy.now.set(3);
    world.skin.tick();
    assert!(world.proxy.acts().contains(&respond(503, "scopegate_issuer_unavailable")));
}

#[test]
fn a_stream_that_is_gone_is_left_alone() {
    let world = World::new();
    assert_eq!(world.request(2, "/", Some("token")), Hold::Keep);
    assert_eq!(world.request(3, "/", Some("token")), Hold::Keep);
    world.skin.woken();
    world.proxy.acts();
    world.proxy.gone.borrow_mut().push(2);
    world.reply(&json!({"active": true}));
    assert_eq!(
        world.proxy.acts().first_chunk(),
        Some(&[Act::Select(3), strip(&[], &["x-auth-subject", "authorization"]), Act::Resume])
    );
}

#[test]
fn a_request_that_cannot_be_edited_is_refused_and_not_resumed() {
    let world = World::new();
    world.proxy.broken.borrow_mut().push("edit");
    assert_eq!(world.request(2, "/open", None), Hold::Keep);
    assert_eq!(world.proxy.acts(), [host_fault("edit")]);
    assert_eq!(world.request(3, "/", Some("token")), Hold::Keep);
    world.skin.woken();
    world.reply(&json!({"active": true}));
    let acts = world.proxy.acts();
    assert!(acts.contains(&host_fault("edit")) && !acts.contains(&Act::Resume), "{acts:?}");
}

#[test]
fn a_head_that_cannot_be_read_is_refused() {
    let world = World::new();
    world.proxy.broken.borrow_mut().push("request_fields");
    assert_eq!(world.request(2, "/open", None), Hold::Keep);
    assert_eq!(world.proxy.acts(), [host_fault("request_fields")]);
    world.proxy.broken.borrow_mut().clear();
    *world.proxy.fields.borrow_mut() = vec![0xff; 40];
    assert_eq!(world.skin.request(3), Hold::Keep);
    assert_eq!(world.proxy.acts(), [host_fault("request_fields")]);
}

#[test]
fn what_the_proxy_does_not_do_is_told_to_pages_too() {
    let world = World::under(&json!({
        "rules": [{"name": "open", "access": "anonymous"}],
        "cors": {"origins": ["https://app.example.com"]},
    }));
    world.proxy.origin.set(Some("https://app.example.com"));
    world.proxy.broken.borrow_mut().push("edit");
    assert_eq!(world.request(2, "/", None), Hold::Keep);
    let fields = world.proxy.answered.borrow();
    assert!(
        fields.contains(&"access-control-allow-origin: https://app.example.com".to_owned()),
        "{fields:?}"
    );
    assert!(fields.contains(&"retry-after: 1".to_owned()), "{fields:?}");
    assert!(fields.contains(&"cache-control: no-store".to_owned()), "{fields:?}");
}

#[test]
fn an_answer_that_does_not_get_out_lets_nothing_through() {
    let world = World::new();
    world.proxy.broken.borrow_mut().push("respond");
    assert_eq!(world.request(2, "/", None), Hold::Keep);
    assert_eq!(world.skin.rest(2), Hold::Keep);
    assert!(world.proxy.acts().is_empty());
}

#[test]
fn nothing_is_sent_before_the_first_tick() {
    let world = World::under(&json!({
        "issuers": {"corp": {"issuer": "https://idp.example.com", "audiences": "any",
                             "jwt": {"jwks": {"uri": "https://idp.example.com/jwks", "cluster": "idp"}}}},
        "rules": [{"name": "all", "require": {}}],
        "seal": "0123456789abcdef0123456789abcdef",
    }));
    world.skin.start();
    // Envoy tries a configuration in a VM that it throws away: a turn that was taken there would be nobody's.
    assert_eq!(world.proxy.acts(), [Act::Tick(5)]);
    assert!(world.proxy.slots.borrow().is_empty());
    world.skin.tick();
    assert_eq!(world.proxy.acts(), [Act::Call("idp".into()), Act::Tick(1000)]);
}

#[test]
fn decisions_are_counted_and_handed_over_now_and_then() {
    let world = World::new();
    for stream in 2..12 {
        let _ = world.request(stream, "/", None);
    }
    assert!(world.proxy.counted.borrow().is_empty(), "a request costs no call");
    world.skin.tick();
    assert_eq!(*world.proxy.counted.borrow(), [("scopegate.decision.token_missing".to_owned(), 10)]);
}

#[test]
fn replies_are_told_apart_by_the_numbers_of_their_callouts() {
    let world = World::new();
    for (stream, token) in [(2, "good"), (3, "bad")] {
        assert_eq!(world.request(stream, "/", Some(token)), Hold::Keep);
        world.skin.woken();
    }
    assert_eq!(*world.proxy.sent.borrow(), ["idp.example.com/introspect"; 2]);
    world.proxy.acts();
    world.reply_to(FIRST_CALL + 7, 200, r#"{"active": true}"#);
    assert!(world.proxy.acts().is_empty(), "nobody asked that");
    world.reply_to(FIRST_CALL + 1, 200, r#"{"active": false}"#);
    assert_eq!(
        world.proxy.acts().first_chunk(),
        Some(&[Act::Select(3), respond(401, "scopegate_token_inactive")])
    );
    world.reply_to(FIRST_CALL, 200, r#"{"active": true}"#);
    assert_eq!(world.proxy.acts().first(), Some(&Act::Select(2)));
    assert_eq!(world.skin.rest(2), Hold::Release);
}

#[test]
fn a_bound_token_is_held_against_the_connections_certificate() {
    let bound = json!({"active": true, "cnf": {"x5t#S256": base64url::encode([0xab; 32])}});
    for (certificate, admitted) in [(Some([0xab; 32]), true), (Some([0xac; 32]), false), (None, false)] {
        let world = World::new();
        world.proxy.certificate.set(certificate);
        assert_eq!(world.request(2, "/", Some("token")), Hold::Keep);
        world.skin.woken();
        world.reply(&bound);
        let acts = world.proxy.acts();
        assert_eq!(acts.contains(&Act::Resume), admitted, "{certificate:?}");
        assert_eq!(acts.contains(&respond(401, "scopegate_binding_unproven")), !admitted, "{certificate:?}");
        // The same of a token that is remembered.
        let due = if admitted { Hold::Release } else { Hold::Keep };
        assert_eq!(world.request(3, "/", Some("token")), due, "{certificate:?}");
        world.proxy.certificate.set(None);
        assert_eq!(world.request(4, "/", Some("token")), Hold::Keep, "on a connection without one");
    }
}

#[test]
fn a_plain_token_costs_no_look_at_the_certificate() {
    let world = World::new();
    assert_eq!(world.request(2, "/", Some("token")), Hold::Keep);
    world.skin.woken();
    world.reply(&json!({"active": true}));
    world.proxy.calls.borrow_mut().clear();
    assert_eq!(world.request(3, "/", Some("token")), Hold::Release);
    assert_eq!(world.request(4, "/open", None), Hold::Release);
    assert_eq!(world.request(5, "/", None), Hold::Keep);
    let calls = world.proxy.calls.borrow();
    let looks = ["route", "rule_of_route", "is_tls", "client_certificate"];
    assert!(!calls.iter().any(|call| looks.contains(call)), "{calls:?}");
}

#[test]
fn a_remembered_token_costs_three_calls_and_none_to_what_the_workers_share() {
    const ISSUER: &str = "https://idp.example.com";
    let key = PrivateKey::generate(Algorithm::Es256, Some("k")).unwrap();
    let claims = json!({"iss": ISSUER, "sub": "alice", "exp": START + 600});
    let signed = key.sign(&Map::new(), &claims).unwrap();
    for (token, use_for, first_sight) in [
        ("opaque", "opaque", vec!["shared_data", "set_shared_data", "call"]),
        (&*signed, "opaque", vec!["verify_signature"]),
        (&*signed, "all", vec!["verify_signature", "shared_data", "set_shared_data", "call"]),
    ] {
        let world = World::under(&json!({
            "issuers": {"idp": {
                "issuer": ISSUER, "audiences": "any",
                "jwt": {"jwks": {"inline": {"keys": [key.public_jwk()]}}},
                "introspection": {"uri": "https://idp.example.com/introspect", "cluster": "idp",
                    "client": {"method": "none"}, "use_for": use_for},
            }},
            "rules": [{"name": "all", "require": {}}],
            "upstream": {"headers": {"x-auth-subject": "sub"}},
        }));
        if world.request(2, "/", Some(token)) == Hold::Keep {
            world.skin.woken();
            world.reply(&json!({"active": true, "iss": ISSUER, "sub": "alice"}));
        }
        let calls = world.proxy.calls.take();
        assert!(first_sight.iter().all(|call| calls.contains(call)), "{calls:?}");
        world.proxy.acts();
        assert_eq!(world.request(3, "/", Some(token)), Hold::Release);
        assert_eq!(world.skin.rest(3), Hold::Release);
        world.skin.gone(3);
        assert_eq!(*world.proxy.calls.borrow(), ["request_fields", "now", "edit"]);
        let edit = strip(&[("x-auth-subject", "alice")], &["x-auth-subject", "authorization"]);
        assert_eq!(world.proxy.acts(), [edit]);
    }
}
