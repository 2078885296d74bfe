use serde_json::json;

use super::*;
use crate::policy::Policy;
use crate::token::grant;

const NOW: UnixTime = UnixTime::from_secs(1_000_000);
const ASKED: Asked = Asked { issuer: IssuerId(0), verified: false };

fn after(milliseconds: u64) -> UnixTime {
    NOW.plus(Duration::from_millis(milliseconds))
}

fn known() -> Rc<Known> {
    let holder = Policy::closed().holder(grant::for_test(IssuerId(0), json!({})));
    Rc::new(Known { holder, identity: Vec::new() })
}

#[test]
fn token_scopes_and_where_they_part_count() {
    let memory = Memory::new(8, [1; 16]);
    let digest = memory.digest_for(b"ab", "c");
    assert!(digest == memory.digest_for(b"ab", "c"));
    for other in [
        memory.digest_for(b"xb", "c"),
        memory.digest_for(b"ab", "d"),
        memory.digest_for(b"a", "bc"),
        memory.digest(b"ab"),
        memory.digest(b"abc"),
    ] {
        assert!(digest != other);
    }
    assert!(memory.reads(&Memory::new(8, [1; 16])) && !memory.reads(&Memory::new(8, [2; 16])));
}

#[test]
fn a_token_was_active_lately_for_an_hour_at_its_own_issuer() {
    let mut memory = Memory::new(8, [1; 16]);
    let (digest, other) = (memory.digest(b"a"), memory.digest(b"b"));
    let span = Lifetime { since: NOW, fresh: after(1000), stale: after(1000) };
    memory.tell_good(ASKED, Inquiry::plain(digest), known(), span);
    let standing = |issuer, digest, now| memory.standing(IssuerId(issuer), digest, now);
    assert!(standing(0, digest, after(3_599_999)) == Standing::ActiveLately);
    assert!(standing(0, digest, after(3_600_000)) == Standing::Unknown);
    assert!(standing(1, digest, NOW) == Standing::Unknown && standing(0, other, NOW) == Standing::Unknown);
}

#[test]
fn a_good_word_ends_a_bad_one() {
    let mut memory = Memory::new(8, [1; 16]);
    let digest = memory.digest(b"a");
    memory.tell_refused(ASKED, Inquiry::plain(digest), TokenFault::IssuerUnknown, NOW, after(60_000));
    assert!(memory.told(ASKED, digest, NOW).is_some_and(|told| told.is_err()));
    let span = Lifetime { since: NOW, fresh: after(1000), stale: after(2000) };
    memory.tell_good(ASKED, Inquiry::plain(digest), known(), span);
    assert!(memory.told(ASKED, digest, after(999)).is_some_and(|told| told.is_ok()));
    assert!(memory.told(ASKED, digest, after(1000)).is_none(), "no news, and the bad word is forgotten");
    assert!(memory.told_once(ASKED, Inquiry::plain(digest), after(1999)).is_some());
    assert!(memory.told_once(ASKED, Inquiry::plain(digest), after(2000)).is_none());
}
