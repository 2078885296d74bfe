//! What is said where an issuer did not say.

use core::fmt;

/// Why an issuer's reply says nothing about the token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Silence {
    /// Not reached, too slow, or a server error: status, or 0 for no reply at all.
    Unavailable(u16),
    /// The proxy could not reach it.
    Unreached {
        /// The proxy's cluster for it.
        cluster: String,
        /// A sentence.
        why: &'static str,
    },
    /// It refused our own credentials.
    CredentialsRefused(u16),
    /// It answered something that the protocol does not have; says what.
    Misbehaved(&'static str),
    /// Its answer has this status, to which the protocol gives no meaning.
    Status(u16),
    /// A member of its answer has a wrong type or a value that cannot be; says which.
    Malformed(String),
    /// It was not asked: nobody here can sign who we are.
    Unsigned,
    /// It signed its answer, with a key that is not there (yet).
    KeysMissing,
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(0) => f.write_str("it could not be reached in time"),
            Self::Unavailable(status) => write!(f, "it answered {status}"),
            Self::Unreached { cluster, why } => write!(f, "{why}: look at the cluster {cluster:?}"),
            Self::CredentialsRefused(status) => {
                write!(
                    f,
                    "it refused our own credentials ({status}): check `client` in the issuer's `introspection`; if id \
                     and secret are right, try `method: post`, since not every server reads `basic` as RFC 6749 has it"
                )
            }
            Self::Misbehaved(what) => f.write_str(what),
            Self::Status(status) => {
                write!(f, "its answer has the status {status}, which the protocol does not have")?;
                f.write_str(match status {
                    300..=399 => ": redirects are not followed, so write the `uri` that it leads to",
                    404 | 405 => ": is the `uri` right?",
                    _ => "",
                })
            }
            Self::Malformed(member) => write!(f, "its answer's `{member}` has the wrong type or value"),
            Self::KeysMissing => f.write_str("it signed its answer, and the key for that is not there (yet)"),
            Self::Unsigned => f.write_str(
                "the client assertion cannot be signed: RSA takes a proxy that signs with this key; give `client` a \
                 key for ES256 or EdDSA, or check the RSA key",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::examples::{answers, endpoint, expect, terms};
    use super::super::{ClientAuthentication, Protocol, Word, understand};
    use super::*;
    use crate::http::message::{Answer, Reply};

    fn rfc7662() -> Protocol {
        Protocol::Rfc7662 { client: ClientAuthentication::None }
    }

    #[test]
    fn whoever_reads_the_log_is_told_what_to_look_at() {
        let odd = "which the protocol does not have";
        for (status, body, expected) in [
            (301, "", format!("its answer has the status 301, {odd}: redirects are not followed")),
            (404, "", format!("its answer has the status 404, {odd}: is the `uri` right?")),
            (418, "", format!("its answer has the status 418, {odd}")),
            (500, "no healthy upstream", "it answered 500".to_owned()),
            (
                503,
                "no healthy upstream",
                "its cluster has no healthy host: look at the cluster \"idp\"".to_owned(),
            ),
            (504, "", "no answer came in time: look at the cluster \"idp\"".to_owned()),
        ] {
            for protocol in [rfc7662(), Protocol::UserInfo] {
                let reply = Reply::Answered(Answer { status, fields: &[], body: body.as_bytes() });
                let word = understand(&endpoint(protocol.clone()), &reply, &terms(&expect(), &answers()));
                let Word::Unknown(why) = word else { panic!("{protocol:?} {status}: {word:?}") };
                assert!(why.to_string().starts_with(&expected), "{protocol:?} {status}: {why}");
            }
        }
        let fields = [("content-type", "application/json"), ("content-encoding", "gzip")];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        let reply = Reply::Answered(Answer { status: 200, fields: &fields, body: b"x" });
        let word = understand(&endpoint(rfc7662()), &reply, &terms(&expect(), &answers()));
        let compressed = Silence::Misbehaved("its answer is compressed, which nobody asked for");
        assert_eq!(word, Word::Unknown(compressed));
    }
}
