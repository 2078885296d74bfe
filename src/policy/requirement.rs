//! What a rule asks of a token that is good.

use core::cmp::Ordering;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::{Number, Value};

use super::denial::{Denial, Login};
use super::details::WantedDetail;
use super::vocabulary::{ScopeBits, Vocabulary};
use crate::base::time::UnixTime;
use crate::token::binding::{Confirmation, Proof};
use crate::token::claims;
use crate::token::expect::IssuerId;
use crate::token::fault::TokenFault;
use crate::token::grant::Grant;

/// A requirement as it is written: everything in it must hold; empty lists and `None` ask nothing.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The token is from one of these; `None` for any.
    pub issuers: Option<Vec<IssuerId>>,
    /// Every one is held.
    pub scopes: Vec<String>,
    /// At least one is held.
    pub any_scope: Vec<String>,
    /// The token's client is one of these.
    pub clients: Vec<String>,
    /// Each claim (or JSON pointer) passes its test.
    pub claims: Vec<(String, ClaimTest)>,
    /// Each is among the token's authorization details (RFC 9396).
    pub authorization_details: Vec<WantedDetail>,
    /// One of these is in `aud`.
    pub audiences: Vec<String>,
    /// `acr` is one of these.
    pub acr: Vec<String>,
    /// `auth_time` is no longer ago than this.
    pub max_age: Option<Duration>,
    /// The token is bound to its sender in this way.
    pub proof: Option<Proof>,
    /// One of these holds. One that has a name is shared by all that name it.
    pub any_of: Vec<Rc<Requirement>>,
}

/// What a claim must be like. Values are scalars.
#[derive(Clone, PartialEq, Debug)]
pub enum ClaimTest {
    /// Equal to one of these.
    OneOf(Vec<Value>),
    /// An array or a space-delimited string that holds this, or this itself: issuers write one value of a list without
    /// the list.
    Contains(Value),
}

/// A requirement, compiled. Made by [`Requirement::new`].
#[derive(Clone, Debug, Default)]
pub struct Requirement {
    wanted: Wanted,
    all_scopes: Vec<u32>,
    any_scope: Vec<u32>,
}

/// Requirements that a token has failed, each with its denial. One that is shared is not asked again.
type Failed = BTreeMap<*const Requirement, Denial>;

/// A grant, and which of the policy's scopes it holds. Made by `Policy::holder`.
#[derive(Clone, Debug)]
pub struct Holder {
    grant: Grant,
    scopes: ScopeBits,
    confirmation: Confirmation,
}

impl Holder {
    pub(super) fn new(grant: Grant, scopes: ScopeBits) -> Self {
        let confirmation = Confirmation::of(grant.claims());
        Self { grant, scopes, confirmation }
    }

    /// The grant.
    pub const fn grant(&self) -> &Grant {
        &self.grant
    }

    /// What the token is bound to.
    pub const fn confirmation(&self) -> &Confirmation {
        &self.confirmation
    }
}

impl ClaimTest {
    fn holds(&self, claim: &Value) -> bool {
        match self {
            Self::OneOf(values) => values.iter().any(|value| equal(value, claim)),
            Self::Contains(value) => match claim {
                Value::Array(members) => members.iter().any(|member| equal(value, member)),
                Value::String(text) => value
                    .as_str()
                    .is_some_and(|word| text == word || text.split(' ').any(|held| held == word)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
            },
        }
    }
}

impl Requirement {
    /// Compiles `wanted`; its scopes become part of `vocabulary`.
    pub fn new(wanted: Wanted, vocabulary: &mut Vocabulary) -> Self {
        let mut numbers = |scopes: &[String]| scopes.iter().map(|scope| vocabulary.number(scope)).collect();
        let (all_scopes, any_scope) = (numbers(&wanted.scopes), numbers(&wanted.any_scope));
        Self { wanted, all_scopes, any_scope }
    }

    /// Of how many requirements without an `any_of` this is made, those counted twice that are named twice.
    pub fn leaves(&self) -> usize {
        let members = self.wanted.any_of.iter().map(|member| member.leaves());
        members.sum::<usize>().max(1)
    }

    /// How many requirements stand in each other, this one included.
    pub fn levels(&self) -> usize {
        1 + self.wanted.any_of.iter().map(|member| member.levels()).max().unwrap_or_default()
    }

    /// Which issuers' tokens can satisfy this at all; `None` for any.
    pub fn issuers(&self) -> Option<Vec<IssuerId>> {
        let own = self.wanted.issuers.clone();
        let any_of = &self.wanted.any_of;
        let members: Option<Vec<_>> = any_of.iter().map(|member| member.issuers()).collect();
        let members = members.filter(|_| !any_of.is_empty()).map(|lists| lists.concat());
        let mut issuers = match (own, members) {
            (None, None) => return None,
            (Some(issuers), None) | (None, Some(issuers)) => issuers,
            (Some(own), Some(members)) => own.into_iter().filter(|issuer| members.contains(issuer)).collect(),
        };
        issuers.sort_unstable();
        issuers.dedup();
        Some(issuers)
    }

