//! What the skin does when time has passed, and how much it reads of a reply.

use scopegate::filter::host::Level;
use scopegate::filter::skin::Hold;
use scopegate::jose::algorithm::Algorithm;
use scopegate::tool::mint::PrivateKey;
use serde_json::json;

use super::proxy::{Act, World};
use super::{ROOT, respond, strip};

#[test]
fn whoever_waits_for_what_another_worker_asks_goes_on_within_ten_milliseconds() {
    for (answer, is_good) in
        [(json!({"active": true, "sub": "alice"}), true), (json!({"active": false}), false)]
    {
        let first = World::new();
        let second = first.beside(&World::policy());
        assert_eq!(first.request(2, "/", Some("token")), Hold::Keep);
        first.skin.woken();
        assert_eq!(first.proxy.acts(), [Act::WakeRoot, Act::Call("idp".into()), Act::Tick(100)]);
        assert_eq!(second.request(3, "/", Some("token")), Hold::Keep);
        second.skin.woken();
        assert_eq!(second.proxy.acts(), [Act::WakeRoot, Act::Tick(10)], "it asks nobody, and looks often");
        second.tick_after(10);
        assert!(second.proxy.acts().is_empty(), "there is no answer yet");
        first.reply(&answer);
        first.proxy.acts();
        second.tick_after(10);
        let edit = strip(&[("x-auth-subject", "alice")], &["x-auth-subject", "authorization"]);
        let told = if is_good {
            vec![Act::Select(3), edit, Act::Resume, Act::Select(ROOT), Act::Tick(1000)]
        } else {
            vec![Act::Select(3), respond(401, "scopegate_token_inactive"), Act::Select(ROOT), Act::Tick(1000)]
        };
        assert_eq!(second.proxy.acts(), told);
        assert_eq!(second.skin.rest(3), if is_good { Hold::Release } else { Hold::Keep });
    }
}

#[test]
fn what_was_counted_is_handed_over_about_once_a_second() {
    let world = World::new();
    let mut stream = 2;
    let mut handed_over = |millis: i64| {
        let _ = world.request(stream, "/", None);
        stream += 1;
        world.tick_after(millis);
        world.proxy.counted.take().first().map_or(0, |(_, count)| *count)
    };
    assert_eq!(handed_over(0), 1);
    // At each idle tick, and not at those between them while requests wait.
    assert_eq!([1000, 1000, 10, 100, 789, 1].map(&mut handed_over), [1, 1, 0, 0, 0, 4]);
    // The clock is set back by a day, and goes on from there.
    assert_eq!([-86_400_000, 899, 1].map(&mut handed_over), [1, 0, 2]);
}

#[test]
fn a_key_set_is_read_up_to_512_kib_and_a_longer_one_is_refused_as_such() {
    let key = PrivateKey::generate(Algorithm::Es256, Some("k")).unwrap();
    let keys = json!({"keys": [key.public_jwk()]}).to_string();
    for (length, level, told) in [
        (512 * 1024, Level::Info, "issuer corp: 1 keys in use"),
        (512 * 1024 + 1, Level::Warn, "its key set is longer than 512 KiB"),
        (2 * 1024 * 1024, Level::Warn, "its key set is longer than 512 KiB"),
    ] {
        let world = World::under(&json!({
            "issuers": {"corp": {"issuer": "https://idp.example.com", "audiences": "any",
                                 "jwt": {"jwks": {"uri": "https://keys.example.com/jwks", "cluster": "keys"}}}},
            "rules": [{"name": "all", "require": {}}],
        }));
        world.skin.tick();
        // Cut anywhere behind the set, it would read as well.
        let padding = " ".repeat(length - keys.len());
        world.reply_with(200, &format!("{keys}{padding}"));
        assert_eq!(world.proxy.read.get(), length.min(512 * 1024 + 1));
        assert_eq!(world.told(level, told), 1, "{length}: {:?}", world.proxy.log.borrow());
        assert_eq!(world.proxy.log.borrow().len(), 1);
    }
}
