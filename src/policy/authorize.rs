//! The only mint of [`Permit`].

use super::Policy;
use super::denial::Denial;
use super::requirement::Holder;
use super::rules::{Access, Rule};
use super::settings::{CorsPreflight, Mode, Unmatched};
use crate::base::time::UnixTime;
use crate::http::head::RequestHead;
use crate::token::binding::Sender;

/// Proof that a request may go on. Nothing else makes one than the functions of this file.
#[must_use]
#[derive(PartialEq, Eq, Debug)]
pub struct Permit(());

/// Whether `rule` admits the holder of a good token, sent by `sender`, at `now`.
///
/// # Errors
/// The first thing that is not as it must be: time, binding, then what the rule requires.
pub fn authorize(rule: &Rule, holder: &Holder, sender: &Sender, now: UnixTime) -> Result<Permit, Denial> {
    match &rule.access {
        Access::Deny => Err(Denial::RuleDenied),
        Access::Anonymous => Ok(Permit(())),
        Access::Optional => authenticated(holder, sender, now),
        Access::Require(requirement) => {
            let permit = authenticated(holder, sender, now)?;
            requirement.check(holder, now)?;
            Ok(permit)
        }
    }
}

/// Whether the holder's token is good at `now` in the hands of `sender`, whatever it is for.
///
/// # Errors
/// `BadToken` outside of the token's time, and for a token that is bound to what `sender` has not proven.
pub fn authenticated(holder: &Holder, sender: &Sender, now: UnixTime) -> Result<Permit, Denial> {
    holder.grant().window().check(now).map_err(Denial::BadToken)?;
    holder.confirmation().check(sender).map_err(Denial::BadToken)?;
    Ok(Permit(()))
}

/// Whether `access` admits a request without a token.
///
/// # Errors
/// `NoCredential` where a token is needed, `RuleDenied` where nothing helps.
pub const fn anonymous(access: &Access) -> Result<Permit, Denial> {
    match access {
        Access::Anonymous | Access::Optional => Ok(Permit(())),
        Access::Require(_) => Err(Denial::NoCredential),
        Access::Deny => Err(Denial::RuleDenied),
    }
}

/// Whether `policy` admits a request that no rule matches; `holder` is that of its token, where it has one, with
/// whoever sent it.
///
/// # Errors
/// `Unmatched`, or as [`authenticated`] where a good token would do.
pub fn unmatched(
    policy: &Policy,
    holder: Option<(&Holder, &Sender)>,
    now: UnixTime,
) -> Result<Permit, Denial> {
    match (policy.unmatched, holder) {
        (Unmatched::Deny, _) => Err(Denial::Unmatched),
        (Unmatched::Anonymous, _) => Ok(Permit(())),
        (Unmatched::Authenticated, None) => Err(Denial::NoCredential),
        (Unmatched::Authenticated, Some((holder, sender))) => authenticated(holder, sender, now),
    }
}

/// A permit for a CORS preflight, where `policy` lets them pass and `head` is one.
pub fn preflight(policy: &Policy, head: &RequestHead<'_>) -> Option<Permit> {
    match policy.cors_preflight {
        CorsPreflight::Allow if head.is_preflight() => Some(Permit(())),
        CorsPreflight::Allow | CorsPreflight::Check => None,
    }
}

