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
    /// The scheme of requests' URIs, where TLS ends before the proxy; `None` for what the proxy says.
    pub scheme: Option<&'static str>,
    /// Hosts (lower case, no port) as the proxy sees them, and scheme and authority under which clients know them.
    pub origins: Vec<(String, Uri)>,
}

impl Dpop {
    /// The URI that whoever sent `head` asked for, as far as the policy and the proxy know. Nothing that a client could
    /// choose beside the URI itself counts. `None` when there is none.
    pub fn target(&self, head: &RequestHead<'_>) -> Option<TargetUri> {
        let host = host::of_authority(head.authority)?;
        match self.origins.iter().find(|(from, _)| *from == host) {
            Some((_, origin)) => {
                TargetUri::new(origin.scheme().as_bytes(), origin.authority().as_bytes(), head.path)
            }
            None => TargetUri::new(self.scheme.map_or(head.scheme, str::as_bytes), head.authority, head.path),
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

    fn target(dpop: &Dpop, authority: &str) -> Option<String> {
        let pairs = [
            (":scheme", "http"),
            (":authority", authority),
            (":path", "/a?b"),
            ("x-forwarded-proto", "https"),
        ];
        let head = RequestHead::from_pairs(pairs.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        dpop.target(&head).map(|target| target.as_str().to_owned())
    }

    #[test]
    fn the_proxy_is_believed_unless_the_policy_knows_better() {
        let plain = dpop();
        let outside = Dpop { scheme: Some("https"), ..dpop() };
        assert_eq!(target(&plain, "Orders.example.com:80").as_deref(), Some("http://orders.example.com/a"));
        assert_eq!(target(&outside, "orders.example.com").as_deref(), Some("https://orders.example.com/a"));
        for dpop in [plain, outside] {
            assert_eq!(target(&dpop, "api.internal:8080").as_deref(), Some("https://api.example.com:8443/a"));
            assert_eq!(target(&dpop, "user@api.internal"), None);
        }
    }
}
