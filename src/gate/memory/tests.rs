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

/// A word of the issuer at `since`, in milliseconds, that is news for one second and serves an outage for two.
fn lifetime(since: u64) -> Lifetime {
    Lifetime { since: after(since), fresh: after(since + 1000), stale: after(since + 2000) }
}

fn refuse(memory: &mut Memory, digest: Digest, since: u64) {
    let fault = TokenFault::IssuerUnknown;
    memory.tell_refused(ASKED, Inquiry::plain(digest), fault, after(since), after(since + 1000));
}

#[test]
fn a_refusal_counts_until_its_end_and_what_was_said_last_is_told_beyond_it() {
    let mut memory = Memory::new(8, [1; 16]);
    let digest = memory.digest(b"a");
    assert_eq!(memory.said_at(ASKED, digest), None);
    memory.tell_good(ASKED, Inquiry::plain(digest), known(), lifetime(0));
    assert_eq!(memory.said_at(ASKED, digest), Some(NOW));
    refuse(&mut memory, digest, 10);
    assert!(memory.told(ASKED, digest, after(1009)).is_some_and(|told| told.is_err()));
    assert!(memory.told(ASKED, digest, after(1010)).is_none());
    assert!(memory.told_once(ASKED, Inquiry::plain(digest), after(11)).is_none(), "the good word is gone");
    assert_eq!(memory.said_at(ASKED, digest), Some(after(10)));
}

#[test]
fn what_is_said_of_a_token_that_was_verified_is_nothing_that_is_said_of_it_without() {
    let mut memory = Memory::new(8, [1; 16]);
    let (digest, other) = (memory.digest(b"a"), memory.digest(b"b"));
    let verified = Asked { verified: true, ..ASKED };
    memory.tell_good(verified, Inquiry::plain(digest), known(), lifetime(0));
    let fault = TokenFault::IssuerUnknown;
    memory.tell_refused(verified, Inquiry::plain(other), fault, NOW, after(1000));
    for digest in [digest, other] {
        assert!(memory.told(verified, digest, NOW).is_some() && memory.told(ASKED, digest, NOW).is_none());
        assert!(memory.said_at(ASKED, digest).is_none());
    }
    assert!(memory.standing(IssuerId(0), digest, NOW) == Standing::ActiveLately, "it is the same token");
}

#[test]
fn a_refusal_for_some_scopes_ends_the_old_answers_for_all_others() {
    let mut memory = Memory::new(8, [1; 16]);
    let token = memory.digest(b"a");
    let inquiry = |memory: &Memory, scopes| Inquiry { token, answer: memory.digest_for(b"a", scopes) };
    let [read, write, admin] = ["read", "write", "admin"].map(|scopes| inquiry(&memory, scopes));
    memory.tell_good(ASKED, read, known(), lifetime(0));
    assert!(memory.told(ASKED, token, NOW).is_none(), "no answer to a question without scopes");
    memory.tell_good(ASKED, write, known(), lifetime(10));
    for inquiry in [read, write] {
        assert!(memory.told_once(ASKED, inquiry, after(20)).is_some());
    }
    assert!(memory.told_once(ASKED, read, after(1999)).is_some(), "a later word ends no earlier one");
    let fault = TokenFault::IssuerUnknown;
    memory.tell_refused(ASKED, admin, fault, after(30), after(1000));
    for inquiry in [read, write, admin] {
        assert!(memory.told_once(ASKED, inquiry, after(30)).is_none());
    }
    assert!(memory.told(ASKED, read.answer, after(30)).is_some_and(|told| told.is_ok()), "it is still news");
    memory.tell_good(ASKED, write, known(), lifetime(40));
    assert!(memory.told_once(ASKED, write, after(40)).is_some());
    assert!(memory.told_once(ASKED, read, after(40)).is_none(), "said before the refusal");
}

#[test]
fn a_verified_token_is_forgotten_with_the_keys_of_its_own_issuer_and_nothing_else_is() {
    let mut memory = Memory::new(8, [1; 16]);
    let [first, second, said] = [b"a", b"b", b"c"].map(|token| memory.digest(token));
    let of = |issuer| {
        let holder = Policy::closed().holder(grant::for_test(IssuerId(issuer), json!({})));
        Rc::new(Known { holder, identity: Vec::new() })
    };
    memory.verify(first, of(0));
    memory.verify(second, of(1));
    memory.tell_good(ASKED, Inquiry::plain(said), of(0), lifetime(0));
    let last = UnixTime::from_millis(i64::MAX - 1);
    assert!(memory.verified(first, last).is_some(), "a token without an end has none");
    assert!(memory.verified(said, NOW).is_none() && memory.told(ASKED, first, NOW).is_none());
    memory.forget_verified(IssuerId(0));
    assert!(memory.verified(first, NOW).is_none() && memory.verified(second, NOW).is_some());
    assert!(memory.told(ASKED, said, NOW).is_some());
}

