//! Asking the issuer about a token: one file a protocol.
//!
//! A reply says one of three things, and they are never taken for each other: the token is good (a grant), the token
//! is not good (a fault of the token), or we do not know (an outage).

pub mod endpoint;
mod rfc7662;

use core::fmt;

pub use endpoint::{ClientAuthentication, Endpoint, Protocol};

use super::expect::{Expect, IssuerId};
use super::fault::TokenFault;
use super::grant::Grant;
use crate::base::time::UnixTime;
use crate::http::message::{Answer, Callout, Reply};

/// The longest reply that is read, in bytes.
pub const MAX_BODY: usize = 64 * 1024;

/// What an issuer's reply comes to.
#[derive(Clone, PartialEq, Debug)]
pub enum Word {
    /// The token is good.
    Active(Box<Grant>),
    /// The token is not good.
    Refused(TokenFault),
    /// The issuer did not say.
    Unknown(Silence),
}

/// Why an issuer's reply says nothing about the token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Silence {
    /// Not reached, too slow, or a server error: status, or 0 for no reply at all.
    Unavailable(u16),
    /// It refused our own credentials.
    CredentialsRefused(u16),
    /// It answered something that the protocol does not have; says what.
    Misbehaved(&'static str),
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(0) => f.write_str("it could not be reached in time"),
            Self::Unavailable(status) => write!(f, "it answered {status}"),
            Self::CredentialsRefused(status) => {
                write!(
                    f,
                    "it refused our own credentials ({status}): check `client` in the issuer's `introspection`"
                )
            }
            Self::Misbehaved(what) => f.write_str(what),
        }
    }
}

/// The question to `endpoint` about `token`.
pub fn question(endpoint: &Endpoint, token: &[u8]) -> Callout {
    match endpoint.protocol {
        Protocol::Rfc7662 => rfc7662::question(endpoint, token),
    }
}

/// What `reply` to a question about a token of `issuer` says at `now`.
pub fn understand(
    endpoint: &Endpoint,
    reply: &Reply<'_>,
    issuer: IssuerId,
    expect: &Expect,
    now: UnixTime,
) -> Word {
    let answer = match reply {
        Reply::Failed => return Word::Unknown(Silence::Unavailable(0)),
        Reply::Answered(answer) => answer,
    };
    // Whatever a protocol makes of it: a server that fails, or wants to be left alone, says nothing about the token.
    if answer.status >= 500 || answer.status == 429 {
        return Word::Unknown(Silence::Unavailable(answer.status));
    }
    if answer.body.len() > MAX_BODY {
        return Word::Unknown(Silence::Misbehaved("its answer is longer than 64 KiB"));
    }
    let word = match endpoint.protocol {
        Protocol::Rfc7662 => rfc7662::understand(answer, issuer, expect, now),
    };
    word.unwrap_or_else(Word::Unknown)
}

/// The JSON object in an answer with status 200.
fn json_body(answer: &Answer<'_>) -> Result<crate::base::json::Object, Silence> {
    match answer.status {
        200 => {}
        status @ (401 | 403) => return Err(Silence::CredentialsRefused(status)),
        _ => return Err(Silence::Misbehaved("its answer has a status that the protocol does not have")),
    }
    if answer.media_type().as_deref() != Some("application/json") {
        return Err(Silence::Misbehaved("its answer is not declared as application/json"));
    }
    crate::base::json::object(answer.body).map_err(|_| Silence::Misbehaved("its answer is not a JSON object"))
}
