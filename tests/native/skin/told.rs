//! What an operator is told: lines, counters and gauges, by their names.

use scopegate::filter::host::Level;
use scopegate::filter::skin::Hold;
use scopegate::jose::algorithm::Algorithm;
use scopegate::tool::mint::PrivateKey;
use serde_json::json;

use super::proxy::World;

#[test]
fn what_becomes_of_keys_is_told_and_counted_under_its_issuers_name() {
    let key = PrivateKey::generate(Algorithm::Es256, Some("k")).unwrap();
    let world = World::under(&json!({
        "issuers": {"corp": {"issuer": "https://idp.example.com", "audiences": "any",
                             "jwt": {"jwks": {"uri": "https://keys.example.com/jwks", "cluster": "keys"}}}},
        "rules": [{"name": "all", "require": {}}],
    }));
    let count = |name: &str| vec![(format!("scopegate.keys.{name}"), 1)];
    let good = json!({"keys": [key.public_jwk()]}).to_string();
    let mixed = json!({"keys": [{"kty": "odd"}, key.public_jwk(), {"kty": "EC"}]}).to_string();
    for (body, name, level, text) in [
        (&*good, "changed", Level::Info, "issuer corp: 1 keys in use"),
        ("no set", "failed", Level::Warn, "issuer corp: its keys could not be fetched"),
        (&mixed, "", Level::Info, ""),
    ] {
        // A day later the set is due.
        world.proxy.now.set(world.proxy.now.get() + 86_400);
        world.skin.tick();
        assert_eq!(world.proxy.sent.borrow().last().map(String::as_str), Some("keys.example.com/jwks"));
        world.proxy.log.take();
        world.reply_with(200, body);
        if name.is_empty() {
            assert_eq!((world.counted(), world.proxy.log.take()), (Vec::new(), Vec::new()), "the same keys");
        } else {
            assert_eq!((world.counted(), world.told(level, text)), (count(name), 1), "{name}");
            assert_eq!(world.proxy.log.borrow().len(), 1);
        }
    }
    world.proxy.gauges.take();
    world.proxy.now.set(world.proxy.now.get() + 100);
    world.skin.tick();
    assert_eq!(*world.proxy.gauges.borrow(), [("scopegate.keys.age_seconds.corp".to_owned(), 101)]);
}

#[test]
fn members_of_a_key_set_that_are_of_no_use_are_a_warning() {
    let key = PrivateKey::generate(Algorithm::Es256, Some("k")).unwrap();
    let world = World::under(&json!({
        "issuers": {"corp": {"issuer": "https://idp.example.com", "audiences": "any",
                             "jwt": {"jwks": {"uri": "https://keys.example.com/jwks", "cluster": "keys"}}}},
        "rules": [{"name": "all", "require": {}}],
    }));
    world.skin.tick();
    assert!(world.proxy.gauges.borrow().is_empty(), "there is no set that could have an age");
    world.reply(&json!({"keys": [{"kty": "odd"}, key.public_jwk()]}));
    assert_eq!(world.told(Level::Warn, "issuer corp: 1 keys in use; "), 1, "{:?}", world.proxy.log.borrow());
}

#[test]
fn an_answer_whose_iss_differs_by_a_slash_is_told_with_what_the_policy_has() {
    for (found, told) in
        [("https://idp.example.com/", 1), ("https://idp.example.com", 0), ("https://evil.example.com/", 0)]
    {
        let world = World::under(&json!({
            "issuers": {"idp": {"issuer": "https://idp.example.com", "audiences": "any", "introspection": {
                "uri": "https://idp.example.com/introspect", "cluster": "idp", "client": {"method": "none"}}}},
            "rules": [{"name": "all", "require": {}}],
        }));
        world.proxy.verbose.set(true);
        assert_eq!(world.request(2, "/", Some("opaque")), Hold::Keep);
        world.skin.woken();
        world.reply(&json!({"active": true, "iss": found}));
        let line = "an iss that differs from `https://idp.example.com` in the policy by a slash";
        assert_eq!(world.told(Level::Warn, line), told, "{found}: {:?}", world.proxy.log.borrow());
    }
}

