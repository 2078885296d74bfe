//! What the gate asks issuers about.

use super::in_flight::Key;
use super::keys::SetNumber;
use super::memory::Inquiry;
use crate::base::digest::Digest;
use crate::token::expect::IssuerId;

/// What can be asked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) enum Topic {
    /// A key set of an issuer.
    Keys(IssuerId, SetNumber),
    /// One token, at one issuer.
    Token(IssuerId, Inquiry),
}

impl Key for Topic {
    fn issuer(self) -> IssuerId {
        match self {
            Self::Keys(issuer, _) | Self::Token(issuer, _) => issuer,
        }
    }

    fn token(self) -> Option<Digest> {
        match self {
            Self::Keys(..) => None,
            Self::Token(_, inquiry) => Some(inquiry.token),
        }
    }
}
