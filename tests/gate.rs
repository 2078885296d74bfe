//! The engine driven by hand: who waits for what, who is woken, and what never happens.
#![cfg(test)]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use scopegate::base::base64url;
use scopegate::base::time::UnixTime;
use scopegate::config;
use scopegate::gate::shared::SharedSlots;
use scopegate::gate::{AskId, Event, Facts, Gate, RequestId, Step, Verdict, Woken};
use scopegate::http::head::RequestHead;
use scopegate::http::message::{Answer, Callout, Reply};
use scopegate::jose::algorithm::Algorithm;
use scopegate::jose::verify::NoAccelerator;
use scopegate::policy::Policy;
use scopegate::tool::mint::PrivateKey;
use serde_json::{Value, json};

#[path = "gate/keys.rs"]
mod keys;
#[path = "gate/readings.rs"]
mod readings;

const START: i64 = 1_760_000_000;

fn at(seconds: i64) -> UnixTime {
    UnixTime::from_secs(START + seconds)
}

fn gate(policy: &Value) -> Gate {
    let policy = config::compile(policy.to_string().as_bytes(), &|_| None).unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(|p| format!("{p}\n")).collect::<String>())
    });
    Gate::new(Rc::new(policy), [7; 16], Rc::new(NoAccelerator))
}

fn asking() -> Value {
    json!({
        "issuers": {"idp": {
            "audiences": "any",
            "introspection": {"uri": "https://idp.example.com/introspect", "cluster": "idp", "client": {"method": "none"}},
        }},
        "rules": [{"name": "all", "require": {"scopes": ["read"]}}],
        "limits": {"waiting_requests": 50},
    })
}

fn open_with(gate: &mut Gate, id: u32, fields: &[(&str, &str)], now: UnixTime) -> Step {
    let base = [(":method", "GET"), (":authority", "api.example.com"), (":path", "/")];
    let fields = base.iter().chain(fields).map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    // The last one of a pseudo field counts, so that `fields` may name another path or method.
    gate.open(RequestId(id), &RequestHead::from_pairs(fields), &Facts::default(), now)
}

fn open(gate: &mut Gate, id: u32, token: &str, now: UnixTime) -> Step {
    open_with(gate, id, &[("authorization", &format!("Bearer {token}"))], now)
}

fn ask(gate: &mut Gate, now: UnixTime) -> Vec<(AskId, Callout)> {
    gate.asks(now).into_iter().map(|ask| (ask.id, ask.callout)).collect()
}

fn answer(gate: &mut Gate, ask: AskId, body: &Value, now: UnixTime) -> Vec<Woken> {
    let fields = [("content-type".to_owned(), b"application/json".to_vec())];
    let body = body.to_string();
    gate.answer(ask, &Reply::Answered(Answer { status: 200, fields: &fields, body: body.as_bytes() }), now)
}

fn reason(verdict: &Verdict) -> &'static str {
    verdict.note().reason
}

fn settled(step: Step) -> Verdict {
    match step {
        Step::Settle(verdict) => verdict,
        Step::Park => panic!("parked"),
    }
}

fn parked(step: &Step) -> bool {
    matches!(step, Step::Park)
}

fn active() -> Value {
    json!({"active": true, "scope": "read", "sub": "alice"})
}

#[test]
fn one_question_serves_everybody_who_waits() {
    let mut gate = gate(&asking());
    for id in 1..=10 {
        assert!(parked(&open(&mut gate, id, "token", at(0))));
    }
    let asks = ask(&mut gate, at(0));
    assert_eq!(asks.len(), 1);
    assert!(parked(&open(&mut gate, 11, "token", at(0))));
    assert!(ask(&mut gate, at(0)).is_empty(), "the question is out already");
    let woken = answer(&mut gate, asks[0].0, &active(), at(1));
    assert_eq!(woken.iter().map(|woken| woken.id.0).collect::<Vec<_>>(), (1..=11).collect::<Vec<_>>());
    assert!(woken.iter().all(|woken| matches!(woken.verdict, Verdict::Admit { .. })));
    assert_eq!(gate.waiting(), 0);
}

#[test]
fn followers_survive_the_leader() {
    let mut gate = gate(&asking());
    assert!(parked(&open(&mut gate, 1, "token", at(0))));
    assert!(parked(&open(&mut gate, 2, "token", at(0))));
    gate.close(RequestId(1));
    let asks = ask(&mut gate, at(0));
    assert_eq!(asks.len(), 1);
    let woken = answer(&mut gate, asks[0].0, &active(), at(0));
    assert_eq!(woken.iter().map(|woken| woken.id.0).collect::<Vec<_>>(), [2]);
}

#[test]
fn a_question_that_nobody_waits_for_is_not_asked() {
    let mut gate = gate(&asking());
    assert!(parked(&open(&mut gate, 1, "token", at(0))));
    gate.close(RequestId(1));
    assert!(ask(&mut gate, at(0)).is_empty());
    assert!(parked(&open(&mut gate, 2, "token", at(0))), "and the next one is not lost");
    assert_eq!(ask(&mut gate, at(0)).len(), 1);
}

#[test]
fn a_second_reply_finds_nothing() {
    let mut gate = gate(&asking());
    assert!(parked(&open(&mut gate, 1, "token", at(0))));
    let asks = ask(&mut gate, at(0));
    assert_eq!(answer(&mut gate, asks[0].0, &json!({"active": false}), at(0)).len(), 1);
    assert!(answer(&mut gate, asks[0].0, &active(), at(0)).is_empty());
    assert_eq!(reason(&settled(open(&mut gate, 2, "token", at(1)))), "token_inactive");
}

#[test]
fn nothing_waits_past_its_deadline() {
    let mut gate = gate(&asking());
    assert!(parked(&open(&mut gate, 1, "token", at(0))));
    let asks = ask(&mut gate, at(0));
    assert!(gate.expire(at(2)).is_empty(), "the timeout is 2 s, and a reply may take a moment");
    let expired = gate.expire(at(3));
    assert_eq!(
        expired.iter().map(|woken| reason(&woken.verdict)).collect::<Vec<_>>(),
        ["issuer_unavailable"]
    );
    assert!(matches!(&expired[0].verdict, Verdict::Refuse { response, .. } if response.status == 503));
    assert!(answer(&mut gate, asks[0].0, &active(), at(4)).is_empty(), "too late");
    assert!(parked(&open(&mut gate, 2, "token", at(4))), "what came too late was not believed");
    assert_eq!(ask(&mut gate, at(4)).len(), 1);
}

#[test]
fn the_waiting_room_has_a_limit() {
    let mut gate = gate(&asking());
    for id in 0..50 {
        assert!(parked(&open(&mut gate, id, &format!("token-{id}"), at(0))));
    }
    let verdict = settled(open(&mut gate, 50, "token-50", at(0)));
    assert_eq!(reason(&verdict), "overloaded");
    assert_eq!(gate.waiting(), 50);
    gate.close(RequestId(0));
    assert!(parked(&open(&mut gate, 51, "token-51", at(0))));
}

/// Two issuers that are asked, each for its own path.
fn two_issuers() -> Value {
    let mut policy = asking();
    policy["issuers"]["second"] = policy["issuers"]["idp"].clone();
    policy["issuers"]["second"]["introspection"]["cluster"] = json!("second");
    policy["limits"]["waiting_requests"] = json!(200);
    policy["rules"] = json!([
        {"name": "first", "match": {"paths": ["/first"]}, "require": {"issuers": ["idp"]}},
        {"name": "second", "match": {"paths": ["/second"]}, "require": {"issuers": ["second"]}},
    ]);
    policy
}

#[test]
fn a_slow_issuer_leaves_another_one_its_part_of_the_waiting_room() {
    let mut gate = gate(&two_issuers());
    let mut send = |id: u32, path: &str| {
        let token = format!("Bearer token-{id}");
        open_with(&mut gate, id, &[(":path", path), ("authorization", &token)], at(0))
    };
    for id in 0..200 {
        assert!(parked(&send(id, "/first")), "{id}");
    }
    assert_eq!(reason(&settled(send(200, "/first"))), "overloaded");
    for id in 300..340 {
        assert!(parked(&send(id, "/second")), "{id}");
    }
    assert_eq!(reason(&settled(send(340, "/second"))), "overloaded", "a fifth, beyond what there is for all");
    gate.close(RequestId(300));
    let token = [(":path", "/second"), ("authorization", "Bearer last")];
    assert!(parked(&open_with(&mut gate, 341, &token, at(0))));
}

#[test]
fn requests_with_one_token_take_a_tenth_of_the_waiting_room_at_most() {
    let mut policy = asking();
    policy["limits"]["waiting_requests"] = json!(300);
    let mut gate = gate(&policy);
    for id in 0..30 {
        assert!(parked(&open(&mut gate, id, "slow", at(0))), "{id}");
    }
    assert_eq!(reason(&settled(open(&mut gate, 30, "slow", at(0)))), "overloaded");
    for id in 31..301 {
        assert!(parked(&open(&mut gate, id, &format!("token-{id}"), at(0))), "{id}");
    }
}

/// A gate with room for all who wait, where `known` is remembered as active and out of date.
fn roomy() -> Gate {
    let mut policy = asking();
    policy["limits"]["waiting_requests"] = json!(10_000);
    let mut gate = gate(&policy);
    assert_eq!(judged(&mut gate, 0, "known", Some(&active()), at(-61)), "admitted");
    gate
}

#[test]
fn a_flood_of_new_tokens_leaves_places_for_those_that_were_active_lately() {
    let mut gate = roomy();
    for id in 1..=384 {
        assert!(parked(&open(&mut gate, id, &format!("flood-{id}"), at(0))), "{id}");
    }
    assert_eq!(ask(&mut gate, at(0)).len(), 384);
    assert_eq!(reason(&settled(open(&mut gate, 385, "flood-385", at(0)))), "overloaded");
    assert_eq!(judged(&mut gate, 386, "known", Some(&active()), at(0)), "admitted");
}

