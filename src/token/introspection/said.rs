//! What an issuer said about a token becomes a grant, unless our own checks speak against it.
//!
//! `null` is absence. Where the token's signature was verified here, the answer is about that token: a member that the
//! answer has replaces the token's, whole; one that it lacks stays as the token says it; `null` takes it away.

use core::time::Duration;

use serde_json::Value;

use super::members::Members;
use super::{Silence, Terms, Word};
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
    /// Whose they are.
    pub(super) members: Members,
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
    /// The members that are there, but for attributes of a user with the name of a claim about the token.
    claims: Object,
    /// Whose they are.
    members: Members,
    /// Those of them that are `null`.
    withdrawn: Vec<String>,
    window: Window,
    /// It names an audience, and one that is admitted.
    names_audience: bool,
    scopes: Option<Scopes>,
    client: Option<String>,
    /// The server itself names the client, beside the members.
    client_is_apart: bool,
    issuer: Option<String>,
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
        let own = absent.filter(|(name, _)| !said.members.is_namesake(name));
        let withdrawn = own.map(|(name, _)| name.clone()).collect();
        claims.retain(|_, value| !value.is_null());

        let registered = said.members.registered(&claims)?;
        let wanted = terms.expect.issuer.as_deref();
        if let (Some(found), Some(wanted)) = (registered.issuer.as_deref(), wanted)
            && found != wanted
        {
            return Err(TokenFault::of_issuer([wanted].into_iter(), found));
        }
        if !registered.audiences.is_empty() && !terms.expect.audiences.admit(&registered.audiences) {
            return Err(TokenFault::AudienceMismatch);
        }
        let ends = [registered.expires, said.lifetime.map(|lifetime| terms.now.plus(lifetime))];
        let window = Window {
            from: registered.begins.map(|from| from.minus(terms.expect.clock_skew)),
            // No allowance: the issuer has just looked at its own clock.
            until: ends.into_iter().flatten().min(),
        };
        window.check(terms.now)?;
        if !claims.get("cnf").is_none_or(Value::is_object) {
            return Err(TokenFault::ClaimMalformed("cnf".to_owned()));
        }
        let client_is_apart = said.client.is_some();
        let scopes = match said.scopes {
            Some(scopes) => Some(scopes),
            None => claims::scopes(&claims, &terms.answers.scope_claims)?,
        };
        let client = match said.client {
            Some(client) => Some(client),
            None => claims::client(&claims, &terms.answers.client_claims)?.map(str::to_owned),
        };
        let subject = claims::text(&claims, "sub")?.filter(|subject| !subject.is_empty()).map(str::to_owned);
        let names_audience = !registered.audiences.is_empty();
        claims.retain(|name, _| !said.members.is_namesake(name));
        Ok(Self {
            names_audience,
            issuer: registered.issuer,
            wants_issuer: wanted.is_some() && said.has_issuer && !terms.answers.iss_optional,
            stand_in: said.subject,
            members: said.members,
            claims,
            withdrawn,
            window,
            scopes,
            client,
            client_is_apart,
            subject,
        })
    }

    /// The grant of a token of which nothing is known but this.
    fn alone(self, terms: &Terms<'_>) -> Result<Grant, TokenFault> {
        if self.wants_issuer && !self.claims.contains_key("iss") {
            return Err(TokenFault::IssuerUnsaid);
        }
        let wants_audience = terms.expect.audiences != Audiences::Any && !terms.answers.aud_optional;
        if wants_audience && !self.names_audience {
            return Err(TokenFault::AudienceUnsaid);
        }
        Ok(Grant {
            issuer: terms.issuer,
            subject: self.subject.or(self.stand_in),
            client: self.client,
            scopes: self.scopes.unwrap_or_default(),
            audiences: claims::audiences(&self.claims)?,
            window: self.window,
            claims: self.claims,
        })
    }

    /// The grant of a token whose signature was verified here, and which says `token` of itself.
    fn over(mut self, token: &Grant, terms: &Terms<'_>) -> Result<Grant, TokenFault> {
        if differ(claims::text(token.claims(), "iss")?, self.issuer.as_deref()) {
            return Err(TokenFault::IssuerUnknown);
        }
        if differ(token.subject(), self.subject.as_deref()) {
            return Err(TokenFault::Contradicted("sub"));
        }
        if self.names_another_client(token, terms) {
            return Err(TokenFault::Contradicted("client"));
        }
        self.leave_what_is_not_its_own(terms);
        if terms.answers.aud_optional && !self.names_audience {
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

        // What the answer does not speak of. Scopes and client may lie deep within a member.
        let mut claims = token.claims().clone();
        claims.retain(|name, _| !self.claims.contains_key(name) && !self.withdrawn.contains(name));
        let scopes = match self.scopes.take() {
            Some(scopes) => scopes,
            None => claims::scopes(&claims, &terms.expect.scope_claims)?.unwrap_or_default(),
        };
        let client = self.client_over(&claims, terms)?;
        let subject = self.subject.or(claims::text(&claims, "sub")?.map(str::to_owned)).or(self.stand_in);
        claims.extend(self.claims);

        if self.wants_issuer && !claims.contains_key("iss") {
            return Err(TokenFault::IssuerUnsaid);
        }
        let audiences = claims::audiences(&claims)?;
        if !terms.expect.audiences.admit(&audiences) {
            // What the token itself names would do, if the answer may do without: one that names another is refused by now.
            let unsaid = terms.expect.audiences.admit(token.audiences());
            return Err(if unsaid { TokenFault::AudienceUnsaid } else { TokenFault::AudienceMismatch });
        }
        let window = Window {
            from: self.window.from.max(token.window().from),
            until: [self.window.until, token.window().until].into_iter().flatten().min(),
        };
        Ok(Grant { issuer: terms.issuer, subject, client, scopes, audiences, window, claims })
    }

    /// Whether the answer is about a token of another client: a member that both have differs, or, where they have none in
    /// common, the client that each names first. Some issuers put two clients into a token (`azp`, and for whom it is) and
    /// repeat one of them.
    fn names_another_client(&self, token: &Grant, terms: &Terms<'_>) -> bool {
        if self.client_is_apart {
            return differ(token.client(), self.client.as_deref());
        }
        let text = |claims: &Object, name: &str| {
            claims::find(claims, name)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let places = terms.answers.client_claims.iter();
        let both = places.filter_map(|name| text(token.claims(), name).zip(text(&self.claims, name)));
        match both.map(|(own, other)| own != other).reduce(|one, other| one || other) {
            Some(differs) => differs,
            None => differ(token.client(), self.client.as_deref()),
        }
    }

    /// The client of a verified token, of whose claims `rest` is what the answer does not speak of: what the first of the
    /// members says that name it, in the answer where that has it.
    fn client_over(&self, rest: &Object, terms: &Terms<'_>) -> Result<Option<String>, TokenFault> {
        if self.client_is_apart {
            return Ok(self.client.clone());
        }
        let mut named = rest.clone();
        let told = self.claims.iter().filter(|(name, _)| is_place(&terms.answers.client_claims, name));
        named.extend(told.map(|(name, value)| (name.clone(), value.clone())));
        Ok(claims::client(&named, &terms.expect.client_claims)?.map(str::to_owned).or(self.client.clone()))
    }

    /// Has everything stay as the token says it that is not this answer's to say: what says scopes and client in tokens, and
    /// not in answers, and attributes of a user that are called like what says of which kind a token is.
    fn leave_what_is_not_its_own(&mut self, terms: &Terms<'_>) {
        let (expect, answers, members) = (terms.expect, terms.answers, self.members);
        let is_foreign = |name: &str| {
            let is_told = is_place(&answers.scope_claims, name) || is_place(&answers.client_claims, name);
            let is_tokens = is_place(&expect.scope_claims, name) || is_place(&expect.client_claims, name);
            !is_told && !members.is_own(name) && (is_tokens || members.is_no_kind(name))
        };
        self.claims.retain(|name, _| !is_foreign(name));
        self.withdrawn.retain(|name| !is_foreign(name));
    }

    /// Has the token's own `name` stay.
    fn leave(&mut self, name: &str) {
        self.claims.shift_remove(name);
        self.withdrawn.retain(|withdrawn| withdrawn != name);
    }
}

/// Whether two who name somebody name each somebody else.
fn differ(own: Option<&str>, other: Option<&str>) -> bool {
    own.zip(other).is_some_and(|(own, other)| !own.is_empty() && !other.is_empty() && own != other)
}

/// Whether `name` is, or holds, one of `places`: names of members or JSON pointers.
fn is_place(places: &[String], name: &str) -> bool {
    places.iter().any(|place| claims::is_within(place, name))
}

#[cfg(test)]
mod tests;
