//! The token: where it stands, what it is, what it says, and whether that is to be believed.

use super::binding;
use super::proof;
use super::text::Text;
use crate::base::json::Object;
use crate::http::head::RequestHead;
use crate::jose::backend::NoAccelerator;
use crate::jose::jws::{self, IssuerHint, Unverified};
use crate::jose::key_set::KeySet;
use crate::jose::verify::verify;
use crate::policy::{Access, Issuer, Keys, Policy};
use crate::token::credential::{self, Found, Place, Scheme};
use crate::token::dpop;
use crate::token::grant::Grant;
use crate::tool::driver::Judged;
use crate::tool::request::{Reply, Request};

/// Tells about the token of `request`. It is hidden in the whole text from here on.
pub(super) fn tell(text: &mut Text, policy: &Policy, request: &Request, judged: &Judged) {
    let head = request.head();
    hide_all(text, &head, policy);
    let note = judged.verdict.note();
    let rule = note.rule.as_deref().and_then(|name| policy.rules.named(name));
    if rule.is_some_and(|rule| matches!(rule.access, Access::Anonymous | Access::Deny)) {
        return text.line("token", "is not looked at: the rule does not ask for one");
    }
    match credential::find(&head, &policy.places) {
        Found::Nothing => {
            let places: Vec<String> = policy.places.iter().map(place).collect();
            text.line("token", &format!("none; looked for in {}", places.join(", ")));
        }
        Found::Malformed => text.line("token", "what stands in its place is not one token"),
        Found::Several => text.line("token", "there are several credentials; none is chosen"),
        Found::Token(token, scheme) => {
            let at = policy.places.iter().find(|place| {
                !matches!(credential::find(&head, core::slice::from_ref(place)), Found::Nothing)
            });
            let at = at.map(place).unwrap_or_default();
            text.line("token", &format!("in {at}, {} characters", token.expose().len()));
            kind(text, policy, token.expose(), request, judged);
            if scheme == Scheme::Dpop {
                proof::tell(text, policy, request, token.expose());
            }
        }
    }
}

/// Whatever stands where tokens may stand must not be shown, be it a token or not.
fn hide_all(text: &mut Text, head: &RequestHead<'_>, policy: &Policy) {
    for place in &policy.places {
        if let Found::Token(token, _) = credential::find(head, core::slice::from_ref(place)) {
            text.hide(token.expose());
        }
    }
    for proof in head.values(dpop::FIELD.as_bytes()) {
        text.hide(proof);
    }
}

fn place(place: &Place) -> String {
    match place {
        Place::Header { name, scheme: Some(scheme) } => format!("the field {name} after {scheme}"),
        Place::Header { name, scheme: None } => format!("the field {name}"),
        Place::Query(name) => format!("the query parameter {name}"),
        Place::Cookie(name) => format!("the cookie {name}"),
    }
}

fn kind(text: &mut Text, policy: &Policy, token: &[u8], request: &Request, judged: &Judged) {
    let note = judged.verdict.note();
    if jws::is_jws_shape(token) {
        text.line("", "a signed token (JWS)");
        match Unverified::parse(token) {
            Ok(jws) => {
                header(text, policy, &jws);
                text.line("signature", &signature(policy, jws, judged));
            }
            Err(fault) => text.line("", &format!("its header: {fault}")),
        }
    } else if jws::is_jwe_shape(token) {
        text.line("", "an encrypted token (JWE)");
    } else {
        text.line("", "an opaque token: only its issuer can say what it is");
    }
    match (note.grant(), jws::unverified_payload(token)) {
        (Some(grant), _) => {
            let issuer = note.issuer.as_deref().unwrap_or("an issuer without a name");
            text.line("claims", &format!("which {issuer} vouches for:"));
            claims(text, grant.claims());
            summary(text, grant);
            binding::tell(text, policy, request, grant);
        }
        (None, Some(unverified)) => {
            text.line("claims", "which the token makes, and nobody vouches for:");
            claims(text, &unverified);
        }
        (None, None) => {}
    }
}

/// Whether the keys that were at hand say that the signature holds.
fn signature(policy: &Policy, jws: Unverified<'_>, judged: &Judged) -> String {
    let hint = jws.issuer_hint();
    let named = |issuer: &&Issuer| issuer.verifies() && is_named(issuer, hint);
    let Some(issuer) = policy.issuers.iter().find(named) else {
        return "is not checked: no issuer of the policy with this iss has keys".to_owned();
    };
    let inline = issuer.keys.iter().filter_map(|keys| match keys {
        Keys::Inline(keys) => Some(KeySet::clone(keys)),
        Keys::Fetched(_) => None,
    });
    let sets: Vec<KeySet> =
        inline.chain(judged.questions.iter().filter_map(|(_, reply)| fetched(reply))).collect();
    if sets.is_empty() {
        return format!("is not checked: no keys of {} were had", issuer.name);
    }
    match verify(jws, &KeySet::merge(sets), issuer.expect.algorithms, &NoAccelerator) {
        Ok(_) => format!("holds, with the keys of {}", issuer.name),
        Err(fault) => fault.to_string(),
    }
}

fn fetched(reply: &Reply) -> Option<KeySet> {
    match reply {
        Reply::Answered { status: 200, body, .. } => KeySet::read(body).ok().map(|(keys, _)| keys),
        Reply::Answered { .. } | Reply::Failed(_) => None,
    }
}

fn header(text: &mut Text, policy: &Policy, jws: &Unverified<'_>) {
    let or_none = |value: Option<&str>| value.unwrap_or("none").to_owned();
    let (kid, typ) = (or_none(jws.kid()), or_none(jws.typ()));
    text.line("", &format!("header: alg {}, kid {kid}, typ {typ}", jws.algorithm()));
    let hint = jws.issuer_hint();
    let named: Vec<&str> =
        policy.issuers.iter().filter(|issuer| is_named(issuer, hint)).map(|issuer| &*issuer.name).collect();
    let named = if named.is_empty() { "no issuer of the policy".to_owned() } else { named.join(", ") };
    text.line("", &format!("iss {}: {named}", or_none(hint.name())));
}

/// Whether a token with this `iss`, or without one, is of `issuer`.
fn is_named(issuer: &Issuer, hint: IssuerHint<'_>) -> bool {
    match hint {
        IssuerHint::Name(name) => issuer.expect.issuer.as_deref() == Some(name),
        IssuerHint::Absent => issuer.verifies() && issuer.expect.issuer.is_none(),
        IssuerHint::Unreadable => false,
    }
}

fn claims(text: &mut Text, claims: &Object) {
    for (name, value) in claims {
        let value = text.claim(name, value);
        text.line("", &format!("{name}: {value}"));
    }
}

fn summary(text: &mut Text, grant: &Grant) {
    let scopes = grant.scopes().to_text();
    text.line("scopes", if scopes.is_empty() { "none" } else { &scopes });
    if let Some(client) = grant.client() {
        text.line("client", client);
    }
    if let Some(until) = grant.window().until {
        let until = text.date(until);
        text.line("good", &format!("until {until}, the allowance for clocks included"));
    }
}