#[test]
fn questions_that_were_abandoned_take_no_place_of_those_for_which_somebody_waits() {
    let mut gate = roomy();
    let mut asked = 0;
    for id in 1..=384 {
        assert!(parked(&open(&mut gate, id, &format!("flood-{id}"), at(0))), "{id}");
        asked += ask(&mut gate, at(0)).len();
        gate.close(RequestId(id));
    }
    assert_eq!(asked, 32, "then whoever goes at once leaves no question behind");
    assert!(ask(&mut gate, at(1)).is_empty(), "and nobody asks for them later");
    for id in 1001..=1384 {
        assert!(parked(&open(&mut gate, id, &format!("user-{id}"), at(0))), "{id}");
    }
    assert!(ask(&mut gate, at(0)).is_empty(), "they have to last a moment");
    assert_eq!(ask(&mut gate, at(1)).len(), 384);
    assert_eq!(judged(&mut gate, 2000, "known", Some(&active()), at(1)), "admitted", "who is known does not");
}

#[test]
fn an_abandoned_question_is_taken_up_by_whoever_comes_next() {
    let mut gate = gate(&asking());
    assert!(parked(&open(&mut gate, 1, "token", at(0))));
    let asks = ask(&mut gate, at(0));
    gate.close(RequestId(1));
    assert!(parked(&open(&mut gate, 2, "token", at(0))));
    assert!(ask(&mut gate, at(0)).is_empty());
    assert_eq!(answer(&mut gate, asks[0].0, &active(), at(0)).len(), 1);
}

#[test]
fn without_memory_every_request_is_asked_about_and_everybody_is_answered() {
    let mut policy = asking();
    policy["issuers"]["idp"]["introspection"]["cache"] = json!({"ttl": "0s", "negative_ttl": "0s"});
    let mut gate = gate(&policy);
    for round in 0..3u32 {
        assert!(parked(&open(&mut gate, round * 2, "token", at(0))));
        assert!(parked(&open(&mut gate, round * 2 + 1, "token", at(0))));
        let asks = ask(&mut gate, at(0));
        assert_eq!(asks.len(), 1);
        assert_eq!(answer(&mut gate, asks[0].0, &active(), at(0)).len(), 2);
    }
}

#[test]
fn issuers_are_asked_in_turn_until_one_knows_the_token() {
    let mut policy = asking();
    let second = json!({
        "audiences": "any",
        "introspection": {"uri": "https://second.example.com/i", "cluster": "second", "client": {"method": "none"},
                          "cache": {"negative_ttl": "0s"}},
    });
    policy["issuers"]["idp"]["introspection"]["cache"] = json!({"negative_ttl": "0s"});
    policy["issuers"]["second"] = second;
    let mut gate = gate(&policy);
    let run = |gate: &mut Gate, id, first: &Value, second: Option<&Value>| {
        assert!(parked(&open(gate, id, &format!("token-{id}"), at(0))));
        let asks = ask(gate, at(0));
        assert_eq!(asks[0].1.cluster, "idp");
        let mut woken = answer(gate, asks[0].0, first, at(0));
        if let Some(second) = second {
            assert!(woken.is_empty());
            let asks = ask(gate, at(0));
            assert_eq!(asks[0].1.cluster, "second");
            woken = answer(gate, asks[0].0, second, at(0));
        }
        assert_eq!(woken.len(), 1);
        reason(&woken[0].verdict)
    };
    let inactive = json!({"active": false});
    assert_eq!(run(&mut gate, 1, &active(), None), "admitted");
    assert_eq!(run(&mut gate, 2, &inactive, Some(&active())), "admitted");
    assert_eq!(run(&mut gate, 3, &inactive, Some(&inactive)), "token_inactive");
    assert_eq!(
        run(&mut gate, 4, &json!({}), Some(&inactive)),
        "issuer_misbehaved",
        "one of them did not say"
    );
    assert_eq!(run(&mut gate, 5, &json!({}), Some(&active())), "admitted");
}

#[test]
fn discovery_tries_both_places_and_compares_the_issuer() {
    let policy = json!({
        "issuers": {"corp": {"issuer": "https://idp.example.com/t", "audiences": "any",
                             "jwt": {"jwks": {"discover": true, "cluster": "idp"}}}},
        "rules": [{"name": "all", "require": {}}],
    });
    let mut gate = gate(&policy);
    // A token that names the issuer; its signature never comes to be checked here.
    let token = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImEifQ.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLmNvbS90In0.AAAA";
    assert!(parked(&open(&mut gate, 1, token, at(0))));
    let asks = ask(&mut gate, at(0));
    assert_eq!(asks[0].1.path.expose(), "/.well-known/oauth-authorization-server/t");
    assert!(answer(&mut gate, asks[0].0, &json!({"issuer": "https://evil.example.com"}), at(0)).is_empty());
    let asks = ask(&mut gate, at(0));
    assert_eq!(asks[0].1.path.expose(), "/t/.well-known/openid-configuration");
    let metadata = json!({"issuer": "https://idp.example.com/t", "jwks_uri": "https://keys.example.com/k"});
    assert!(answer(&mut gate, asks[0].0, &metadata, at(0)).is_empty());
    let asks = ask(&mut gate, at(0));
    assert_eq!((asks[0].1.authority.as_str(), asks[0].1.path.expose().as_str()), ("keys.example.com", "/k"));
    let woken = answer(&mut gate, asks[0].0, &json!({"keys": []}), at(0));
    assert_eq!(reason(&woken[0].verdict), "keys_unavailable");
}

#[test]
fn observing_lets_through_and_says_what_it_would_have_done() {
    let mut policy = asking();
    policy["mode"] = json!("observe");
    let mut gate = gate(&policy);
    let verdict = settled(open_with(&mut gate, 1, &[("x", "y")], at(0)));
    assert!(
        matches!(&verdict, Verdict::Admit { note, .. } if note.observed && note.reason == "token_missing")
    );
    let verdict = settled(open_with(&mut gate, 2, &[(":path", "/a//b")], at(0)));
    assert!(
        matches!(&verdict, Verdict::Admit { note, .. } if note.observed && note.reason == "path_ambiguous")
    );
}

/// Every kind of refusal that `mode: observe` lets pass, and every way to pass without a token: what goes upstream has
/// neither the client's identity headers nor a credential, good or not.
#[test]
fn whatever_goes_on_without_being_admitted_by_its_token_carries_neither_token_nor_identity() {
    const FORGED: [(&str, &str); 3] =
        [("x-auth-subject", "root"), ("x.auth_subject", "root"), ("x_token", "forged")];
    const TAKEN: [&str; 6] =
        ["x-auth-subject", "x.auth_subject", "x_token", "x-token", "cookie", "authorization"];
    type Fields = &'static [(&'static str, &'static str)];
    let token: Fields = &[("authorization", "Bearer live")];
    let spoiled: Fields = &[
        ("authorization", "Bearer live"),
        ("authorization", "Bearer"),
        ("x-token", "live"),
        ("cookie", "a=b; session=live; session="),
    ];
    let preflight: Fields = &[
        (":method", "OPTIONS"),
        ("origin", "https://app.example"),
        ("access-control-request-method", "PUT"),
        ("x-token", "live"),
    ];
    let rules = json!([
        {"name": "open", "match": {"paths": ["/open"]}, "access": "anonymous"},
        {"name": "maybe", "match": {"paths": ["/maybe"]}, "access": "optional"},
        {"name": "shut", "match": {"paths": ["/shut"]}, "access": "deny"},
        {"name": "closed", "match": {"paths": ["/closed"]}, "require": {"scopes": ["read"]}},
    ]);
    for mode in ["observe", "enforce"] {
        let mut policy = asking();
        policy["mode"] = json!(mode);
        policy["rules"] = rules.clone();
        policy["cors_preflight"] = json!("allow");
        policy["upstream"] = json!({"headers": {"x-auth-subject": "sub"}});
        policy["limits"]["waiting_requests"] = json!(1);
        policy["token"] = json!({"from": [
            {"header": "authorization", "scheme": "Bearer"}, {"header": "x-token"}, {"query": "token"}, {"cookie": "session"},
        ]});
        for unmatched in ["deny", "authenticated", "anonymous"] {
            policy["unmatched"] = json!(unmatched);
            let mut gate = gate(&policy);
            for (path, fields, expected, always) in [
                ("/open?token=live", token, "anonymous", true),
                ("/open?token=live&token=", spoiled, "anonymous", true),
                ("/maybe", &[][..], "anonymous", true),
                ("/maybe?token=live", spoiled, "credential_ambiguous", false),
                ("/maybe", &[("x-token", "a b")], "credential_malformed", false),
                ("/shut?token=live", token, "rule_denied", false),
                ("/closed", &[], "token_missing", false),
                ("/closed?token=live", token, "credential_ambiguous", false),
                ("/closed?token=%20", &[], "credential_malformed", false),
                ("/a//b?token=live", token, "path_ambiguous", false),
                ("/closed?token=live", preflight, "anonymous", true),
            ] {
                let fields = [&[(":path", path)], fields, &FORGED].concat();
                let step = open_with(&mut gate, 1, &fields, at(0));
                if !always && mode == "enforce" {
                    assert!(matches!(settled(step), Verdict::Refuse { .. }), "{path}");
                    continue;
                }
                carries_nothing(&settled(step), expected, &fields, &TAKEN);
            }
            let nowhere = [&[(":path", "/nowhere?token=live")], spoiled, &FORGED].concat();
            let expected = match unmatched {
                "deny" => "unmatched",
                "authenticated" => "credential_ambiguous",
                _ => "anonymous",
            };
            let verdict = settled(open_with(&mut gate, 1, &nowhere, at(0)));
            match (mode, unmatched) {
                ("observe", _) | (_, "anonymous") => carries_nothing(&verdict, expected, &nowhere, &TAKEN),
                _ => assert!(matches!(verdict, Verdict::Refuse { .. })),
            }
        }
        if mode == "enforce" {
            continue;
        }
        // Those that wait, and what becomes of them: nobody answers, the answer is no, there is no room.
        let mut gate = gate(&policy);
        let waits = [&[(":path", "/closed")], token, &FORGED].concat();
        let other = [&[(":path", "/closed"), ("authorization", "Bearer other")][..], &FORGED].concat();
        assert!(parked(&open_with(&mut gate, 1, &waits, at(0))));
        carries_nothing(&settled(open_with(&mut gate, 2, &other, at(0))), "overloaded", &other, &TAKEN);
        let asked = ask(&mut gate, at(0))[0].0;
        let woken = answer(&mut gate, asked, &json!({"active": false}), at(0));
        carries_nothing(&woken[0].verdict, "token_inactive", &waits, &TAKEN);
        assert!(parked(&open_with(&mut gate, 3, &other, at(0))));
        let asked = ask(&mut gate, at(0))[0].0;
        let woken = answer(&mut gate, asked, &json!({"active": true, "scope": "write", "sub": "bob"}), at(0));
        carries_nothing(&woken[0].verdict, "scope_insufficient", &other, &TAKEN);
        let third = [&[(":path", "/closed"), ("authorization", "Bearer third")][..], &FORGED].concat();
        assert!(parked(&open_with(&mut gate, 4, &third, at(0))));
        assert_eq!(ask(&mut gate, at(0)).len(), 1);
        let expired = gate.expire(at(60));
        carries_nothing(&expired[0].verdict, "issuer_unavailable", &third, &TAKEN);
    }
}