/// What an issuer says or does not say: each under a name of its own, told once in ten seconds and counted each time.
#[test]
fn an_issuer_that_fails_is_told_once_in_a_while_and_counted_each_time() {
    for (status, body, name, level, text) in [
        (500, "", "unavailable", Level::Warn, "issuer idp was asked about a token: it answered 500"),
        (
            301,
            "",
            "misbehaved",
            Level::Warn,
            "its answer has the status 301, which the protocol does not have: redir",
        ),
        (200, "[]", "misbehaved", Level::Warn, "issuer idp was asked about a token: "),
        (401, "", "credentials_refused", Level::Error, "it refused our own credentials (401)"),
    ] {
        let world = World::new();
        let mut stream = 2;
        let mut due = Vec::new();
        for second in 0..=20 {
            world.proxy.now.set(second);
            for _ in 0..3 {
                assert_eq!(world.request(stream, "/", Some(&format!("token-{stream}"))), Hold::Keep);
                world.skin.woken();
                world.reply_with(status, body);
                stream += 1;
            }
            due.push(world.told(level, text));
        }
        let expected: Vec<_> = (0..=20).map(|second| second / 10 + 1).collect();
        assert_eq!(due, expected, "{name}: {:?}", world.proxy.log.borrow());
        let counted = world.counted();
        assert!(counted.contains(&(format!("scopegate.issuer.{name}"), 63)), "{counted:?}");
    }
}

#[test]
fn an_issuer_that_is_left_alone_and_comes_back_is_told_and_counted() {
    let mut policy = json!({
        "issuers": {"idp": {"audiences": "any", "introspection": {
            "uri": "https://idp.example.com/introspect", "cluster": "idp", "client": {"method": "none"},
            "cache": {"ttl": "1s"}, "on_outage": {"serve_stale": "5m"}}}},
        "rules": [{"name": "all", "require": {}}],
    });
    policy["limits"] = json!({"cached_tokens": 100});
    let world = World::under(&policy);
    let send = |number: u32, status: u16, body: &str| {
        let hold = world.request(number, "/", Some(&format!("known-{}", number % 2)));
        if hold == Hold::Keep {
            world.skin.woken();
            world.reply_with(status, body);
        }
    };
    for number in [2, 3] {
        send(number, 200, r#"{"active": true}"#);
    }
    for number in 4..9 {
        world.proxy.now.set(i64::from(number));
        send(number, 500, "");
    }
    let counted = world.counted();
    let of = |name: &str| {
        let name = format!("scopegate.issuer.{name}");
        counted.iter().find(|(counted, _)| *counted == name).map_or(0, |(_, count)| *count)
    };
    assert_eq!((of("circuit_opened"), of("unavailable")), (1, 5), "{counted:?}");
    assert!(of("stale_served") > 0, "{counted:?}");
    assert_eq!(world.told(Level::Warn, "issuer idp keeps failing: its circuit breaker is open"), 1);
    assert_eq!(world.told(Level::Warn, "issuer idp does not answer: what it said before is used again"), 1);
    world.proxy.now.set(30);
    send(10, 200, r#"{"active": true}"#);
    assert!(world.counted().contains(&("scopegate.issuer.circuit_closed".to_owned(), 1)));
    assert_eq!(world.told(Level::Info, "issuer idp answers again: its circuit breaker is closed"), 1);
}

#[test]
fn a_line_for_each_request_is_written_at_debug_and_at_no_other_level() {
    let world = World::new();
    for stream in 2..12 {
        let _ = world.request(stream, "/", None);
    }
    assert!(world.proxy.log.borrow().is_empty());
    world.proxy.verbose.set(true);
    world.proxy.now.set(1);
    world.skin.tick();
    for stream in 12..22 {
        let _ = world.request(stream, "/", None);
    }
    assert_eq!(world.told(Level::Debug, "token_missing rule=all issuer=- "), 10);
    assert_eq!(world.proxy.log.borrow().len(), 10);
}
