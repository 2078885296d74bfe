//! What goes upstream: without a token that was taken out, and with no identity but the one that was found.

use scopegate::gate::{Gate, Verdict};
use serde_json::json;

use super::{answer, ask, asking, at, gate, open_with, parked, reason, settled};

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