/// Holds `verdict` on a request with `fields` to letting it through for `expected`, with nothing set and all of `taken`
/// removed that the request has.
fn carries_nothing(verdict: &Verdict, expected: &str, fields: &[(&str, &str)], taken: &[&str]) {
    let Verdict::Admit { edits, note, .. } = verdict else {
        panic!("{expected}: refused for {}", reason(verdict))
    };
    let about = format!("{expected} {fields:?}");
    assert_eq!((note.reason, note.observed), (expected, expected != "anonymous"), "{about}");
    for name in taken {
        let sent = fields.iter().any(|(found, _)| found == name);
        assert_eq!(edits.remove.iter().any(|removed| **removed == **name), sent, "{name}: {about}");
    }
    let path = fields.iter().rfind(|(name, _)| *name == ":path").map_or("", |(_, path)| *path);
    let mut left: Vec<_> = edits.set.iter().map(|(name, value)| (&**name, &**value)).collect();
    let mut expected = Vec::new();
    if let Some((path, _)) = path.split_once("?token") {
        expected.push((":path", path));
    }
    if fields.iter().any(|(name, _)| *name == "cookie") {
        expected.push(("cookie", "a=b"));
    }
    left.sort_unstable();
    assert_eq!(left, expected, "{about}");
}

#[test]
fn a_rule_says_for_itself_whether_the_token_stays() {
    for forward in [json!(true), json!(false)] {
        let mut policy = asking();
        policy["token"] = json!({"from": [{"header": "x-token"}, {"query": "token"}], "forward": forward});
        policy["rules"] = json!([
            {"name": "keeps", "match": {"paths": ["/keeps"]}, "access": "anonymous", "forward": true},
            {"name": "takes", "match": {"paths": ["/takes"]}, "access": "anonymous", "forward": false},
            {"name": "watched", "match": {"paths": ["/watched"]}, "require": {}, "mode": "observe", "forward": true},
            {"name": "silent", "match": {"paths": ["/silent"]}, "access": "anonymous"},
        ]);
        let mut gate = gate(&policy);
        let stays = |gate: &mut Gate, path: &str| {
            let fields = [(":path", &*format!("/{path}?token=a")), ("x-token", "a"), ("x_token", "b")];
            let Verdict::Admit { edits, .. } = settled(open_with(gate, 1, &fields, at(0))) else {
                panic!("{path}")
            };
            // What only looks like the token's place is not it.
            assert!(edits.remove.iter().any(|name| &**name == "x_token"), "{path}");
            (!edits.remove.iter().any(|name| &**name == "x-token"), edits.set.is_empty())
        };
        assert_eq!(stays(&mut gate, "keeps"), (true, true));
        assert_eq!(stays(&mut gate, "watched"), (true, true));
        assert_eq!(stays(&mut gate, "takes"), (false, false));
        let silent = forward == json!(true);
        assert_eq!(stays(&mut gate, "silent"), (silent, silent));
    }
}

#[test]
fn a_preflight_passes_only_where_the_policy_lets_it() {
    let preflight = [
        (":method", "OPTIONS"),
        ("origin", "https://app.example.com"),
        ("access-control-request-method", "POST"),
    ];
    let mut checked = gate(&asking());
    assert_eq!(reason(&settled(open_with(&mut checked, 1, &preflight, at(0)))), "token_missing");
    let mut policy = asking();
    policy["cors_preflight"] = json!("allow");
    let mut allowed = gate(&policy);
    assert_eq!(reason(&settled(open_with(&mut allowed, 1, &preflight, at(0)))), "anonymous");
    for without in 0..3 {
        let mut fields = preflight.to_vec();
        fields.remove(without);
        assert_eq!(reason(&settled(open_with(&mut allowed, 2, &fields, at(0)))), "token_missing");
    }
    let empty = [preflight[0], preflight[1], ("access-control-request-method", "")];
    assert_eq!(reason(&settled(open_with(&mut allowed, 3, &empty, at(0)))), "token_missing");
    // What is asked about our own metadata is answered here, whatever happens to others.
    policy["protected_resource"] = json!({"resource": "https://api.example.com"});
    policy["cors"] = json!({"origins": ["*"]});
    let mut ours = gate(&policy);
    let about = [&preflight[..], &[(":path", "/.well-known/oauth-protected-resource")]].concat();
    assert_eq!(reason(&settled(open_with(&mut ours, 4, &about, at(0)))), "metadata");
    assert_eq!(reason(&settled(open_with(&mut ours, 5, &preflight, at(0)))), "anonymous");
}

#[test]
fn a_tunnel_is_opened_only_by_a_rule_that_names_it() {
    let mut policy = asking();
    policy["unmatched"] = json!("anonymous");
    policy["rules"] = json!([{"name": "closed", "match": {"paths": ["/closed"]}, "access": "deny"}]);
    let mut gate = gate(&policy);
    assert_eq!(reason(&settled(open_with(&mut gate, 1, &[(":path", "/open")], at(0)))), "anonymous");
    let connect = [(":method", "CONNECT"), (":path", "")];
    assert_eq!(reason(&settled(open_with(&mut gate, 2, &connect, at(0)))), "unmatched");
}

