//! What the policy says of DPoP (RFC 9449).

use crate::http::head::RequestHead;
use crate::http::host;
use crate::http::target::TargetUri;
use crate::http::uri::Uri;
use crate::token::dpop::Terms;

/// How DPoP proofs are checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dpop {
    /// What each proof has to be like.
    pub terms: Terms,
    /// Whether a proof has to hold a nonce of ours (RFC 9449 section 9).
    pub nonce: bool,
    /// The scheme of requests' URIs, where TLS ends before the proxy; `None` for that of the connection.
    pub scheme: Option<&'static str>,
    /// Hosts (lower case, no port) as the proxy sees them, and scheme and authority under which clients know them.
    pub origins: Vec<(String, Uri)>,
}

impl Dpop {
    /// The URI that whoever sent `head` asked for, over `tls` or without, as far as the policy and the proxy know. `None`
    /// when there is none.
    pub fn target(&self, head: &RequestHead<'_>, tls: bool) -> Option<TargetUri> {
        let host = host::of_authority(head.authority)?;
        match self.origins.iter().find(|(from, _)| *from == host) {
            Some((_, origin)) => {
                TargetUri::new(origin.scheme().as_bytes(), origin.authority().as_bytes(), head.path)
            }
            // Not `:scheme`: a client can choose it, with X-Forwarded-Proto or by itself in HTTP/2, and with it pass a
            // proof that was overheard in the clear for one that was made for TLS.
            None => {
                let scheme = self.scheme.unwrap_or(if tls { "https" } else { "http" });
                TargetUri::new(scheme.as_bytes(), head.authority, head.path)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::jose::algorithm::Algorithms;

    fn dpop() -> Dpop {
        let terms = Terms {
            algorithms: Algorithms::ASYMMETRIC,
            lifetime: Duration::from_secs(60),
            clock_skew: Duration::ZERO,
        };
        let origin = Uri::parse("https://api.example.com:8443").unwrap();
        Dpop { terms, nonce: false, scheme: None, origins: vec![("api.internal".to_owned(), origin)] }
    }

    fn target(dpop: &Dpop, authority: &str, tls: bool) -> Option<String> {
        let pairs = [
            (":scheme", "ftp"),
            (":authority", authority),
            (":path", "/a?b"),
            ("x-forwarded-proto", "gopher"),
        ];
        let head = RequestHead::from_pairs(pairs.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        dpop.target(&head, tls).map(|target| target.as_str().to_owned())
    }

    #[test]
    fn the_connection_counts_unless_the_policy_knows_better() {
        let plain = dpop();
        let outside = Dpop { scheme: Some("https"), ..dpop() };
        for (dpop, tls, expected) in [
            (&plain, false, "http://orders.example.com:8080/a"),
            (&plain, true, "https://orders.example.com:8080/a"),
            (&outside, false, "https://orders.example.com:8080/a"),
        ] {
            assert_eq!(target(dpop, "Orders.example.com:8080", tls).as_deref(), Some(expected));
            let origin = target(dpop, "api.internal:8080", tls);
            assert_eq!(origin.as_deref(), Some("https://api.example.com:8443/a"));
            assert_eq!(target(dpop, "user@api.internal", tls), None);
        }
    }
}
