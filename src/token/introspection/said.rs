//! What an issuer said about a token becomes a grant, unless our own checks speak against it.
//!
//! `null` is absence. Where the token's signature was verified here, the answer is about that token: a member that the
//! answer has replaces the token's, whole; one that it lacks stays as the token says it; `null` takes it away.

use core::time::Duration;

use serde_json::Value;

use super::{Silence, Terms, Word, kind};
use crate::base::json::Object;
use crate::token::binding::{Confirmation, Proof};
use crate::token::claims;
use crate::token::expect::Audiences;
use crate::token::fault::TokenFault;
use crate::token::grant::{Grant, Window};
use crate::token::scope::Scopes;

/// What an issuer's answers are like: what they may leave out, and where they say the rest.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Answers {
    /// They may name no audience, although the policy lists some.
    pub aud_optional: bool,
    /// They may name no issuer, although the policy does and the protocol has a place for it.
    pub iss_optional: bool,
    /// Members that hold scopes; all that are there count.
    pub scope_claims: Vec<String>,
    /// Members that hold the client; the first that is there counts.
    pub client_claims: Vec<String>,
}

/// What an issuer says about a token that it calls good.
#[derive(Default)]
pub(super) struct Said {
    /// Its members.
    pub(super) claims: Object,
    /// How long the token lives from now on, where the dialect says that besides or instead of `exp`.
    pub(super) lifetime: Option<Duration>,
    /// Whose token it is, where `sub` does not say it.
    pub(super) subject: Option<String>,
    /// Whether the dialect has a place for `iss`.
    pub(super) has_issuer: bool,
    /// The scopes that the server itself names beside `claims`, none of which counts as scopes then.
    pub(super) scopes: Option<Scopes>,
    /// The client that the server itself names beside `claims`, none of which counts as the client then.
    pub(super) client: Option<String>,
}

/// What becomes of what the issuer said. A member that cannot be read is the issuer's fault, and never the client's.
pub(super) fn word(said: Said, terms: &Terms<'_>) -> Word {
    match grant(said, terms) {
        Ok(grant) => Word::Active(Box::new(grant)),
        Err(TokenFault::ClaimMalformed(member)) => Word::Unknown(Silence::Malformed(member)),
        Err(fault) => Word::Refused(fault),
    }
}

fn grant(said: Said, terms: &Terms<'_>) -> Result<Grant, TokenFault> {
    let spoken = Spoken::of(said, terms)?;
    let grant = match terms.verified {
        Some(token) => spoken.over(token, terms)?,
        None => spoken.alone(terms)?,
    };
    claims::required(&grant.claims, &terms.expect.required_claims)?;
    Ok(grant)
}

/// An answer whose members are read, each with its type, and none of which speaks against the token.
struct Spoken {
    /// The members that are there.
    claims: Object,
    /// Those that are `null`.
    withdrawn: Vec<String>,
    window: Window,
    audiences: Vec<String>,
    scopes: Option<Scopes>,
    client: Option<String>,
    /// `sub`, where it names somebody.
    subject: Option<String>,
    /// Whose token it is, where no `sub` says it.
    stand_in: Option<String>,
    /// It has to have `iss`.
    wants_issuer: bool,
}

impl Spoken {
    fn of(said: Said, terms: &Terms<'_>) -> Result<Self, TokenFault> {
        let mut claims = said.claims;
        // Some answers repeat the token, and claims go upstream.
        for token in ["access_token", "refresh_token", "id_token"] {
            claims.shift_remove(token);
        }
        let absent = claims.iter().filter(|(_, value)| value.is_null());
        let withdrawn = absent.map(|(name, _)| name.clone()).collect();
        claims.retain(|_, value| !value.is_null());

        kind::check(&claims)?;
        let (wanted, found) = (terms.expect.issuer.as_deref(), claims::text(&claims, "iss")?);
        if wanted.is_some() && found.is_some() && found != wanted {
            return Err(TokenFault::IssuerUnknown);
        }
        let ends = [claims::time(&claims, "exp")?, said.lifetime.map(|lifetime| terms.now.plus(lifetime))];
        let window = Window {
            from: claims::time(&claims, "nbf")?.map(|from| from.minus(terms.expect.clock_skew)),
            // No allowance: the issuer has just looked at its own clock.
            until: ends.into_iter().flatten().min(),
        };
        window.check(terms.now)?;
        if !claims.get("cnf").is_none_or(Value::is_object) {
            return Err(TokenFault::ClaimMalformed("cnf".to_owned()));
        }
        let scopes = match said.scopes {
            Some(scopes) => Some(scopes),
            None => claims::scopes(&claims, &terms.answers.scope_claims)?,
        };
        let client = match said.client {
            Some(client) => Some(client),
            None => claims::client(&claims, &terms.answers.client_claims)?.map(str::to_owned),
        };
        let subject = claims::text(&claims, "sub")?.filter(|subject| !subject.is_empty()).map(str::to_owned);
        Ok(Self {
            audiences: claims::audiences(&claims)?,
            wants_issuer: wanted.is_some() && said.has_issuer && !terms.answers.iss_optional,
            stand_in: said.subject,
            claims,
            withdrawn,
            window,
            scopes,
            client,
            subject,
        })
    }

