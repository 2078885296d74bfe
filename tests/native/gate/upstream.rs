//! What goes upstream: without a token that was taken out, and with no identity but the one that was found.

use std::rc::Rc;

use scopegate::gate::{Gate, Verdict};
use scopegate::jose::algorithm::Algorithm;
use scopegate::tool::mint::{PrivateKey, Subject};
use serde_json::{Map, json};

use super::{START, Slots, answer, ask, asking, at, gate, open_with, parked, reason, settled, worker};

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

/// Every kind of refusal that `mode: observe` lets pass, of the policy or of the rule, and every way to pass without a
/// token: what goes upstream has neither the client's identity headers nor a credential, good or not.
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
    for (mode, of_rules) in [("observe", "observe"), ("enforce", "enforce"), ("enforce", "observe")] {
        let mut policy = asking();
        policy["mode"] = json!(mode);
        policy["rules"] = json!([
            {"name": "open", "match": {"paths": ["/open"]}, "access": "anonymous"},
            {"name": "maybe", "match": {"paths": ["/maybe"]}, "access": "optional", "mode": of_rules},
            {"name": "shut", "match": {"paths": ["/shut"]}, "access": "deny", "mode": of_rules},
            {"name": "closed", "match": {"paths": ["/closed"]}, "require": {"scopes": ["read"]}, "mode": of_rules},
        ]);
        policy["cors_preflight"] = json!("allow");
        policy["upstream"] = json!({"headers": {"x-auth-subject": "sub"}});
        policy["limits"]["waiting_requests"] = json!(1);
        policy["token"] = json!({"from": [
            {"header": "authorization", "scheme": "Bearer"}, {"header": "x-token"}, {"query": "token"}, {"cookie": "session"},
        ]});
        for unmatched in ["deny", "authenticated", "anonymous"] {
            policy["unmatched"] = json!(unmatched);
            let mut gate = gate(&policy);
            // Last the mode that decides about a refusal.
            for (path, fields, expected, mode) in [
                ("/open?token=live", token, "anonymous", ""),
                ("/open?token=live&token=", spoiled, "anonymous", ""),
                ("/maybe", &[][..], "anonymous", ""),
                ("/maybe?token=live", spoiled, "credential_ambiguous", of_rules),
                ("/maybe", &[("x-token", "a b")], "credential_malformed", of_rules),
                ("/shut?token=live", token, "rule_denied", of_rules),
                ("/closed", &[], "token_missing", of_rules),
                ("/closed?token=live", token, "credential_ambiguous", of_rules),
                ("/closed?token=%20", &[], "credential_malformed", of_rules),
                ("/a//b?token=live", token, "path_ambiguous", mode),
                ("/closed?token=live", preflight, "anonymous", ""),
            ] {
                let fields = [&[(":path", path)], fields, &FORGED].concat();
                let step = open_with(&mut gate, 1, &fields, at(0));
                if mode == "enforce" {
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
        if of_rules == "enforce" {
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

/// A token that is bound to a key, whose sender proves too little: nobody, to whoever is behind.
#[test]
fn whoever_is_let_through_without_a_good_proof_is_nobody_upstream() {
    const ISSUER: &str = "https://idp.example.com";
    let key = |kid| PrivateKey::generate(Algorithm::Es256, kid).unwrap();
    let (issuer, client) = (key(Some("idp")), key(None));
    let jkt = client.thumbprint().unwrap();
    let token = |scope: &str| {
        let claims =
            json!({"iss": ISSUER, "sub": "alice", "scope": scope, "exp": START + 600, "cnf": {"jkt": jkt}});
        issuer.sign(&Map::new(), &claims).unwrap()
    };
    let (good, narrow) = (token("read"), token("write"));
    let proof = |token: &str| {
        let subject = Subject { method: "GET", uri: "https://api.example.com/", token, now: at(0) };
        client.proof(&subject, &Map::new(), &Map::new()).unwrap()
    };
    let mut policy = json!({
        "issuers": {"idp": {"issuer": ISSUER, "audiences": "any", "jwt": {"jwks": {"inline": {"keys": [issuer.public_jwk()]}}}}},
        "upstream": {"headers": {"x-auth-subject": "sub"}},
    });
    let rule = json!({"name": "all", "require": {"scopes": ["read"]}});
    for (observing, nonce) in
        [("policy", "off"), ("rule", "off"), ("policy", "required"), ("rule", "required")]
    {
        policy["dpop"] = json!({"scheme": "https", "nonce": nonce});
        policy["rules"] = json!([rule]);
        let observer = if observing == "rule" { &mut policy["rules"][0] } else { &mut policy };
        observer["mode"] = json!("observe");
        let slots = Rc::new(Slots::default());
        let mut gate = worker(&policy, &slots);
        let used = proof(&good);
        let mut send = |scheme: &str, token: &str, proof: &str, expected: &str| {
            let authorization = format!("{scheme} {token}");
            let fields = [
                ("authorization", &*authorization),
                ("dpop", proof),
                ("x-auth-subject", "root"),
                ("x.auth.subject", "root"),
            ];
            let verdict = settled(open_with(&mut gate, 1, &fields, at(0)));
            if expected == "admitted" {
                let Verdict::Admit { edits, .. } = &verdict else { panic!("{}", reason(&verdict)) };
                assert_eq!(edits.set, [("x-auth-subject".into(), "alice".into())]);
            } else {
                carries_nothing(&verdict, expected, &fields, &fields.map(|(name, _)| name));
            }
        };
        send("Bearer", &good, &used, "binding_unproven");
        send("DPoP", &good, "broken", "proof_invalid");
        if nonce == "required" {
            send("DPoP", &good, &used, "proof_nonce_missing");
            continue;
        }
        send("DPoP", &narrow, &proof(&narrow), "scope_insufficient");
        send("DPoP", &good, &used, "admitted");
        send("DPoP", &good, &used, "proof_replayed");
        // A neighbour has written over all that was remembered.
        for (bytes, _) in slots.0.borrow_mut().values_mut() {
            *bytes = vec![0xff; 100];
        }
        send("DPoP", &good, &used, "overloaded");
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
fn a_field_that_comes_often_is_taken_out_once() {
    let mut policy = asking();
    policy["upstream"] = json!({"headers": {"x-sub": "sub"}});
    policy["rules"] = json!([{"name": "all", "access": "anonymous"}]);
    let fields = [("x-sub", "root"), ("x-sub", "admin"), ("x_sub", "root"), ("x-sub", "")];
    let Verdict::Admit { edits, .. } = settled(open_with(&mut gate(&policy), 1, &fields, at(0))) else {
        panic!("refused")
    };
    assert_eq!(edits.remove.iter().map(|name| &**name).collect::<Vec<_>>(), ["x-sub", "x_sub"]);
}