    /// How the token has to be bound, whatever else is needed; `None` where it need not be.
    pub const fn proof(&self) -> Option<Proof> {
        self.wanted.proof
    }

    /// Whether a token that is bound to a key is asked for, here or in one of the members.
    pub fn mentions_key(&self) -> bool {
        matches!(self.wanted.proof, Some(Proof::Dpop | Proof::Any))
            || self.wanted.any_of.iter().any(|member| member.mentions_key())
    }

    /// Whether a token that is bound to a certificate is asked for, here or in one of the members.
    pub(super) fn mentions_certificate(&self) -> bool {
        matches!(self.wanted.proof, Some(Proof::MutualTls | Proof::Any))
            || self.wanted.any_of.iter().any(|member| member.mentions_certificate())
    }

    /// The scopes every one of which is needed, whatever else is.
    pub fn required_scopes(&self) -> &[String] {
        &self.wanted.scopes
    }

    /// What `insufficient_scope` names to a token that holds no scope at all, space-delimited; empty where none is
    /// needed. As in [`Self::check`] the own scopes come first, then those of the first member that names any.
    pub(super) fn scope_at_first(&self) -> String {
        let own = self.scope_text("");
        if !own.is_empty() {
            return own;
        }
        let mut members = self.wanted.any_of.iter().map(|member| member.scope_at_first());
        members.find(|scope| !scope.is_empty()).unwrap_or_default()
    }

    /// Adds to `numbers` those of all scopes that this names.
    pub(super) fn name_scopes(&self, numbers: &mut BTreeSet<u32>) {
        numbers.extend(self.all_scopes.iter().chain(&self.any_scope));
        self.wanted.any_of.iter().for_each(|member| member.name_scopes(numbers));
    }

    /// Whether `holder` satisfies this at `now`. Cheap and general questions come first, so that the answer is the
    /// most general one.
    pub(super) fn check(&self, holder: &Holder, now: UnixTime) -> Result<(), Denial> {
        self.check_itself(holder, now)?;
        if self.wanted.any_of.is_empty() {
            return Ok(());
        }
        self.check_any_of(holder, now, &mut Failed::new())
    }

    /// Everything but the members.
    fn check_itself(&self, holder: &Holder, now: UnixTime) -> Result<(), Denial> {
        let (wanted, grant) = (&self.wanted, &holder.grant);
        if wanted.issuers.as_ref().is_some_and(|issuers| !issuers.contains(&grant.issuer())) {
            return Err(Denial::IssuerNotAllowed);
        }
        if !is_met(&wanted.audiences, |ours| grant.audiences().contains(ours)) {
            return Err(Denial::BadToken(TokenFault::AudienceMismatch));
        }
        // A token is judged here only after whatever it is bound to was proven.
        if wanted.proof.is_some_and(|proof| !holder.confirmation.is(proof)) {
            return Err(Denial::BadToken(TokenFault::BindingUnproven));
        }
        let held = |number: &u32| holder.scopes.contains(*number);
        if !self.all_scopes.iter().all(held) || !is_met(&self.any_scope, held) {
            return Err(Denial::ScopeInsufficient { scope: self.scope_text("") });
        }
        if !is_met(&wanted.clients, |client| grant.client() == Some(client)) {
            return Err(Denial::ClientNotAllowed { scope: self.scope_text("") });
        }
        if !wanted.claims.iter().all(|(name, test)| grant.claim(name).is_some_and(|claim| test.holds(claim)))
        {
            return Err(Denial::ClaimMismatch { scope: self.scope_text("") });
        }
        if !wanted.authorization_details.iter().all(|detail| detail.is_held(grant)) {
            return Err(Denial::AuthorizationDetailsInsufficient { scope: self.scope_text("") });
        }
        self.check_login(grant, now)
    }

    fn check_login(&self, grant: &Grant, now: UnixTime) -> Result<(), Denial> {
        let acr = || grant.claim("acr").and_then(Value::as_str);
        if !is_met(&self.wanted.acr, |wanted| acr() == Some(wanted)) {
            return Err(Denial::AuthenticationTooWeak(self.login()));
        }
        let Some(max_age) = self.wanted.max_age else { return Ok(()) };
        let login = claims::time(grant.claims(), "auth_time").ok().flatten();
        if login.is_some_and(|login| login.plus(max_age) >= now) {
            Ok(())
        } else {
            Err(Denial::AuthenticationTooOld(self.login()))
        }
    }

    fn login(&self) -> Login {
        let max_age = self.wanted.max_age.map(|max_age| max_age.as_secs());
        Login { acr_values: self.wanted.acr.join(" "), max_age, scope: self.scope_text("") }
    }