    /// The grant of a token of which nothing is known but this.
    fn alone(self, terms: &Terms<'_>) -> Result<Grant, TokenFault> {
        if self.wants_issuer && !self.claims.contains_key("iss") {
            return Err(TokenFault::IssuerUnsaid);
        }
        if self.audiences.is_empty() {
            if terms.expect.audiences != Audiences::Any && !terms.answers.aud_optional {
                return Err(TokenFault::AudienceUnsaid);
            }
        } else if !terms.expect.audiences.admit(&self.audiences) {
            return Err(TokenFault::AudienceMismatch);
        }
        Ok(Grant {
            issuer: terms.issuer,
            subject: self.subject.or(self.stand_in),
            client: self.client,
            scopes: self.scopes.unwrap_or_default(),
            audiences: self.audiences,
            window: self.window,
            claims: self.claims,
        })
    }

    /// The grant of a token whose signature was verified here, and which says `token` of itself.
    fn over(mut self, token: &Grant, terms: &Terms<'_>) -> Result<Grant, TokenFault> {
        let differ = |own: Option<&str>, other: Option<&str>| {
            own.zip(other).is_some_and(|(own, other)| !own.is_empty() && !other.is_empty() && own != other)
        };
        if differ(claims::text(token.claims(), "iss")?, claims::text(&self.claims, "iss")?) {
            return Err(TokenFault::IssuerUnknown);
        }
        if differ(token.subject(), self.subject.as_deref()) {
            return Err(TokenFault::Contradicted("sub"));
        }
        if differ(token.client(), self.client.as_deref()) {
            return Err(TokenFault::Contradicted("client"));
        }
        if terms.answers.aud_optional && self.audiences.is_empty() {
            self.leave("aud");
        }
        if !self.wants_issuer {
            self.withdrawn.retain(|name| name != "iss");
        }
        // A binding is never taken away: whoever stole the token would have to wait for that alone.
        let (bound, told) = (Confirmation::of(token.claims()), Confirmation::of(&self.claims));
        if !told.is(Proof::Any) {
            self.leave("cnf");
        } else if bound.is(Proof::Any) && bound != told {
            return Err(TokenFault::BindingUnproven);
        }

        let scopes = match self.scopes.take() {
            Some(scopes) => scopes,
            None => {
                let unsaid = self.unsaid(token, &terms.answers.scope_claims);
                claims::scopes(&unsaid, &terms.expect.scope_claims)?.unwrap_or_default()
            }
        };
        let client = match self.client.take() {
            Some(client) => Some(client),
            None => {
                let unsaid = self.unsaid(token, &terms.answers.client_claims);
                claims::client(&unsaid, &terms.expect.client_claims)?.map(str::to_owned)
            }
        };
        let mut claims = token.claims().clone();
        claims.retain(|name, _| !self.claims.contains_key(name) && !self.withdrawn.contains(name));
        let subject = self.subject.or(claims::text(&claims, "sub")?.map(str::to_owned)).or(self.stand_in);
        claims.extend(self.claims);

        if self.wants_issuer && !claims.contains_key("iss") {
            return Err(TokenFault::IssuerUnsaid);
        }
        let audiences = claims::audiences(&claims)?;
        if !terms.expect.audiences.admit(&audiences) {
            // What the token itself names would do, if the answer may do without.
            let unsaid = audiences.is_empty() && terms.expect.audiences.admit(token.audiences());
            return Err(if unsaid { TokenFault::AudienceUnsaid } else { TokenFault::AudienceMismatch });
        }
        let window = Window {
            from: self.window.from.max(token.window().from),
            until: [self.window.until, token.window().until].into_iter().flatten().min(),
        };
        Ok(Grant { issuer: terms.issuer, subject, client, scopes, audiences, window, claims })
    }