#[test]
fn the_protected_resource_describes_itself_and_is_linked() {
    let mut policy = asking();
    policy["issuers"]["idp"]["issuer"] = json!("https://idp.example.com");
    policy["protected_resource"] =
        json!({"resource": "https://api.example.com/v1", "path": "/.well-known/oauth-protected-resource"});
    let mut gate = gate(&policy);
    let Verdict::Refuse { response, .. } =
        settled(open_with(&mut gate, 1, &[(":path", "/.well-known/oauth-protected-resource")], at(0)))
    else {
        panic!("not answered")
    };
    assert_eq!(response.status, 200);
    let document: Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!(document["resource"], "https://api.example.com/v1");
    assert_eq!(document["authorization_servers"], json!(["https://idp.example.com"]));
    assert_eq!(document["scopes_supported"], json!(["read"]));
    let Verdict::Refuse { response, .. } = settled(open_with(&mut gate, 2, &[], at(0))) else {
        panic!("admitted")
    };
    let challenge = response.fields.iter().find(|(name, _)| *name == "www-authenticate").unwrap().1.as_str();
    assert!(
        challenge
            .ends_with(r#"resource_metadata="https://api.example.com/.well-known/oauth-protected-resource""#),
        "{challenge}"
    );
}

#[test]
fn what_tokens_have_to_be_bound_to_is_advertised() {
    let mut policy = asking();
    policy["dpop"] = json!({"algorithms": ["ES256", "EdDSA"]});
    policy["protected_resource"] = json!([
        {"resource": "https://api.example.com/keys"},
        {"resource": "https://api.example.com/certificates"},
        {"resource": "https://api.example.com/else"},
    ]);
    policy["rules"] = json!([
        {"name": "keys", "match": {"paths": ["/keys/**"]}, "require": {"proof": "dpop"}},
        {"name": "certificates", "match": {"paths": ["/certificates/**"]}, "require": {"any_of": [{"proof": "mtls"}, {"scopes": ["a"]}]}},
        {"name": "else", "match": {"paths": ["/else/**"]}, "require": {}},
    ]);
    let mut gate = gate(&policy);
    let mut advertised = |id, name: &str| {
        let path = format!("/.well-known/oauth-protected-resource/{name}");
        let Verdict::Refuse { response, .. } = settled(open_with(&mut gate, id, &[(":path", &path)], at(0)))
        else {
            panic!("not answered")
        };
        let document: Value = serde_json::from_str(&response.body).unwrap();
        assert_eq!(document["dpop_signing_alg_values_supported"], json!(["ES256", "EdDSA"]));
        ["dpop_bound_access_tokens_required", "tls_client_certificate_bound_access_tokens"]
            .map(|name| document[name].clone())
    };
    assert_eq!(advertised(1, "keys"), [json!(true), json!(null)]);
    assert_eq!(advertised(2, "certificates"), [json!(null), json!(true)]);
    assert_eq!(advertised(3, "else"), [json!(null), json!(null)]);
}

#[test]
fn what_is_not_enforced_is_not_advertised() {
    let mut policy = asking();
    policy["mode"] = json!("observe");
    policy["token"] = json!({"from": [{"cookie": "session"}]});
    policy["protected_resource"] = json!({"resource": "https://api.example.com/"});
    let Verdict::Refuse { response, .. } = settled(open_with(
        &mut gate(&policy),
        1,
        &[(":path", "/.well-known/oauth-protected-resource")],
        at(0),
    )) else {
        panic!("not answered")
    };
    let document: Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!(document, json!({"resource": "https://api.example.com/"}));
}

/// Events in any order, with stale ids and late replies, against the invariants: a request settles at most once, an
/// admission has a token that its issuer called good for that rule, nothing waits past its deadline, and the waiting
/// room keeps its bound.
#[test]
fn whatever_happens_in_whatever_order() {
    for seed in 0..200u64 {
        storm(seed);
    }
}

fn storm(seed: u64) {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut gate = gate(&asking());
    let mut now = 0;
    let mut waiting: BTreeMap<u32, (u64, i64)> = BTreeMap::new();
    let mut out: Vec<(AskId, String)> = Vec::new();
    let mut next = 0;
    // Whether the issuer may have been left alone since the last look.
    let mut open_circuit = false;
    for _ in 0..300 {
        match random.below(8) {
            0..=2 => {
                next += 1;
                let token = random.below(12);
                match open(&mut gate, next, &format!("t{token}"), at(now)) {
                    Step::Park => assert!(waiting.insert(next, (token, now)).is_none()),
                    Step::Settle(verdict) => check(&verdict, token, seed),
                }
            }
            3 => out.extend(
                ask(&mut gate, at(now)).into_iter().map(|(id, callout)| (id, callout.body.expose().clone())),
            ),
            4..=5 if !out.is_empty() => {
                let pick = random.below(out.len() as u64) as usize;
                let (id, body) = out[pick].clone();
                // Now and then a reply is kept, to come a second time.
                if random.below(4) > 0 {
                    out.remove(pick);
                }
                let token: u64 =
                    body.trim_start_matches("token=t").split('&').next().unwrap().parse().unwrap();
                let woken = match random.below(3) {
                    0 => gate.answer(id, &Reply::Failed, at(now)),
                    _ => answer(&mut gate, id, &word(token), at(now)),
                };
                for Woken { id, verdict } in woken {
                    let (waited_for, _) = waiting.remove(&id.0).expect("woken once, and only while it waits");
                    assert_eq!(waited_for, token);
                    check(&verdict, token, seed);
                }
            }
            6 => {
                let gone = random.below(u64::from(next) + 2) as u32;
                gate.close(RequestId(gone));
                waiting.remove(&gone);
            }
            _ => {
                now += random.below(3) as i64;
                for Woken { id, verdict } in gate.expire(at(now)) {
                    let (token, since) =
                        waiting.remove(&id.0).expect("expired once, and only while it waits");
                    assert!(now - since >= 2 || open_circuit, "seed {seed}: not before its time");
                    check(&verdict, token, seed);
                }
                assert!(
                    waiting.values().all(|(_, since)| now - since <= 3),
                    "seed {seed}: waits past its deadline"
                );
            }
        }
        for event in gate.take_events() {
            open_circuit |= matches!(event, Event::CircuitOpened { .. });
        }
        assert_eq!(gate.waiting(), waiting.len(), "seed {seed}");
        assert!(gate.waiting() <= 50);
    }
}

/// Tokens by number: a third of them is good for the rule, a third good for another, a third not good at all.
fn word(token: u64) -> Value {
    match token % 3 {
        0 => active(),
        1 => json!({"active": true, "scope": "write"}),
        _ => json!({"active": false}),
    }
}

fn check(verdict: &Verdict, token: u64, seed: u64) {
    let known = match token % 3 {
        0 => "admitted",
        1 => "scope_insufficient",
        _ => "token_inactive",
    };
    let reason = reason(verdict);
    assert!(
        [known, "issuer_unavailable", "overloaded"].contains(&reason),
        "seed {seed}: {reason} for token {token}"
    );
    assert_eq!(matches!(verdict, Verdict::Admit { .. }), reason == "admitted", "seed {seed}");
}

/// xorshift64: the same storm for the same seed, everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// A policy that serves answers of ten seconds for a minute more.
fn serving_stale() -> Value {
    let mut policy = asking();
    policy["issuers"]["idp"]["introspection"]["cache"] = json!({"ttl": "10s"});
    policy["issuers"]["idp"]["introspection"]["on_outage"] = json!({"serve_stale": "60s"});
    policy
}

/// What becomes of a request that has to be asked about, where the issuer replies so; `None`: a server error.
fn judged(gate: &mut Gate, id: u32, token: &str, reply: Option<&Value>, now: UnixTime) -> &'static str {
    assert!(parked(&open(gate, id, token, now)), "{token}: the issuer is asked first");
    let asks = ask(gate, now);
    let woken = match reply {
        Some(reply) => answer(gate, asks[0].0, reply, now),
        None => answer_status(gate, asks[0].0, 500, &[], now),
    };
    reason(&woken[0].verdict)
}

fn answer_status(
    gate: &mut Gate,
    ask: AskId,
    status: u16,
    fields: &[(&str, &str)],
    now: UnixTime,
) -> Vec<Woken> {
    let fields: Vec<_> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
    gate.answer(ask, &Reply::Answered(Answer { status, fields: &fields, body: b"" }), now)
}

#[test]
fn an_old_answer_serves_while_the_issuer_fails_for_others_too_and_no_longer_than_allowed() {
    let mut gate = gate(&serving_stale());
    for token in ["one", "two"] {
        assert_eq!(judged(&mut gate, 1, token, Some(&active()), at(0)), "admitted");
    }
    assert_eq!(reason(&settled(open(&mut gate, 2, "one", at(9)))), "admitted");
    assert_eq!(
        judged(&mut gate, 3, "one", None, at(10)),
        "issuer_unavailable",
        "its own failure is not enough"
    );
    assert_eq!(judged(&mut gate, 4, "two", None, at(10)), "admitted");
    assert!(
        gate.take_events().iter().any(|event| matches!(event, Event::StaleServed { .. })),
        "and it is counted"
    );
    assert_eq!(judged(&mut gate, 5, "one", None, at(19)), "admitted");
    assert_eq!(
        judged(&mut gate, 6, "one", None, at(20)),
        "issuer_unavailable",
        "the other failed too long ago"
    );
    assert_eq!(
        judged(&mut gate, 7, "three", Some(&active()), at(21)),
        "admitted",
        "and it has not been down"
    );
    assert_eq!(judged(&mut gate, 8, "one", None, at(69)), "issuer_unavailable");
    assert_eq!(judged(&mut gate, 9, "two", None, at(69)), "admitted");
    assert_eq!(
        judged(&mut gate, 10, "two", None, at(70)),
        "issuer_unavailable",
        "an answer of 70 s ago is none"
    );
    assert_eq!(judged(&mut gate, 11, "one", Some(&json!({"active": false})), at(90)), "token_inactive");
    assert_eq!(
        reason(&settled(open(&mut gate, 12, "one", at(91)))),
        "token_inactive",
        "a refusal ends the old answer"
    );
}

#[test]
fn whoever_holds_a_revoked_token_gets_no_old_answer_by_making_the_issuer_stumble() {
    let mut gate = gate(&serving_stale());
    assert_eq!(judged(&mut gate, 0, "revoked", Some(&active()), at(0)), "admitted");
    for number in 0..3000u32 {
        let now = UnixTime::from_millis((START + 10) * 1000 + i64::from(number) * 10);
        let token = if number % 2 == 0 { "revoked".to_owned() } else { format!("W10.{number}") };
        assert_eq!(judged(&mut gate, number + 1, &token, None, now), "issuer_unavailable", "{number}");
    }
    assert!(!gate.take_events().iter().any(|event| matches!(event, Event::StaleServed { .. })));
}

#[test]
fn a_stranger_whose_tokens_the_issuer_cannot_digest_keeps_nobody_out() {
    for kind in 0..4 {
        let mut gate = gate(&asking());
        for number in 0..1000u32 {
            let now = UnixTime::from_millis(START * 1000 + i64::from(number) * 50);
            assert!(parked(&open(&mut gate, number, &format!("stranger-{number}"), now)));
            let asks = ask(&mut gate, now);
            let woken = match kind {
                0 => answer_status(&mut gate, asks[0].0, 500, &[], now),
                1 => answer_status(&mut gate, asks[0].0, 503, &[("x-envoy-upstream-service-time", "3")], now),
                2 => answer_status(&mut gate, asks[0].0, 429, &[("retry-after", "9")], now),
                // As Envoy answers where the issuer takes too long.
                _ => answer_status(&mut gate, asks[0].0, 504, &[], now),
            };
            assert_eq!(reason(&woken[0].verdict), "issuer_unavailable");
            if number % 10 == 0 {
                let user = format!("user-{number}");
                assert_eq!(
                    judged(&mut gate, 2000 + number, &user, Some(&active()), now),
                    "admitted",
                    "{kind}"
                );
            }
        }
        assert!(
            !gate.take_events().iter().any(|event| matches!(event, Event::CircuitOpened { .. })),
            "{kind}"
        );
    }
}

