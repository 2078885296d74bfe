//! What goes into the gate besides requests, and what comes out of it.

use core::fmt;
use std::borrow::Cow;
use std::rc::Rc;

use super::memory::Known;
use crate::http::message::{Callout, HeaderEdits, Response};
use crate::policy::Permit;
use crate::token::binding::Thumbprint;
use crate::token::grant::Grant;
use crate::token::introspection::Silence;

/// A request's number, chosen by whoever drives the gate; unique among the requests that are open.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct RequestId(pub u32);

/// A callout's number, chosen by the gate.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct AskId(pub u64);

/// What the proxy knows of a request besides its head.
#[derive(Clone, Copy, Default)]
pub struct Facts<'a> {
    /// The name of the proxy's route.
    pub route: Option<&'a [u8]>,
    /// The rule that the route's metadata names.
    pub rule: Option<&'a [u8]>,
    /// Looks up whether the connection is one over TLS. Left until a proof makes it matter.
    pub tls: Option<&'a dyn Fn() -> bool>,
    /// Looks up the client certificate of the connection, which the proxy has seen its sender prove. A call of the
    /// proxy, and so left until a token makes it matter.
    pub certificate: Option<&'a dyn Fn() -> Option<Thumbprint>>,
}

/// A callout to send now, exactly once.
#[derive(Debug)]
pub struct Ask {
    /// Hand this back with the reply.
    pub id: AskId,
    /// What to send.
    pub callout: Callout,
}

/// What becomes of a request.
#[must_use]
pub enum Step {
    /// It is decided.
    Settle(Verdict),
    /// It waits: hold it, send what [`super::Gate::asks`] returns.
    Park,
}

/// A request that was parked and is decided now.
#[must_use]
pub struct Woken {
    /// Which one.
    pub id: RequestId,
    /// What becomes of it.
    pub verdict: Verdict,
}

/// A decision, to be carried out exactly once.
#[must_use]
pub enum Verdict {
    /// The request goes on, with its fields edited first.
    Admit {
        /// The proof that it may.
        permit: Permit,
        /// What changes on it.
        edits: HeaderEdits,
        /// What to log and count.
        note: Note,
    },
    /// The gate answers in the upstream's place.
    Refuse {
        /// What the client is told.
        response: Response,
        /// What to log and count.
        note: Note,
    },
}

impl Verdict {
    /// What to log and count.
    pub const fn note(&self) -> &Note {
        match self {
            Self::Admit { note, .. } | Self::Refuse { note, .. } => note,
        }
    }
}

/// What is to be logged and counted about a decision. Has no part of a token in it; subject and client are behind
/// [`Note::grant`] and belong in no log above debug.
#[derive(Clone)]
pub struct Note {
    /// The stable reason code.
    pub reason: &'static str,
    /// The rule that decided.
    pub rule: Option<Rc<str>>,
    /// The issuer whose token it was.
    pub issuer: Option<Rc<str>>,
    /// Why, for people; empty when the reason says it all.
    pub detail: String,
    /// The request was let through although the decision was to refuse it (`mode: observe`).
    pub observed: bool,
    /// The issuer failed us rather than the client; worth a warning.
    pub outage: bool,
    pub(super) known: Option<Rc<Known>>,
}

impl Note {
    /// The grant that the request was admitted with.
    pub fn grant(&self) -> Option<&Grant> {
        self.known.as_ref().map(|known| known.holder.grant())
    }
}