    /// As [`Self::check`], for a member: the answer to one that others share is remembered.
    fn check_member(
        member: &Rc<Self>,
        holder: &Holder,
        now: UnixTime,
        failed: &mut Failed,
    ) -> Result<(), Denial> {
        if let Some(denial) = failed.get(&Rc::as_ptr(member)) {
            return Err(denial.clone());
        }
        let own = member.check_itself(holder, now);
        let checked = own.and_then(|()| member.check_any_of(holder, now, failed));
        if let Err(denial) = &checked
            && Rc::strong_count(member) > 1
        {
            failed.insert(Rc::as_ptr(member), denial.clone());
        }
        checked
    }

    fn check_any_of(&self, holder: &Holder, now: UnixTime, failed: &mut Failed) -> Result<(), Denial> {
        let mut best: Option<Denial> = None;
        for member in &self.wanted.any_of {
            match Self::check_member(member, holder, now, failed) {
                Ok(()) => return Ok(()),
                Err(denial) if best.as_ref().is_none_or(|best| rank(&denial) < rank(best)) => {
                    best = Some(denial)
                }
                Err(_) => {}
            }
        }
        match best {
            None => Ok(()),
            Some(denial) => Err(self.with_own_scopes(denial)),
        }
    }

    /// `denial` of a member, its scopes preceded by those that are needed besides.
    fn with_own_scopes(&self, denial: Denial) -> Denial {
        match denial {
            Denial::ScopeInsufficient { scope } => {
                Denial::ScopeInsufficient { scope: self.scope_text(&scope) }
            }
            Denial::ClientNotAllowed { scope } => Denial::ClientNotAllowed { scope: self.scope_text(&scope) },
            Denial::ClaimMismatch { scope } => Denial::ClaimMismatch { scope: self.scope_text(&scope) },
            Denial::AuthorizationDetailsInsufficient { scope } => {
                Denial::AuthorizationDetailsInsufficient { scope: self.scope_text(&scope) }
            }
            Denial::AuthenticationTooWeak(login) => {
                Denial::AuthenticationTooWeak(Login { scope: self.scope_text(&login.scope), ..login })
            }
            Denial::AuthenticationTooOld(login) => {
                Denial::AuthenticationTooOld(Login { scope: self.scope_text(&login.scope), ..login })
            }
            other @ (Denial::NoCredential
            | Denial::CredentialMalformed
            | Denial::CredentialAmbiguous
            | Denial::BadToken(_)
            | Denial::IssuerNotAllowed
            | Denial::Unmatched
            | Denial::RuleDenied
            | Denial::RuleUnknown
            | Denial::AuthorityAmbiguous
            | Denial::AuthorityReadings
            | Denial::PathAmbiguous(_)
            | Denial::PathReadings) => other,
        }
    }

    /// The scopes that this names, then those in `more`, each once.
    fn scope_text(&self, more: &str) -> String {
        let mut scopes = crate::token::scope::Scopes::default();
        scopes.extend(self.wanted.scopes.iter().chain(&self.wanted.any_scope).map(String::as_str));
        scopes.extend(more.split(' '));
        scopes.to_text()
    }
}

/// Whether one of `wanted` is there, or none is wanted.
fn is_met<T>(wanted: &[T], is_there: impl FnMut(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(is_there)
}

/// How much a denial helps the client: what it can ask its issuer for comes first.
const fn rank(denial: &Denial) -> u8 {
    match denial {
        Denial::ScopeInsufficient { .. } => 0,
        Denial::ClientNotAllowed { .. }
        | Denial::ClaimMismatch { .. }
        | Denial::AuthorizationDetailsInsufficient { .. } => 1,
        Denial::AuthenticationTooWeak(_) | Denial::AuthenticationTooOld(_) => 2,
        Denial::BadToken(_) => 3,
        Denial::IssuerNotAllowed => 4,
        Denial::NoCredential
        | Denial::CredentialMalformed
        | Denial::CredentialAmbiguous
        | Denial::Unmatched
        | Denial::RuleDenied
        | Denial::RuleUnknown
        | Denial::AuthorityAmbiguous
        | Denial::AuthorityReadings
        | Denial::PathAmbiguous(_)
        | Denial::PathReadings => 5,
    }
}

/// Equality of scalars as JSON means it: 1 and 1.0 are one number.
fn equal(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (Value::Number(wanted), Value::Number(found)) => is_same_number(wanted, found),
        _ => wanted == found,
    }
}

fn is_same_number(one: &Number, other: &Number) -> bool {
    // Two integers beyond 2^53 may differ and still be one float.
    if !one.is_f64() && !other.is_f64() {
        return one.as_i64() == other.as_i64() && one.as_u64() == other.as_u64();
    }
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one.partial_cmp(&other) == Some(Ordering::Equal),
        (None, _) | (_, None) => false,
    }
}

#[cfg(test)]
mod tests;