    /// What the answer leaves to `token`, where the members `places` of answers are those that speak of it: another
    /// member of the answer is somebody's attribute, whatever it is called.
    fn unsaid(&self, token: &Grant, places: &[String]) -> Object {
        let is_place = |name: &str| places.iter().any(|place| claims::is_within(place, name));
        let mut claims = token.claims().clone();
        claims.retain(|name, _| {
            !(self.withdrawn.contains(name) || self.claims.contains_key(name) && is_place(name))
        });
        claims
    }

    /// Has the token's own `name` stay.
    fn leave(&mut self, name: &str) {
        self.claims.shift_remove(name);
        self.withdrawn.retain(|withdrawn| withdrawn != name);
    }
}

#[cfg(test)]
mod tests {
    use super::super::examples::{Heard, NOW, answers, expect, heard, object, terms};
    use super::*;
    use crate::base::base64url;
    use crate::base::time::UnixTime;
    use crate::token::expect::{Expect, IssuerId};
    use serde_json::json;

    fn heard_for(claims: Value, lifetime: Option<Duration>) -> Heard {
        let said = Said { claims: object(claims), lifetime, ..Said::default() };
        heard(word(said, &terms(&expect(), &answers())))
    }

    /// An answer of RFC 7662 under a policy that lets it leave nothing out.
    fn strictly(claims: Value, expect: &Expect) -> Heard {
        let answers = Answers { aud_optional: false, iss_optional: false, ..answers() };
        let said = Said { claims: object(claims), has_issuer: true, ..Said::default() };
        heard(word(said, &terms(expect, &answers)))
    }

    #[test]
    fn the_earlier_end_counts() {
        let end = |exp: i64, lifetime: u64| {
            let grant =
                heard_for(json!({"exp": NOW.as_secs() + exp}), Some(Duration::from_secs(lifetime))).grant();
            grant.window().until.map(|until| until.since(NOW).as_secs())
        };
        assert_eq!(end(10, 20), Some(10));
        assert_eq!(end(20, 10), Some(10));
    }

    #[test]
    fn our_own_checks_apply_whatever_the_issuer_calls_good() {
        for (claims, code) in [
            (json!({"exp": NOW.as_secs()}), "token_expired"),
            (json!({"nbf": NOW.as_secs() + 1}), "token_not_yet_valid"),
            (json!({"iss": "https://other.test"}), "issuer_unknown"),
            (json!({"aud": "other"}), "audience_mismatch"),
            (json!({"token_type": "refresh_token"}), "token_inactive"),
            (json!({"token_use": "refresh"}), "token_inactive"),
            (json!({"typ": "ID"}), "token_inactive"),
        ] {
            assert_eq!(heard_for(claims.clone(), None), Heard::Refused(code), "{claims}");
        }
        heard_for(json!({"aud": ["x", "ours"], "iss": "https://idp.test"}), None).grant();
        assert_eq!(heard_for(json!({}), Some(Duration::ZERO)), Heard::Refused("token_expired"));
    }

    #[test]
    fn what_has_to_be_compared_has_to_be_there() {
        let whole = json!({"aud": "ours", "iss": "https://idp.test"});
        strictly(whole.clone(), &expect()).grant();
        for (member, code) in [("aud", "audience_mismatch"), ("iss", "issuer_unknown")] {
            for absent in [None, Some(json!(null))] {
                let mut claims = object(whole.clone());
                claims.shift_remove(member);
                claims.extend(absent.clone().map(|value| (member.to_owned(), value)));
                let claims = Value::Object(claims);
                assert_eq!(strictly(claims.clone(), &expect()), Heard::Refused(code), "{claims}");
                heard_for(claims, None).grant();
            }
        }
        let empty = json!({"aud": [], "iss": "https://idp.test"});
        assert_eq!(strictly(empty.clone(), &expect()), Heard::Refused("audience_mismatch"));
        heard_for(empty, None).grant();
        let anyone = Expect { issuer: None, audiences: Audiences::Any, ..expect() };
        strictly(json!({}), &anyone).grant();
    }

    #[test]
    fn a_member_that_cannot_be_read_is_the_issuers_fault_and_named() {
        for (member, value) in [
            ("exp", json!("soon")),
            ("exp", json!("1800000060")),
            ("nbf", json!([])),
            ("sub", json!(["a"])),
            ("sub", json!(42)),
            ("client_id", json!(4242)),
            ("scope", json!(1)),
            ("scope", json!(["a", null])),
            ("aud", json!({})),
            ("aud", json!(["ours", 1])),
            ("iss", json!(7)),
            ("cnf", json!("x")),
            ("token_use", json!(1)),
        ] {
            let said = Said { claims: object(json!({member: value})), ..Said::default() };
            let malformed = Word::Unknown(Silence::Malformed(member.to_owned()));
            assert_eq!(word(said, &terms(&expect(), &answers())), malformed, "{member} {value}");
        }
    }