#[test]
fn what_was_said_is_over_when_it_serves_nothing_and_tells_of_nobody_that_was_active_lately() {
    let mut memory = Memory::new(8, [1; 16]);
    let hour = 3_600_000;
    let [brief, long, refused] = [b"a", b"b", b"c"].map(|token| memory.digest(token));
    memory.tell_good(ASKED, Inquiry::plain(brief), known(), lifetime(0));
    let longer = Lifetime { stale: after(hour + 5), ..lifetime(0) };
    memory.tell_good(ASKED, Inquiry::plain(long), known(), longer);
    refuse(&mut memory, refused, 0);
    for (said, end) in memory.answers().zip([hour, hour + 5, 1000]) {
        assert!(!said.is_over(after(end - 1)) && said.is_over(after(end)), "{end}");
    }
    assert_eq!(memory.answers().count(), 3);
}

#[test]
fn an_answer_is_taken_over_where_there_is_room_or_something_older_about_the_same() {
    let mut former = Memory::new(8, [1; 16]);
    let digests = [b"a", b"b", b"c"].map(|token| former.digest(token));
    for digest in digests {
        former.tell_good(ASKED, Inquiry::plain(digest), known(), lifetime(10));
    }
    let mut memory = Memory::new(2, [1; 16]);
    let said: Vec<_> = former.answers().collect();
    assert!(memory.has_room(&said[0]) && memory.is_news(&said[0]));
    memory.tell_good(ASKED, Inquiry::plain(digests[0]), known(), lifetime(9));
    assert!(memory.has_room(&said[1]), "one place is left");
    memory.tell_good(ASKED, Inquiry::plain(digests[1]), known(), lifetime(10));
    assert!(memory.has_room(&said[0]) && memory.has_room(&said[1]) && !memory.has_room(&said[2]));
    assert!(
        memory.is_news(&said[0]) && !memory.is_news(&said[1]),
        "later is news, and at the same time is not"
    );
    memory.tell_good(ASKED, Inquiry::plain(digests[0]), known(), lifetime(11));
    assert!(!memory.is_news(&said[0]));
    // Refusals have places of their own.
    refuse(&mut former, digests[2], 20);
    let refused: Vec<_> = former.answers().filter(|said| said.good().is_none()).collect();
    assert!(memory.has_room(&refused[0]) && memory.is_news(&refused[0]));
    for (digest, since) in [(digests[0], 30), (digests[2], 21)] {
        refuse(&mut memory, digest, since);
    }
    assert!(memory.has_room(&refused[0]) && !memory.is_news(&refused[0]));
}

#[test]
fn an_answer_that_was_taken_over_counts_as_it_did_before() {
    let mut former = Memory::new(8, [1; 16]);
    let [good, bad, lost] = [b"a", b"b", b"c"].map(|token| former.digest(token));
    for digest in [good, lost] {
        former.tell_good(ASKED, Inquiry::plain(digest), known(), lifetime(10));
    }
    refuse(&mut former, bad, 10);
    let mut memory = Memory::new(8, [1; 16]);
    // What was said here before is older, and the other way round.
    let fault = TokenFault::IssuerUnknown;
    memory.tell_refused(ASKED, Inquiry::plain(good), fault, after(5), after(60_000));
    memory.tell_good(ASKED, Inquiry::plain(bad), known(), lifetime(5));
    for said in former.answers() {
        memory.take_over(&said, (said.digest == good).then(known));
    }
    assert!(memory.told(ASKED, good, after(1009)).is_some_and(|told| told.is_ok()));
    assert!(memory.told(ASKED, good, after(1010)).is_none(), "and the refusal is forgotten");
    assert!(memory.told_once(ASKED, Inquiry::plain(good), after(2009)).is_some());
    assert!(memory.told_once(ASKED, Inquiry::plain(good), after(2010)).is_none());
    assert!(memory.told(ASKED, bad, after(1009)).is_some_and(|told| told.is_err()));
    assert!(memory.told(ASKED, bad, after(1010)).is_none());
    assert!(memory.told_once(ASKED, Inquiry::plain(bad), after(11)).is_none());
    for (digest, said) in [(good, Some(after(10))), (bad, Some(after(10))), (lost, None)] {
        assert_eq!(memory.said_at(ASKED, digest), said);
    }
}