#[test]
fn an_issuer_that_fails_for_known_tokens_is_left_alone_and_tried_with_them_first() {
    let mut gate = gate(&asking());
    let known = |number: u32| format!("known-{number}");
    for number in 0..10 {
        assert_eq!(judged(&mut gate, number, &known(number), Some(&active()), at(0)), "admitted");
    }
    let mut now = UnixTime::from_millis((START + 60) * 1000);
    for number in 0..5 {
        assert_eq!(judged(&mut gate, number, &known(number), None, now), "issuer_unavailable");
        now = UnixTime::from_millis(now.as_millis() + 250);
    }
    assert!(
        gate.take_events().iter().any(|event| matches!(event, Event::CircuitOpened { .. })),
        "within 1 s"
    );
    assert_eq!(reason(&settled(open(&mut gate, 20, &known(6), now))), "issuer_unavailable");
    assert!(ask(&mut gate, now).is_empty(), "nobody is asked");
    // Half-open: strangers have places of their own.
    let later = at(70);
    for number in 0..10 {
        let step = open(&mut gate, 30 + number, &format!("stranger-{number}"), later);
        assert!(parked(&step), "{number}");
    }
    assert!(parked(&open(&mut gate, 50, &known(6), later)));
    let asks = ask(&mut gate, later);
    assert_eq!(asks.len(), 5, "four trials of strangers, and one of a token that was active lately");
    let given_up = gate.expire(later);
    assert_eq!(given_up.len(), 6);
    assert!(given_up.iter().all(|woken| reason(&woken.verdict) == "issuer_unavailable"));
    for (ask, _) in &asks[..4] {
        answer_status(&mut gate, *ask, 500, &[], later);
    }
    assert_eq!(answer(&mut gate, asks[4].0, &active(), later).len(), 1);
    assert!(gate.take_events().iter().any(|event| matches!(event, Event::CircuitClosed { .. })));
    assert!(parked(&open(&mut gate, 51, "stranger-99", later)), "it is back for everybody");
}

#[test]
fn an_issuer_that_cannot_be_reached_is_left_alone_for_a_while() {
    let mut gate = gate(&asking());
    let mut asked = 0;
    for id in 0..200u32 {
        let now = UnixTime::from_millis(START * 1000 + i64::from(id) * 100);
        if let Step::Settle(verdict) = open(&mut gate, id, &format!("t{id}"), now) {
            assert_eq!(reason(&verdict), "issuer_unavailable");
            continue;
        }
        for (ask, _) in ask(&mut gate, now) {
            asked += 1;
            assert_eq!(gate.answer(ask, &Reply::Failed, now).len(), 1);
        }
    }
    assert!((52..62).contains(&asked), "{asked} questions: all for five seconds, then few for fifteen");
    let later = at(40);
    assert!(parked(&open(&mut gate, 200, "good", later)));
    assert!(parked(&open(&mut gate, 202, "good", later)), "and whoever has the same question waits for it");
    let asks = ask(&mut gate, later);
    assert_eq!(answer(&mut gate, asks[0].0, &active(), later).len(), 2);
    assert!(parked(&open(&mut gate, 203, "other", later)), "it is back");
}

#[test]
fn a_verified_token_is_asked_about_too_where_the_policy_says_so() {
    let key = PrivateKey::generate(Algorithm::Es256, Some("k")).unwrap();
    let claims =
        json!({"iss": "https://idp.example.com", "sub": "alice", "scope": "read", "exp": START + 600});
    let token = key.sign(&serde_json::Map::new(), &claims).unwrap();
    let mut policy = asking();
    policy["issuers"]["idp"]["issuer"] = json!("https://idp.example.com");
    policy["issuers"]["idp"]["jwt"] = json!({"jwks": {"inline": {"keys": [key.public_jwk()]}}});
    policy["issuers"]["idp"]["introspection"]["use_for"] = json!("all");
    let mut gate = gate(&policy);
    assert!(parked(&open(&mut gate, 1, &token, at(0))));
    let asks = ask(&mut gate, at(0));
    let woken = answer(&mut gate, asks[0].0, &json!({"active": true}), at(0));
    assert!(
        matches!(&woken[0].verdict, Verdict::Admit { note, .. } if note.grant().unwrap().subject() == Some("alice"))
    );
    assert_eq!(reason(&settled(open(&mut gate, 2, &token, at(1)))), "admitted");
    assert!(parked(&open(&mut gate, 3, &token, at(61))), "the issuer's word is remembered for its own time");
    let asks = ask(&mut gate, at(61));
    let woken = answer(&mut gate, asks[0].0, &json!({"active": false}), at(61));
    assert_eq!(reason(&woken[0].verdict), "token_inactive", "revoked");
    assert!(parked(&open(&mut gate, 5, &token, at(122))));
    let asks = ask(&mut gate, at(122));
    let woken = answer(&mut gate, asks[0].0, &certificate_bound(true), at(122));
    assert_eq!(reason(&woken[0].verdict), "binding_unproven", "bound by its issuer's word alone");
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    let forged = format!("{signed}.{first}{}", signature.get(1..).unwrap());
    assert_eq!(
        reason(&settled(open(&mut gate, 4, &forged, at(62)))),
        "signature_invalid",
        "and is not asked about"
    );
}

#[test]
fn what_the_issuer_says_completes_a_verified_token() {
    const ISSUER: &str = "https://idp.example.com";
    let key = PrivateKey::generate(Algorithm::Es256, Some("k")).unwrap();
    // As Keycloak's lightweight tokens are: no audience, no subject, hardly anything.
    let claims = json!({"iss": ISSUER, "azp": "web", "tenant": "a", "scp": "read write", "exp": START + 600});
    let token = key.sign(&serde_json::Map::new(), &claims).unwrap();
    let mut policy = asking();
    policy["issuers"]["idp"]["issuer"] = json!(ISSUER);
    policy["issuers"]["idp"]["audiences"] = json!(["api"]);
    policy["issuers"]["idp"]["jwt"] =
        json!({"jwks": {"inline": {"keys": [key.public_jwk()]}}, "required_claims": ["sub"]});
    policy["issuers"]["idp"]["introspection"]["use_for"] = json!("all");
    policy["upstream"] = json!({"headers": {"x-sub": "sub", "x-tenant": "tenant", "x-scope": "scope"}});
    let full = json!({"active": true, "iss": ISSUER, "aud": ["api"], "sub": "alice", "client_id": "web", "scope": "read"});
    let with = |name: &str, value: Value| {
        let mut answer = full.clone();
        answer[name] = value;
        answer
    };
    for cached in [10_000, 0] {
        policy["limits"] = json!({"cached_tokens": cached});
        let mut gate = gate(&policy);
        let mut step = |id: u32, said: &Value| {
            assert!(parked(&open(&mut gate, id, &token, at(i64::from(id) * 61))));
            let asks = ask(&mut gate, at(i64::from(id) * 61));
            answer(&mut gate, asks[0].0, said, at(i64::from(id) * 61)).remove(0).verdict
        };
        let verdict = step(1, &full);
        let Verdict::Admit { edits, note, .. } = &verdict else { panic!("{}", reason(&verdict)) };
        let set = |name: &str| edits.set.iter().find(|(set, _)| **set == *name).map(|(_, value)| &**value);
        assert_eq!([set("x-sub"), set("x-tenant"), set("x-scope")], [Some("alice"), Some("a"), Some("read")]);
        assert_eq!(note.grant().unwrap().audiences(), ["api"]);
        for (id, (said, expected)) in (2..).zip([
            (with("scope", json!("write")), "scope_insufficient"),
            (with("scope", json!(null)), "admitted"),
            (with("aud", json!("other")), "audience_mismatch"),
            (with("aud", json!(null)), "audience_mismatch"),
            (with("sub", json!(null)), "claim_missing"),
            (with("client_id", json!("other")), "token_inactive"),
            (with("iss", json!("https://other.example.com")), "issuer_unknown"),
            (full.clone(), "admitted"),
        ]) {
            assert_eq!(reason(&step(id, &said)), expected, "{said}");
        }
    }

    // Another worker hears the same, and about the same token.
    policy["limits"] = json!({});
    let slots = Rc::new(Slots::default());
    let (mut one, mut two) = (worker(&policy, &slots), worker(&policy, &slots));
    assert!(parked(&open(&mut one, 1, &token, at(0))));
    let asks = ask(&mut one, at(0));
    assert_eq!(reason(&answer(&mut one, asks[0].0, &full, at(0))[0].verdict), "admitted");
    for id in [1, 2] {
        let Verdict::Admit { edits, .. } = settled(open(&mut two, id, &token, at(1))) else {
            panic!("refused")
        };
        assert!(edits.set.iter().any(|(name, value)| (&**name, &**value) == ("x-sub", "alice")));
    }
}

#[test]
fn what_a_challenge_says_of_a_token_is_shared_with_the_answer() {
    let mut policy = asking();
    policy["issuers"]["idp"]["introspection"] =
        json!({"protocol": "userinfo", "uri": "https://idp.example.com/userinfo", "cluster": "idp"});
    let slots = Rc::new(Slots::default());
    let (mut one, mut two) = (worker(&policy, &slots), worker(&policy, &slots));
    assert!(parked(&open(&mut one, 1, "token", at(0))));
    let asks = ask(&mut one, at(0));
    let fields = [("www-authenticate".to_owned(), b"Bearer error=\"insufficient_scope\"".to_vec())];
    let refused = Reply::Answered(Answer { status: 403, fields: &fields, body: b"" });
    assert_eq!(reason(&one.answer(asks[0].0, &refused, at(0))[0].verdict), "scope_insufficient");
    assert_eq!(reason(&settled(open(&mut two, 1, "token", at(1)))), "scope_insufficient");
}

#[test]
fn an_answer_that_nobody_waits_for_any_more_is_about_the_same_token() {
    const ISSUER: &str = "https://idp.example.com";
    let key = PrivateKey::generate(Algorithm::Es256, Some("k")).unwrap();
    let claims = json!({"iss": ISSUER, "aud": "api", "sub": "alice", "scope": "read", "exp": START + 600});
    let token = key.sign(&serde_json::Map::new(), &claims).unwrap();
    let mut policy = asking();
    policy["issuers"]["idp"]["issuer"] = json!(ISSUER);
    policy["issuers"]["idp"]["audiences"] = json!(["api"]);
    policy["issuers"]["idp"]["jwt"] = json!({"jwks": {"inline": {"keys": [key.public_jwk()]}}});
    policy["issuers"]["idp"]["introspection"]["use_for"] = json!("all");
    for cached in [10_000, 0] {
        policy["limits"] = json!({"cached_tokens": cached});
        let mut gate = gate(&policy);
        assert!(parked(&open(&mut gate, 1, &token, at(0))));
        let asks = ask(&mut gate, at(0));
        gate.close(RequestId(1));
        assert!(answer(&mut gate, asks[0].0, &json!({"active": true}), at(0)).is_empty());
        match open(&mut gate, 2, &token, at(1)) {
            Step::Settle(verdict) => assert_eq!((cached, reason(&verdict)), (10_000, "admitted")),
            Step::Park => assert_eq!(cached, 0, "nothing is remembered"),
        }
    }
}

