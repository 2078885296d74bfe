//! What is known of an issuer, and to whom: outages, revocations, policies that follow others.

use scopegate::gate::Event;
use scopegate::http::message::{Answer, Reply};
use serde_json::{Value, json};

use super::{active, ask, asking, at, gate, judged};

/// An issuer that is asked about opaque tokens, and whose keys come from the same cluster.
fn both(jwks: Value) -> Value {
    let mut policy = asking();
    policy["issuers"]["idp"]["issuer"] = json!("https://idp.example.com");
    policy["issuers"]["idp"]["introspection"]["iss"] = json!("optional");
    policy["issuers"]["idp"]["jwt"] = json!({"jwks": jwks});
    policy
}

/// Whether the circuit breaker opens when the keys are fetched for a minute and each reply is like this.
fn opens(jwks: &Value, reply: &dyn Fn(&str) -> Option<(u16, &'static str)>) -> bool {
    let mut gate = gate(&both(jwks.clone()));
    assert_eq!(judged(&mut gate, 1, "known", Some(&active()), at(0)), "admitted");
    let mut fetches = 0;
    for second in 0..60 {
        gate.refresh(at(second));
        let mut sent = ask(&mut gate, at(second));
        while let Some((id, callout)) = sent.pop() {
            fetches += 1;
            let answer = reply(callout.path.expose());
            let answer = answer.map(|(status, body)| Answer { status, fields: &[], body: body.as_bytes() });
            gate.answer(id, &answer.map_or(Reply::Failed, Reply::Answered), at(second));
            sent.extend(ask(&mut gate, at(second)));
        }
    }
    assert!(fetches > 5, "{fetches}");
    gate.take_events().iter().any(|event| matches!(event, Event::CircuitOpened { .. }))
}

#[test]
fn keys_that_cannot_be_fetched_open_the_circuit_breaker_in_an_outage_alone() {
    let by_uri = json!({"uri": "https://idp.example.com/jwks", "cluster": "idp"});
    let found = json!({"discover": true, "cluster": "idp"});
    for reply in [None, Some((500, "")), Some((502, "")), Some((503, "")), Some((504, ""))] {
        assert!(opens(&by_uri, &|_| reply), "{reply:?}");
        assert!(opens(&found, &|_| reply), "{reply:?}");
        // An issuer may have one of the places alone.
        let first = |path: &str| if path.contains("oauth") { reply } else { Some((404, "")) };
        let second = |path: &str| if path.contains("openid") { reply } else { Some((404, "")) };
        assert!(opens(&found, &first) && opens(&found, &second), "{reply:?}");
    }
    for reply in [
        (404, ""),
        (403, ""),
        (429, ""),
        (301, ""),
        (200, ""),
        (200, "{"),
        (200, r#"{"keys": []}"#),
        (200, r#"{"issuer": "https://other.example.com", "jwks_uri": "https://idp.example.com/jwks"}"#),
    ] {
        for jwks in [&by_uri, &found] {
            assert!(!opens(jwks, &|_| Some(reply)), "{reply:?}");
        }
    }
}