/// Something an operator may want to know that is not about one request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// An issuer's keys were fetched and are other than before.
    KeysChanged {
        /// The issuer's name.
        issuer: Rc<str>,
        /// How many usable keys there are.
        keys: usize,
        /// One sentence for each member that is of no use.
        skipped: Vec<String>,
    },
    /// An issuer's keys could not be fetched.
    KeysFailed {
        /// The issuer's name.
        issuer: Rc<str>,
        /// Why.
        why: Cow<'static, str>,
    },
    /// An issuer did not say, and what it said before was used again.
    StaleServed {
        /// The issuer's name.
        issuer: Rc<str>,
    },
    /// An issuer keeps failing: it is not asked about tokens for a while.
    CircuitOpened {
        /// The issuer's name.
        issuer: Rc<str>,
    },
    /// An issuer that kept failing answers again.
    CircuitClosed {
        /// The issuer's name.
        issuer: Rc<str>,
    },
    /// An issuer called a token active without a member that the policy wants compared, so the token was refused.
    AnswerIncomplete {
        /// The issuer's name.
        issuer: Rc<str>,
        /// The member: `aud` or `iss`.
        member: &'static str,
    },
    /// An issuer called a token active with an `iss` that is the policy's but for slashes at the end, so the token was
    /// refused.
    AnswerNearly {
        /// The issuer's name.
        issuer: Rc<str>,
        /// The policy's `issuer`.
        wanted: String,
    },
    /// An issuer was asked about a token and did not say.
    IssuerSilent {
        /// The issuer's name.
        issuer: Rc<str>,
        /// Why.
        why: Silence,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeysChanged { issuer, keys, skipped } => {
                write!(f, "issuer {issuer}: {keys} keys in use")?;
                skipped.iter().try_for_each(|why| write!(f, "; {why}"))
            }
            Self::KeysFailed { issuer, why } => {
                write!(f, "issuer {issuer}: its keys could not be fetched: {why}")
            }
            Self::StaleServed { issuer } => {
                write!(f, "issuer {issuer} does not answer: what it said before is used again")
            }
            Self::CircuitOpened { issuer } => {
                write!(f, "issuer {issuer} keeps failing: its circuit breaker is open")
            }
            Self::CircuitClosed { issuer } => {
                write!(f, "issuer {issuer} answers again: its circuit breaker is closed")
            }
            Self::AnswerIncomplete { issuer, member } => write!(
                f,
                "issuer {issuer} calls a token active and names no {member}, so the token is refused: if its answers \
                 never have {member}, write `{member}: optional` in its `introspection`"
            ),
            Self::AnswerNearly { issuer, wanted } => write!(
                f,
                "issuer {issuer} calls a token active with an iss that differs from `{wanted}` in the policy by a slash \
                 at the end alone, so the token is refused: write `issuer` as its answers have it"
            ),
            Self::IssuerSilent { issuer, why } => write!(f, "issuer {issuer} was asked about a token: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_names_its_issuer_and_says_what_happened() {
        let issuer: Rc<str> = "corp".into();
        let skipped = vec!["key 1 is too short".to_owned(), "key 2 is none".to_owned()];
        let name = || Rc::clone(&issuer);
        for (event, told) in [
            (
                Event::KeysChanged { issuer: name(), keys: 3, skipped },
                "issuer corp: 3 keys in use; key 1 is too short; key 2 is none",
            ),
            (
                Event::KeysFailed { issuer: name(), why: "no".into() },
                "issuer corp: its keys could not be fetched: no",
            ),
            (
                Event::StaleServed { issuer: name() },
                "issuer corp does not answer: what it said before is used again",
            ),
            (
                Event::CircuitOpened { issuer: name() },
                "issuer corp keeps failing: its circuit breaker is open",
            ),
            (
                Event::CircuitClosed { issuer: name() },
                "issuer corp answers again: its circuit breaker is closed",
            ),
            (
                Event::AnswerIncomplete { issuer: name(), member: "aud" },
                "issuer corp calls a token active and names no aud, so the token is refused: if its answers never have \
                 aud, write `aud: optional` in its `introspection`",
            ),
            (
                Event::IssuerSilent { issuer: name(), why: Silence::Unavailable(502) },
                "issuer corp was asked about a token: it answered 502",
            ),
        ] {
            assert_eq!(event.to_string(), told);
        }
    }
}