#[test]
fn a_token_that_is_too_long_is_not_looked_at() {
    let mut policy = asking();
    policy["limits"]["token_bytes"] = json!(256);
    let mut gate = gate(&policy);
    assert!(parked(&open(&mut gate, 1, &"a".repeat(256), at(0))));
    for (id, token) in (2..).zip(["a".repeat(257), "a.".repeat(1 << 20), "a".repeat(1 << 22)]) {
        let verdict = settled(open(&mut gate, id, &token, at(0)));
        assert_eq!(reason(&verdict), "token_too_long");
        assert!(matches!(&verdict, Verdict::Refuse { response, .. } if response.status == 401));
    }
}

#[test]
fn a_key_that_a_token_brings_along_signs_for_nobody() {
    let (ours, thief) = (
        PrivateKey::generate(Algorithm::Es256, Some("a")),
        PrivateKey::generate(Algorithm::Es256, Some("a")),
    );
    let (ours, thief) = (ours.unwrap(), thief.unwrap());
    let policy = json!({
        "issuers": {"corp": {"issuer": "https://idp.example.com", "audiences": "any",
                             "jwt": {"jwks": {"inline": {"keys": [ours.public_jwk()]}}}}},
        "rules": [{"name": "all", "require": {}}],
    });
    let mut gate = gate(&policy);
    let claims = json!({"iss": "https://idp.example.com", "exp": START + 600});
    let address = "https://evil.example.com/keys";
    for (header, due) in [
        (json!({"jwk": thief.public_jwk()}), "signature_invalid"),
        (json!({"jwk": thief.public_jwk(), "kid": null}), "signature_invalid"),
        (json!({"jwk": thief.public_jwk(), "kid": "b"}), "key_unknown"),
        (json!({"jku": address, "x5u": address, "x5c": ["MIIB"]}), "signature_invalid"),
    ] {
        let token = thief.sign(header.as_object().unwrap(), &claims).unwrap();
        assert_eq!(reason(&settled(open(&mut gate, 1, &token, at(0)))), due, "{header}");
    }
    assert!(ask(&mut gate, at(0)).is_empty(), "nobody is asked for a key");
    let token = ours.sign(&serde_json::Map::new(), &claims).unwrap();
    assert_eq!(reason(&settled(open(&mut gate, 2, &token, at(0)))), "admitted");
}

/// `GET /open` on `open.example.com` is open, everything else is shut.
fn one_door() -> Value {
    let door = json!({"hosts": ["open.example.com"], "methods": ["GET"], "paths": ["/open"]});
    json!({"rules": [{"name": "door", "match": door, "access": "anonymous"}]})
}

#[test]
fn what_a_client_says_besides_its_target_decides_nothing() {
    let mut gate = gate(&one_door());
    let open = [(":method", "GET"), (":authority", "open.example.com"), (":path", "/open")];
    assert_eq!(reason(&settled(open_with(&mut gate, 1, &open, at(0)))), "anonymous");
    let claims = [
        ("host", "open.example.com"),
        ("x-forwarded-host", "open.example.com"),
        ("forwarded", "host=open.example.com"),
        ("x-original-host", "open.example.com"),
        ("x-original-url", "/open"),
        ("x-rewrite-url", "/open"),
        ("x-forwarded-uri", "/open"),
        ("x-forwarded-prefix", "/open"),
        ("x-envoy-original-path", "/open"),
        ("x-http-method-override", "GET"),
        ("x-http-method", "GET"),
        ("x-method-override", "GET"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-envoy-internal", "true"),
        ("user-agent", "ELB-HealthChecker/2.0"),
        ("user-agent", "kube-probe/1.30"),
        ("user-agent", "GoogleHC/1.0"),
        ("upgrade", "websocket"),
    ];
    for (place, value) in [(0, "POST"), (1, "shut.example.com"), (2, "/shut")] {
        let mut shut = open.to_vec();
        shut[place].1 = value;
        let all: Vec<_> = shut.iter().chain(&claims).copied().collect();
        assert_eq!(reason(&settled(open_with(&mut gate, 2, &all, at(0)))), "unmatched", "{value}");
        for claim in claims {
            let one = [&shut[..], &[claim]].concat();
            let verdict = settled(open_with(&mut gate, 3, &one, at(0)));
            assert_eq!(reason(&verdict), "unmatched", "{value}: {claim:?}");
        }
    }
}

#[test]
fn a_method_is_compared_as_it_stands() {
    let mut gate = gate(&one_door());
    for method in ["get", "Get", "GET ", " GET", "GETS", "HEAD", "OPTIONS", "TRACE", "", "G\u{0}ET"] {
        let fields = [(":method", method), (":authority", "open.example.com"), (":path", "/open")];
        assert_eq!(reason(&settled(open_with(&mut gate, 1, &fields, at(0)))), "unmatched", "{method:?}");
    }
}

#[test]
fn before_there_is_a_policy_nobody_is_let_through_and_nobody_is_blamed() {
    let mut gate = Gate::new(Rc::new(Policy::closed()), [7; 16], Rc::new(NoAccelerator));
    let preflight = [(":method", "OPTIONS"), ("origin", "a"), ("access-control-request-method", "GET")];
    let requests: [&[(&str, &str)]; 4] =
        [&[], &[("authorization", "Bearer a")], &[(":path", "/healthz")], &preflight];
    for fields in requests {
        let verdict = settled(open_with(&mut gate, 1, fields, at(0)));
        assert!(
            matches!(&verdict, Verdict::Refuse { response, .. } if response.status == 503),
            "{fields:?}: {}",
            reason(&verdict)
        );
    }
}

/// A token that is bound to the certificate of thumbprint 7, 7, …, or to none.
fn certificate_bound(is_bound: bool) -> Value {
    let cnf = if is_bound { json!({"x5t#S256": base64url::encode([7; 32])}) } else { json!({}) };
    json!({"active": true, "scope": "read", "cnf": cnf})
}

#[test]
fn a_certificate_is_looked_up_when_it_matters_and_then_once() {
    let looked_up = Cell::new(0);
    let certificate = || {
        looked_up.set(looked_up.get() + 1);
        Some([7; 32])
    };
    let facts = Facts { certificate: Some(&certificate), ..Facts::default() };
    let fields = |token: &'static str| {
        let base = [(":method", "GET"), (":path", "/"), ("authorization", token)];
        base.map(|(name, value)| (name.as_bytes(), value.as_bytes()))
    };
    let mut gate = gate(&asking());
    let mut step = |id: u32, token: &'static str, answered: Option<Value>| {
        let before = looked_up.get();
        let step = gate.open(RequestId(id), &RequestHead::from_pairs(fields(token)), &facts, at(0));
        let verdict = match (step, answered) {
            (Step::Settle(verdict), None) => verdict,
            (Step::Park, Some(body)) => {
                let asks = ask(&mut gate, at(0));
                answer(&mut gate, asks[0].0, &body, at(0)).remove(0).verdict
            }
            _ => panic!("{token}: parked or settled, and the other was due"),
        };
        (reason(&verdict), looked_up.get() - before)
    };
    // Its issuer may say that it is bound, and then the head is gone.
    assert_eq!(step(1, "Bearer bound", Some(certificate_bound(true))), ("admitted", 1));
    assert_eq!(step(2, "Bearer bound", None), ("admitted", 1));
    assert_eq!(step(3, "Bearer free", Some(certificate_bound(false))), ("admitted", 1));
    assert_eq!(step(4, "Bearer free", None), ("admitted", 0), "no call of the proxy for a plain token");
    assert_eq!(step(5, "Bearer gone", Some(json!({"active": false}))), ("token_inactive", 1));
    assert_eq!(step(6, "Bearer gone", None), ("token_inactive", 0));
    assert_eq!(step(7, "Basic bound", None), ("token_missing", 0));
}

#[test]
fn whoever_waits_is_held_to_a_certificate_of_their_own() {
    let mut gate = gate(&asking());
    let holders = [Some([7; 32]), None, Some([8; 32]), Some([7; 32])];
    for (id, certificate) in (0..).zip(holders) {
        let certificate = || certificate;
        let facts = Facts { certificate: Some(&certificate), ..Facts::default() };
        let fields = [(&b":method"[..], &b"GET"[..]), (b":path", b"/"), (b"authorization", b"Bearer token")];
        assert!(parked(&gate.open(RequestId(id), &RequestHead::from_pairs(fields), &facts, at(0))));
    }
    let asks = ask(&mut gate, at(0));
    assert_eq!(asks.len(), 1);
    let woken = answer(&mut gate, asks[0].0, &certificate_bound(true), at(0));
    let reasons: Vec<_> = woken.iter().map(|woken| reason(&woken.verdict)).collect();
    assert_eq!(reasons, ["admitted", "binding_unproven", "binding_unproven", "admitted"]);
}

/// Shared data as a proxy has it: versions grow, and a write with the wrong one fails. Counts how often it is read.
#[derive(Default)]
struct Slots(RefCell<BTreeMap<u32, (Vec<u8>, u32)>>, Cell<usize>);

impl SharedSlots for Slots {
    fn read(&self, slot: u32) -> Option<(Vec<u8>, u32)> {
        self.1.set(self.1.get() + 1);
        self.0.borrow().get(&slot).cloned()
    }

    fn write(&self, slot: u32, bytes: &[u8], version: Option<u32>) -> bool {
        let mut slots = self.0.borrow_mut();
        let found = slots.get(&slot).map(|(_, version)| *version);
        let good = found == version;
        if good {
            slots.insert(slot, (bytes.to_vec(), found.unwrap_or(0) + 1));
        }
        good
    }
}