    #[test]
    fn null_is_absence() {
        let claims = json!({
            "exp": null, "nbf": null, "iat": null, "sub": null, "scope": null, "client_id": null, "aud": null,
            "iss": null, "cnf": null, "token_type": null, "username": null, "jti": null,
        });
        let grant = heard_for(claims, None).grant();
        assert!(grant.claims().is_empty() && grant.scopes().is_empty() && grant.client().is_none());
        assert_eq!((grant.subject(), grant.window()), (None, Window::default()));
        let expect = Expect { required_claims: vec!["sub".into()], ..expect() };
        let said = Said { claims: object(json!({"sub": null})), ..Said::default() };
        assert_eq!(heard(word(said, &terms(&expect, &answers()))), Heard::Refused("claim_missing"));
    }

    #[test]
    fn no_token_becomes_a_claim() {
        let said =
            json!({"access_token": "hunter2", "refresh_token": "hunter2", "id_token": "hunter2", "a": 1});
        assert_eq!(heard_for(said, None).grant().claims(), &object(json!({"a": 1})));
    }

    /// What a verified token says of itself, but for `changes`.
    fn token(changes: Value) -> Grant {
        let mut claims = object(json!({
            "iss": "https://idp.test", "aud": "ours", "sub": "alice", "client_id": "app", "scope": "read write",
            "exp": NOW.as_secs() + 100, "tenant": "a", "realm": {"roles": ["x"], "id": 1},
        }));
        claims.extend(object(changes));
        claims.retain(|_, value| !value.is_null());
        let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        Grant {
            issuer: IssuerId(0),
            subject: text("sub"),
            client: text("client_id"),
            scopes: claims.get("scope").and_then(Scopes::from_claim).unwrap_or_default(),
            audiences: claims::audiences(&claims).unwrap(),
            window: Window {
                from: None,
                until: claims.get("exp").and_then(Value::as_i64).map(UnixTime::from_secs),
            },
            claims,
        }
    }

    fn strict() -> Answers {
        Answers { aud_optional: false, iss_optional: false, ..answers() }
    }

    fn over_as(token: &Grant, claims: Value, answers: &Answers) -> Heard {
        let said = Said { claims: object(claims), has_issuer: true, ..Said::default() };
        let expect = Expect { scope_claims: vec!["scope".into(), "scp".into()], ..expect() };
        heard(word(said, &Terms { verified: Some(token), ..terms(&expect, answers) }))
    }

    fn over(changes: Value, claims: Value) -> Heard {
        over_as(&token(changes), claims, &strict())
    }

    #[test]
    fn an_answer_replaces_completes_and_withdraws_what_a_verified_token_says() {
        let grant = over(json!({}), json!({})).grant();
        assert_eq!(grant, token(json!({})), "an answer that says nothing changes nothing");
        let said = json!({"active": true, "tenant": null, "realm": {"roles": []}, "email": "a@x.test"});
        let grant = over(json!({}), said).grant();
        assert_eq!((grant.claim("tenant"), grant.claim("email")), (None, Some(&json!("a@x.test"))));
        assert_eq!(grant.claim("realm"), Some(&json!({"roles": []})), "whole, and not member by member");
        assert_eq!((grant.subject(), grant.client()), (Some("alice"), Some("app")));
        assert_eq!(grant.audiences(), ["ours"]);
        let lightweight = json!({"aud": null, "sub": null, "scope": null, "client_id": null, "tenant": null});
        let said = json!({"aud": ["ours", "x"], "sub": "alice", "scope": "read", "client_id": "web"});
        let grant = over(lightweight, said).grant();
        assert_eq!((grant.subject(), grant.client()), (Some("alice"), Some("web")));
        assert_eq!((grant.scopes().to_text().as_str(), grant.audiences().len()), ("read", 2));
        let grant = over(json!({}), json!({"sub": null, "client_id": null})).grant();
        assert_eq!((grant.subject(), grant.client()), (None, None));
    }

    #[test]
    fn scopes_are_those_of_the_answer_where_it_has_any() {
        let scopes = |token: Value, answer: Value| over(token, answer).grant().scopes().to_text();
        assert_eq!(scopes(json!({}), json!({"scope": "read"})), "read");
        assert_eq!(scopes(json!({"scp": ["admin"]}), json!({"scope": "read"})), "read");
        assert_eq!(scopes(json!({}), json!({"scope": ""})), "");
        assert_eq!(scopes(json!({}), json!({"scope": []})), "");
        assert_eq!(scopes(json!({}), json!({"scope": null})), "");
        assert_eq!(scopes(json!({}), json!({})), "read write");
        // In this issuer's answers `scp` is no scope, whatever it is in its tokens.
        assert_eq!(scopes(json!({}), json!({"scp": "admin"})), "read write");
        assert_eq!(scopes(json!({"scp": ["x"]}), json!({"scp": "admin"})), "read write x");
    }

