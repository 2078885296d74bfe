//! What workers share: answers and turns, in slots that a neighbour can write to.

use std::rc::Rc;

use scopegate::http::message::{Answer, Reply};
use scopegate::jose::algorithm::Algorithm;
use scopegate::tool::mint::PrivateKey;
use serde_json::json;

use super::{START, Slots, active, answer, ask, asking, at, open, parked, reason, settled, worker};

#[test]
fn a_policy_that_may_be_thrown_away_tells_nobody_anything() {
    let slots = Rc::new(Slots::default());
    let mut policy = asking();
    policy["dpop"] = json!({});
    let mut worker = worker(&policy, &slots);
    worker.adopt(at(0));
    assert!(slots.0.borrow().is_empty());
    worker.refresh(at(0));
    assert!(!slots.0.borrow().is_empty(), "how old proofs may be");
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
    // The third has not looked before.
    for worker in [&mut one, &mut two, &mut worker(&policy, &slots)] {
        assert!(parked(&open(worker, 2, &token, at(5))), "whatever the token says of itself");
    }
    assert_eq!(ask(&mut two, at(5)).len(), 1, "the old answer keeps nobody from asking");
}

#[test]
fn workers_share_answers_whatever_their_own_random_sources_are() {
    let slots = Rc::new(Slots::default());
    let (mut one, mut two) =
        (super::keys::worker(&asking(), &slots, 1), super::keys::worker(&asking(), &slots, 2));
    assert!(parked(&open(&mut one, 1, "token", at(0))));
    let asks = ask(&mut one, at(0));
    assert_eq!(answer(&mut one, asks[0].0, &active(), at(0)).len(), 1);
    assert_eq!(reason(&settled(open(&mut two, 1, "token", at(1)))), "admitted");
}

#[test]
fn a_question_that_one_worker_gives_up_is_for_another_one_to_ask() {
    let slots = Rc::new(Slots::default());
    let (mut one, mut two) = (worker(&asking(), &slots), worker(&asking(), &slots));
    super::news::fail(&mut one, 0);
    // Its circuit breaker is half-open: there is a trial for four strangers.
    for id in 100..105 {
        assert!(parked(&open(&mut one, id, &format!("new-{id}"), at(30))), "{id}");
    }
    assert_eq!(ask(&mut one, at(30)).len(), 4);
    for (token, asks) in [("new-103", 0), ("new-104", 1)] {
        assert!(parked(&open(&mut two, 1, token, at(30))), "{token}");
        assert_eq!(ask(&mut two, at(30)).len(), asks, "{token}");
    }
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
fn answers_that_nobody_may_keep_make_no_worker_wait_for_another() {
    for (ttl, waits) in [("0s", false), ("1s", true)] {
        let mut policy = asking();
        policy["issuers"]["idp"]["introspection"]["cache"] = json!({"ttl": ttl});
        let slots = Rc::new(Slots::default());
        let (mut one, mut two) = (worker(&policy, &slots), worker(&policy, &slots));
        assert!(parked(&open(&mut one, 1, "token", at(0))) && parked(&open(&mut two, 1, "token", at(0))));
        assert_eq!(ask(&mut one, at(0)).len(), 1);
        assert_eq!(ask(&mut two, at(0)).is_empty(), waits, "{ttl}");
    }
}