fn worker(policy: &Value, slots: &Rc<Slots>) -> Gate {
    gate(policy).sharing(Rc::clone(slots) as Rc<dyn SharedSlots>, [9; 16])
}

/// What another policy's worker was told may be nothing that this one can read, such as an answer that is signed for an
/// issuer of which this policy has no keys. That is no answer, and no outage either.
#[test]
fn what_another_worker_was_told_and_this_one_cannot_read_is_asked_about_again() {
    let key = PrivateKey::generate(Algorithm::Es256, Some("k")).unwrap();
    let mut policy = asking();
    policy["issuers"]["idp"]["issuer"] = json!("https://idp.example.com");
    policy["issuers"]["idp"]["introspection"]["client"] = json!({"id": "gw", "secret": "s"});
    let mut signing = policy.clone();
    signing["issuers"]["idp"]["jwt"] = json!({"jwks": {"inline": {"keys": [key.public_jwk()]}}});
    let said = json!({"active": true, "iss": "https://idp.example.com", "scope": "read", "sub": "alice"});
    let header = serde_json::Map::from_iter([("typ".to_owned(), json!("token-introspection+jwt"))]);
    let claims =
        json!({"iss": "https://idp.example.com", "aud": "gw", "iat": START, "token_introspection": said});
    let signed = key.sign(&header, &claims).unwrap();

    let slots = Rc::new(Slots::default());
    let (mut first, mut second) = (worker(&signing, &slots), worker(&policy, &slots));
    assert!(parked(&open(&mut first, 1, "token", at(0))));
    let asks = ask(&mut first, at(0));
    let fields = [("content-type".to_owned(), b"application/token-introspection+jwt".to_vec())];
    let reply = Reply::Answered(Answer { status: 200, fields: &fields, body: signed.as_bytes() });
    assert_eq!(reason(&first.answer(asks[0].0, &reply, at(0))[0].verdict), "admitted");

    assert!(parked(&open(&mut second, 1, "token", at(0))));
    assert!(ask(&mut second, at(0)).is_empty() && second.is_following(), "the other one was at it just now");
    assert!(second.follow(at(1)).is_empty());
    let asks = ask(&mut second, at(1));
    assert_eq!(reason(&answer(&mut second, asks[0].0, &said, at(1))[0].verdict), "admitted");
}

#[test]
fn what_one_worker_was_told_the_others_need_not_ask() {
    let slots = Rc::new(Slots::default());
    let (mut one, mut two) = (worker(&asking(), &slots), worker(&asking(), &slots));
    assert!(parked(&open(&mut one, 1, "token", at(0))));
    let asks = ask(&mut one, at(0));
    assert_eq!(answer(&mut one, asks[0].0, &active(), at(0)).len(), 1);
    assert_eq!(reason(&settled(open(&mut two, 1, "token", at(59)))), "admitted");
    assert!(parked(&open(&mut two, 2, "token", at(60))), "and for no longer than the first may use it");
}

#[test]
fn what_several_issuers_told_one_worker_the_others_need_not_ask() {
    let mut policy = asking();
    policy["issuers"]["second"] = policy["issuers"]["idp"].clone();
    policy["issuers"]["second"]["introspection"]["cluster"] = json!("second");
    let slots = Rc::new(Slots::default());
    let (mut one, mut two) = (worker(&policy, &slots), worker(&policy, &slots));
    assert!(parked(&open(&mut one, 1, "token", at(0))));
    for said in [json!({"active": false}), active()] {
        let asks = ask(&mut one, at(0));
        answer(&mut one, asks[0].0, &said, at(0));
    }
    assert_eq!(one.waiting(), 0);
    assert_eq!(reason(&settled(open(&mut two, 1, "token", at(1)))), "admitted", "neither is asked again");
}

#[test]
fn an_answer_is_shared_for_no_longer_than_it_calls_the_token_good() {
    let key = PrivateKey::generate(Algorithm::Es256, Some("k")).unwrap();
    let claims = json!({"iss": "https://idp.example.com", "scope": "read", "exp": START + 600});
    let token = key.sign(&serde_json::Map::new(), &claims).unwrap();
    let mut policy = asking();
    policy["issuers"]["idp"]["issuer"] = json!("https://idp.example.com");
    policy["issuers"]["idp"]["jwt"] = json!({"jwks": {"inline": {"keys": [key.public_jwk()]}}});
    policy["issuers"]["idp"]["introspection"]["use_for"] = json!("all");
    let slots = Rc::new(Slots::default());
    let (mut one, mut two) = (worker(&policy, &slots), worker(&policy, &slots));
    assert!(parked(&open(&mut one, 1, &token, at(0))));
    let asks = ask(&mut one, at(0));
    let shorter = json!({"active": true, "exp": START + 5});
    assert_eq!(reason(&answer(&mut one, asks[0].0, &shorter, at(0))[0].verdict), "admitted");
    assert_eq!(reason(&settled(open(&mut two, 1, &token, at(4)))), "admitted");
    for worker in [&mut one, &mut two] {
        assert!(parked(&open(worker, 2, &token, at(5))), "whatever the token says of itself");
    }
    assert_eq!(ask(&mut two, at(5)).len(), 1, "the old answer keeps nobody from asking");
}

#[test]
fn workers_with_the_same_question_ask_it_once() {
    let slots = Rc::new(Slots::default());
    let (mut one, mut two) = (worker(&asking(), &slots), worker(&asking(), &slots));
    assert!(parked(&open(&mut one, 1, "token", at(0))));
    assert!(parked(&open(&mut two, 1, "token", at(0))));
    let asks = ask(&mut one, at(0));
    assert!(ask(&mut two, at(0)).is_empty(), "the first worker has the turn");
    assert!(two.is_following() && two.follow(at(0)).is_empty());
    assert!(ask(&mut two, at(0)).is_empty());
    assert_eq!(answer(&mut one, asks[0].0, &active(), at(1)).len(), 1);
    let woken = two.follow(at(1));
    assert_eq!(woken.iter().map(|woken| reason(&woken.verdict)).collect::<Vec<_>>(), ["admitted"]);
}

#[test]
fn a_crowd_that_follows_another_worker_looks_once() {
    let slots = Rc::new(Slots::default());
    let mut policy = asking();
    policy["limits"]["waiting_requests"] = json!(500);
    let (mut one, mut two) = (worker(&policy, &slots), worker(&policy, &slots));
    assert!(parked(&open(&mut one, 0, "token", at(0))));
    let asks = ask(&mut one, at(0));
    for id in 1..=50 {
        assert!(parked(&open(&mut two, id, "token", at(0))));
    }
    assert!(ask(&mut two, at(0)).is_empty());
    slots.1.set(0);
    for _ in 0..10 {
        assert!(two.follow(at(0)).is_empty() && two.is_following());
    }
    assert_eq!(slots.1.get(), 10, "shared data is locked for every look");
    answer(&mut one, asks[0].0, &active(), at(0));
    assert_eq!(two.follow(at(0)).len(), 50);
}

#[test]
fn an_answer_that_comes_while_the_next_worker_makes_up_its_mind_is_not_asked_for_again() {
    let slots = Rc::new(Slots::default());
    let (mut one, mut two) = (worker(&asking(), &slots), worker(&asking(), &slots));
    assert!(parked(&open(&mut one, 1, "token", at(0))));
    let asks = ask(&mut one, at(0));
    assert!(parked(&open(&mut two, 1, "token", at(0))));
    assert_eq!(answer(&mut one, asks[0].0, &active(), at(0)).len(), 1);
    assert!(ask(&mut two, at(0)).is_empty());
    assert_eq!(two.follow(at(0)).len(), 1);
}

#[test]
fn what_another_policy_remembers_for_longer_is_believed_for_no_longer_than_our_own_terms_say() {
    let with = |ttl: &str, negative: &str| {
        let mut policy = asking();
        policy["issuers"]["idp"]["introspection"]["cache"] = json!({"ttl": ttl, "negative_ttl": negative});
        policy
    };
    let (before, after) = (with("600s", "300s"), with("2s", "1s"));
    let slots = Rc::new(Slots::default());
    let (mut old, mut new) = (worker(&before, &slots), worker(&after, &slots));
    for (token, said) in [("good", active()), ("bad", json!({"active": false}))] {
        assert!(parked(&open(&mut old, 1, token, at(0))));
        let asks = ask(&mut old, at(0));
        answer(&mut old, asks[0].0, &said, at(0));
    }
    assert_eq!(reason(&settled(open(&mut new, 1, "good", at(1)))), "admitted");
    for (id, (token, now)) in (2..).zip([("bad", 1), ("good", 2), ("good", 599)]) {
        let mut new = worker(&after, &slots);
        assert!(parked(&open(&mut new, id, token, at(now))), "{token} at {now}");
        let asks = ask(&mut new, at(now));
        assert_eq!(asks.len(), 1, "{token} at {now}: nobody else is asking");
        let revoked = answer(&mut new, asks[0].0, &json!({"active": false}), at(now));
        assert_eq!(reason(&revoked[0].verdict), "token_inactive");
    }
}

#[test]
fn a_clock_that_is_set_makes_no_answer_last_longer() {
    for (step, worker_two) in [(-86_400, false), (-30, false), (-86_400, true), (-30, true), (86_400, false)]
    {
        let slots = Rc::new(Slots::default());
        let (mut one, mut two) = (worker(&asking(), &slots), worker(&asking(), &slots));
        for token in ["good", "bad"] {
            assert!(parked(&open(&mut one, 1, token, at(0))));
            let asks = ask(&mut one, at(0));
            let said = if token == "good" { active() } else { json!({"active": false}) };
            answer(&mut one, asks[0].0, &said, at(0));
        }
        one.expire(at(4));
        two.expire(at(4));
        // The clock is set, and time goes on from there.
        let since = |seconds: i64| at(4 + step + seconds);
        one.expire(since(0));
        two.expire(since(0));
        let looking = if worker_two { &mut two } else { &mut one };
        if step < 0 && !worker_two {
            assert_eq!(reason(&settled(open(looking, 2, "good", since(55)))), "admitted", "{step}");
        }
        assert!(parked(&open(looking, 3, "bad", since(1))), "{step}: five seconds");
        assert!(parked(&open(looking, 4, "good", since(56))), "{step}: a minute");
    }
}