    #[test]
    fn an_attribute_that_says_no_scopes_and_no_client_hides_none() {
        let profile = Answers { scope_claims: Vec::new(), client_claims: Vec::new(), ..strict() };
        let attributes = json!({"scope": "admin", "client_id": 7, "name": "Alice"});
        let grant = over_as(&token(json!({})), attributes, &profile).grant();
        assert_eq!((grant.scopes().to_text().as_str(), grant.client()), ("read write", Some("app")));
        assert_eq!(
            (grant.claim("scope"), grant.claim("client_id")),
            (Some(&json!("admin")), Some(&json!(7)))
        );
    }

    #[test]
    fn a_member_in_which_scopes_may_lie_hides_those_that_lay_there() {
        let roles = |claims: Value| {
            let answers = Answers { scope_claims: vec!["/realm/roles".into()], ..strict() };
            let said = Said { claims: object(claims), has_issuer: true, ..Said::default() };
            let expect = Expect { scope_claims: answers.scope_claims.clone(), ..expect() };
            let terms = Terms { verified: Some(&token(json!({}))), ..terms(&expect, &answers) };
            heard(word(said, &terms)).grant().scopes().to_text()
        };
        assert_eq!(roles(json!({})), "x");
        assert_eq!(roles(json!({"realm": {"roles": ["y"]}})), "y");
        assert_eq!(roles(json!({"realm": {"id": 2}})), "");
    }

    #[test]
    fn the_earlier_end_of_token_and_answer_counts() {
        let end = |exp: Value| {
            over(json!({}), json!({"exp": exp}))
                .grant()
                .window()
                .until
                .map(|until| until.since(NOW).as_secs())
        };
        assert_eq!(end(json!(NOW.as_secs() + 50)), Some(50));
        assert_eq!(end(json!(NOW.as_secs() + 500)), Some(100));
        assert_eq!(end(json!(null)), Some(100));
    }

    #[test]
    fn an_answer_about_another_token_is_refused() {
        for (answer, code) in [
            (json!({"sub": "bob"}), "token_inactive"),
            (json!({"client_id": "other"}), "token_inactive"),
            (json!({"iss": "https://other.test"}), "issuer_unknown"),
            (json!({"aud": "other"}), "audience_mismatch"),
            (json!({"token_use": "refresh_token"}), "token_inactive"),
        ] {
            assert_eq!(over(json!({}), answer.clone()), Heard::Refused(code), "{answer}");
        }
        // Nobody is no other.
        over(json!({}), json!({"sub": "", "client_id": ""})).grant();
    }

    #[test]
    fn what_the_answer_takes_away_is_missing_unless_it_may_be() {
        for aud in [json!(null), json!([])] {
            assert_eq!(over(json!({}), json!({"aud": aud})), Heard::Refused("audience_mismatch"));
            let grant = over_as(&token(json!({})), json!({"aud": aud}), &answers()).grant();
            assert_eq!(
                (grant.audiences(), grant.claim("aud")),
                (&["ours".to_owned()][..], Some(&json!("ours")))
            );
        }
        assert_eq!(over(json!({}), json!({"iss": null})), Heard::Refused("issuer_unknown"));
        over_as(&token(json!({})), json!({"iss": null}), &answers()).grant();
        // `aud: optional` is for answers: a signed token that names nobody is for nobody.
        let nobody = token(json!({"aud": null}));
        assert_eq!(over_as(&nobody, json!({}), &answers()), Heard::Refused("audience_mismatch"));
    }

    #[test]
    fn a_binding_comes_from_either_and_is_never_taken_away() {
        let bound = |byte: u8| json!({"jkt": base64url::encode([byte; 32])});
        let binding = |token: Value, answer: Value| over(token, answer).grant().claim("cnf").cloned();
        assert_eq!(binding(json!({}), json!({"cnf": bound(7)})), Some(bound(7)));
        for answer in [json!({}), json!({"cnf": null}), json!({"cnf": bound(7)})] {
            assert_eq!(binding(json!({"cnf": bound(7)}), answer), Some(bound(7)));
        }
        let other = over(json!({"cnf": bound(7)}), json!({"cnf": bound(8)}));
        assert_eq!(other, Heard::Refused("binding_unproven"));
    }
}