/// A permit for a request that was not admitted, where `policy` or `rule` only observes.
pub fn observed(policy: &Policy, rule: Option<&Rule>) -> Option<Permit> {
    match (policy.mode, rule.map_or(Mode::Enforce, |rule| rule.mode)) {
        (Mode::Enforce, Mode::Enforce) => None,
        (Mode::Observe, _) | (_, Mode::Observe) => Some(Permit(())),
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::rc::Rc;

    use serde_json::json;

    use super::*;
    use crate::base::base64url;
    use crate::http::message::{Answer, Reply};
    use crate::http::uri::Uri;
    use crate::jose::algorithm::Algorithms;
    use crate::policy::{Matcher, Requirement, Vocabulary, Wanted};
    use crate::token::binding::Proof;
    use crate::token::expect::{Audiences, Expect, IssuerId};
    use crate::token::grant;
    use crate::token::introspection::{
        Answers, ClientAuthentication, Endpoint, Protocol, ReplyKeys, Terms, Word, understand,
    };

    const NOW: UnixTime = UnixTime::from_secs(1_000_000);
    const NOBODY: Sender = Sender { key: None, certificate: None };

    fn rule(access: Access) -> Rule {
        Rule { name: "r".into(), matcher: Matcher::default(), access, mode: Mode::Enforce, forward: None }
    }

    fn require(wanted: Wanted) -> Access {
        Access::Require(Rc::new(Requirement::new(wanted, &mut Vocabulary::default())))
    }

    fn holder(claims: serde_json::Value) -> Holder {
        Policy::closed().holder(grant::for_test(IssuerId(0), claims))
    }

    /// A token that is good until `NOW`, skew included.
    fn ending_now() -> Holder {
        let endpoint = Endpoint {
            protocol: Protocol::Rfc7662 { client: ClientAuthentication::None },
            uri: Uri::parse("https://idp.test/").unwrap(),
            cluster: "idp".into(),
            timeout: Duration::from_secs(1),
        };
        let expect = Expect {
            issuer: None,
            audiences: Audiences::Any,
            required_claims: Vec::new(),
            scope_claims: Vec::new(),
            client_claims: Vec::new(),
            clock_skew: Duration::ZERO,
            max_lifetime: None,
            allow_missing_exp: false,
            accepts_id_tokens: false,
            types: None,
            algorithms: Algorithms::NONE,
        };
        let fields = [("content-type".to_owned(), b"application/json".to_vec())];
        let answer = Answer { status: 200, fields: &fields, body: br#"{"active":true,"exp":1000000}"# };
        let before = NOW.minus(Duration::from_secs(1));
        let keys = ReplyKeys::NotExpected;
        let answers = Answers::default();
        let terms = Terms {
            issuer: IssuerId(0),
            expect: &expect,
            answers: &answers,
            verified: None,
            asked: before,
            now: before,
            keys,
        };
        match understand(&endpoint, &Reply::Answered(answer), &terms) {
            Word::Active(grant) => Policy::closed().holder(*grant),
            Word::Refused(_) | Word::Unknown(_) => panic!("the answer is good"),
        }
    }

    #[test]
    fn time_is_checked_on_each_use() {
        let before = NOW.minus(Duration::from_millis(1));
        for access in [Access::Optional, require(Wanted::default())] {
            assert!(authorize(&rule(access.clone()), &ending_now(), &NOBODY, before).is_ok());
            let denial = authorize(&rule(access), &ending_now(), &NOBODY, NOW).unwrap_err();
            assert_eq!(denial.code(), "token_expired");
        }
    }

    #[test]
    fn a_bound_token_is_no_bearer_token() {
        for cnf in [
            json!({"jkt": "x"}),
            json!({"jkt": 1}),
            json!({"x5t#S256": null}),
            json!({"kid": "a", "jkt": "x"}),
            json!({"kid": "a"}),
        ] {
            for access in [Access::Optional, require(Wanted::default())] {
                let denial =
                    authorize(&rule(access), &holder(json!({"cnf": cnf})), &NOBODY, NOW).unwrap_err();
                assert_eq!(denial.code(), "binding_unproven");
            }
        }
        assert!(authenticated(&holder(json!({"cnf": {}})), &NOBODY, NOW).is_ok());
    }

    #[test]
    fn a_bound_token_is_good_in_the_hands_of_whom_it_is_bound_to() {
        let bound = holder(json!({"cnf": {"x5t#S256": base64url::encode([7; 32])}}));
        for access in [Access::Optional, require(Wanted::default())] {
            for (certificate, good) in [(Some([7; 32]), true), (Some([8; 32]), false), (None, false)] {
                let sender = Sender { key: None, certificate };
                assert_eq!(authorize(&rule(access.clone()), &bound, &sender, NOW).is_ok(), good);
            }
        }
    }

    #[test]
    fn a_rule_may_want_tokens_that_are_bound() {
        let wanting = |proof| rule(require(Wanted { proof: Some(proof), ..Wanted::default() }));
        let sender = Sender { key: None, certificate: Some([7; 32]) };
        let bound = holder(json!({"cnf": {"x5t#S256": base64url::encode([7; 32])}}));
        for (proof, good) in [(Proof::MutualTls, true), (Proof::Any, true), (Proof::Dpop, false)] {
            assert_eq!(authorize(&wanting(proof), &bound, &sender, NOW).is_ok(), good);
            let denial = authorize(&wanting(proof), &holder(json!({})), &sender, NOW).unwrap_err();
            assert_eq!(denial.code(), "binding_unproven");
        }
    }

    #[test]
    fn a_rule_decides_by_its_access() {
        let wanted = Wanted { scopes: vec!["a".into()], ..Wanted::default() };
        let anybody = holder(json!({}));
        let codes = |access: Access| {
            let code = |result: Result<Permit, Denial>| result.map_or_else(|denial| denial.code(), |_| "ok");
            (code(authorize(&rule(access.clone()), &anybody, &NOBODY, NOW)), code(anonymous(&access)))
        };
        assert_eq!(codes(Access::Anonymous), ("ok", "ok"));
        assert_eq!(codes(Access::Optional), ("ok", "ok"));
        assert_eq!(codes(Access::Deny), ("rule_denied", "rule_denied"));
        assert_eq!(codes(require(Wanted::default())), ("ok", "token_missing"));
        assert_eq!(codes(require(wanted)), ("scope_insufficient", "token_missing"));
    }

    #[test]
    fn the_closed_policy_admits_nobody() {
        let policy = Policy::closed();
        assert!(policy.is_closed());
        assert_eq!(unmatched(&policy, None, NOW), Err(Denial::Unmatched));
        assert_eq!(unmatched(&policy, Some((&holder(json!({})), &NOBODY)), NOW), Err(Denial::Unmatched));
        assert!(observed(&policy, None).is_none());
    }

    #[test]
    fn without_a_rule_the_policy_decides() {
        let authenticated = Policy { unmatched: Unmatched::Authenticated, ..Policy::closed() };
        assert_eq!(unmatched(&authenticated, None, NOW), Err(Denial::NoCredential));
        assert!(unmatched(&authenticated, Some((&holder(json!({})), &NOBODY)), NOW).is_ok());
        assert!(
            unmatched(&authenticated, Some((&holder(json!({"cnf": {"jkt": ""}})), &NOBODY)), NOW).is_err()
        );
        let anonymous = Policy { unmatched: Unmatched::Anonymous, ..Policy::closed() };
        assert!(unmatched(&anonymous, None, NOW).is_ok());
    }

    #[test]
    fn policy_or_rule_may_observe() {
        let observing = Policy { mode: Mode::Observe, ..Policy::closed() };
        assert!(observed(&observing, None).is_some());
        let rule = Rule { mode: Mode::Observe, ..rule(Access::Deny) };
        assert!(observed(&Policy::closed(), Some(&rule)).is_some());
    }

    #[test]
    fn only_a_preflight_passes_as_one() {
        let head = |method: &'static str, fields: &[(&'static str, &'static str)]| {
            let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
            RequestHead::from_pairs([(&b":method"[..], method.as_bytes())].into_iter().chain(fields))
        };
        let (origin, asks) = (("origin", "https://a.test"), ("access-control-request-method", "PUT"));
        let allowing = Policy { cors_preflight: CorsPreflight::Allow, ..Policy::closed() };
        assert!(preflight(&allowing, &head("OPTIONS", &[origin, asks])).is_some());
        assert!(preflight(&Policy::closed(), &head("OPTIONS", &[origin, asks])).is_none());
        for (method, fields) in [
            ("GET", &[origin, asks][..]),
            ("OPTIONS", &[origin]),
            ("OPTIONS", &[asks]),
            ("OPTIONS", &[origin, ("access-control-request-method", "")]),
        ] {
            assert!(preflight(&allowing, &head(method, fields)).is_none(), "{method}");
        }
    }
}