#[test]
fn a_clock_that_is_set_keeps_nobody_waiting_longer_and_no_breaker_open() {
    for step in [-86_400, -1, 86_400] {
        let mut gate = gate(&asking());
        assert!(parked(&open(&mut gate, 1, "slow", at(0))));
        assert_eq!(ask(&mut gate, at(0)).len(), 1);
        gate.expire(at(1));
        gate.expire(at(1 + step));
        let expired = gate.expire(UnixTime::from_millis((START + 1 + step) * 1000 + 1200));
        assert_eq!(expired.len() + usize::from(step > 0), 1, "{step}");
        assert_eq!(gate.waiting(), 0, "{step}");

        // An issuer that is left alone, and one that has asked for it.
        for status in [503, 429] {
            let mut gate = self::gate(&asking());
            for number in 0..60u32 {
                let now = UnixTime::from_millis(START * 1000 + i64::from(number) * 100);
                if parked(&open(&mut gate, number, &format!("t{number}"), now)) {
                    for (ask, _) in ask(&mut gate, now) {
                        answer_status(&mut gate, ask, status, &[("retry-after", "3600")], now);
                    }
                }
            }
            assert_eq!(reason(&settled(open(&mut gate, 90, "new", at(6)))), "issuer_unavailable");
            gate.expire(at(6 + step));
            assert!(parked(&open(&mut gate, 91, "new", at(6 + step + 31))), "{status} {step}");
        }
    }
}

#[test]
fn a_worker_that_never_comes_back_keeps_nobody_waiting() {
    let slots = Rc::new(Slots::default());
    let (mut one, mut two) = (worker(&asking(), &slots), worker(&asking(), &slots));
    assert!(parked(&open(&mut one, 1, "token", at(0))));
    assert_eq!(ask(&mut one, at(0)).len(), 1);
    drop(one);
    assert!(parked(&open(&mut two, 1, "token", at(1))));
    assert!(ask(&mut two, at(1)).is_empty());
    assert!(two.follow(at(2)).is_empty());
    assert_eq!(ask(&mut two, at(2)).len(), 1, "its turn has ended");
    assert!(parked(&open(&mut two, 2, "other", at(2))));
    for second in 2..10 {
        two.follow(at(second));
        two.expire(at(second));
    }
    assert_eq!(two.waiting(), 0, "looking again is no new wait");
}

#[test]
fn workers_under_another_client_share_nothing() {
    let slots = Rc::new(Slots::default());
    let mut other = asking();
    other["issuers"]["idp"]["introspection"]["client"] = json!({"id": "gateway", "secret": "new"});
    let (mut one, mut two) = (worker(&asking(), &slots), worker(&other, &slots));
    assert!(parked(&open(&mut one, 1, "token", at(0))));
    let asks = ask(&mut one, at(0));
    assert_eq!(answer(&mut one, asks[0].0, &active(), at(0)).len(), 1);
    assert!(parked(&open(&mut two, 1, "token", at(1))));
}

#[test]
fn a_neighbour_that_writes_into_the_slots_changes_nothing() {
    let slots = Rc::new(Slots::default());
    let mut one = worker(&asking(), &slots);
    assert!(parked(&open(&mut one, 1, "token", at(0))));
    let asks = ask(&mut one, at(0));
    assert_eq!(answer(&mut one, asks[0].0, &json!({"active": false}), at(0)).len(), 1);
    for (bytes, _) in slots.0.borrow_mut().values_mut() {
        // As it would lie there for an active token, but for the tag.
        let text = bytes.windows(5).position(|window| window == b"false").unwrap();
        bytes.splice(text..text + 5, *b"true ");
    }
    let mut two = worker(&asking(), &slots);
    assert!(
        parked(&open(&mut two, 1, "token", at(1))),
        "the record is not believed, and the issuer is asked"
    );
}

#[test]
fn a_fetch_that_was_on_its_way_already_may_be_too_old_for_a_new_key() {
    let (old, new) = (
        PrivateKey::generate(Algorithm::Es256, Some("old")),
        PrivateKey::generate(Algorithm::Es256, Some("new")),
    );
    let (old, new) = (old.unwrap(), new.unwrap());
    let policy = json!({
        "issuers": {"corp": {"issuer": "https://idp.example.com", "audiences": "any",
                             "jwt": {"jwks": {"uri": "https://idp.example.com/jwks", "cluster": "idp"}}}},
        "rules": [{"name": "all", "require": {}}],
    });
    let token = |key: &PrivateKey, id: u32| {
        let claims = json!({"iss": "https://idp.example.com", "jti": id.to_string(), "exp": START + 6000});
        key.sign(&serde_json::Map::new(), &claims).unwrap()
    };
    let mut gate = gate(&policy);
    let before = json!({"keys": [old.public_jwk()]});
    let after = json!({"keys": [old.public_jwk(), new.public_jwk()]});
    gate.refresh(at(0));
    let first = ask(&mut gate, at(0));
    assert!(answer(&mut gate, first[0].0, &before, at(0)).is_empty());
    // A background fetch is out while the keys are rotated.
    gate.refresh(at(590));
    let background = ask(&mut gate, at(590));
    assert_eq!(background.len(), 1);
    assert!(parked(&open(&mut gate, 1, &token(&new, 1), at(590))));
    assert!(parked(&open(&mut gate, 2, &token(&new, 2), at(590))));
    assert!(
        answer(&mut gate, background[0].0, &before, at(591)).is_empty(),
        "the set is as old as the question"
    );
    let own = ask(&mut gate, at(591));
    assert_eq!(own.len(), 1, "one more question for both");
    let woken = answer(&mut gate, own[0].0, &after, at(591));
    assert_eq!(
        woken.iter().map(|woken| reason(&woken.verdict)).collect::<Vec<_>>(),
        ["admitted", "admitted"]
    );
    // A key that nobody has costs no further question within the cooldown.
    let stranger = PrivateKey::generate(Algorithm::Es256, Some("stranger")).unwrap();
    assert_eq!(reason(&settled(open(&mut gate, 3, &token(&stranger, 3), at(592)))), "key_unknown");
}

#[test]
fn a_token_of_any_visible_text_is_one_value_of_the_question() {
    let visible: String = ('!'..='~').filter(|letter| *letter != ',').collect();
    for token in ["00D!AQ", "a&token=b", "12|a:b", "x=y", "%61", "\"a\"", &visible] {
        let mut gate = gate(&asking());
        assert!(parked(&open(&mut gate, 1, token, at(0))), "{token}");
        let (_, callout) = ask(&mut gate, at(0)).remove(0);
        let pairs: Vec<(String, String)> = callout.body.expose().split('&').map(pair).collect();
        assert_eq!(pairs[0], ("token".to_owned(), token.to_owned()));
        assert!(pairs[1..].iter().all(|(name, _)| name != "token"), "{token}");
    }
}

/// A form's pair, decoded.
fn pair(text: &str) -> (String, String) {
    let (name, value) = text.split_once('=').unwrap();
    let decode = |text: &str| {
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let [first, after @ ..] = rest {
            rest = after;
            bytes.push(match (first, after) {
                (b'%', [high, low, after @ ..]) => {
                    rest = after;
                    u8::from_str_radix(core::str::from_utf8(&[*high, *low]).unwrap(), 16).unwrap()
                }
                (byte, _) => *byte,
            });
        }
        String::from_utf8(bytes).unwrap()
    };
    (decode(name), decode(value))
}

#[test]
fn keys_without_a_name_are_tried_before_the_set_is_fetched_again() {
    let (ours, other) =
        (PrivateKey::generate(Algorithm::Es256, None), PrivateKey::generate(Algorithm::Es256, None));
    let (ours, other) = (ours.unwrap(), other.unwrap());
    let mut gate = gate(&json!({
        "issuers": {"corp": {
            "issuer": "https://idp.example.com",
            "audiences": "any",
            "jwt": {"jwks": {"uri": "https://idp.example.com/jwks", "cluster": "idp"}},
        }},
        "rules": [{"name": "all", "require": {}}],
    }));
    let token = |key: &PrivateKey, kid: &str| {
        let header = json!({ "kid": kid });
        let claims = json!({"iss": "https://idp.example.com", "exp": START + 100, "jti": kid});
        key.sign(header.as_object().unwrap(), &claims).unwrap()
    };
    let set = json!({"keys": [ours.public_jwk()]});
    assert!(parked(&open(&mut gate, 1, &token(&ours, "a"), at(0))));
    let asks = ask(&mut gate, at(0));
    assert_eq!(asks.len(), 1);
    let woken = answer(&mut gate, asks[0].0, &set, at(0));
    assert!(matches!(woken[0].verdict, Verdict::Admit { .. }), "a key without a name has signed it");
    for kid in ["b", "c"] {
        assert!(matches!(settled(open(&mut gate, 2, &token(&ours, kid), at(1))), Verdict::Admit { .. }));
        assert!(ask(&mut gate, at(1)).is_empty(), "nothing was unknown");
    }
    assert!(parked(&open(&mut gate, 3, &token(&other, "d"), at(1))), "only now the set may be too old");
    let asks = ask(&mut gate, at(1));
    assert_eq!(asks.len(), 1);
    assert_eq!(reason(&answer(&mut gate, asks[0].0, &set, at(1))[0].verdict), "key_unknown");
    assert_eq!(reason(&settled(open(&mut gate, 4, &token(&other, "e"), at(2)))), "key_unknown");
    assert!(ask(&mut gate, at(2)).is_empty(), "once in min_refresh");
}
