//! `cors`: which pages of other origins may read what scopegate itself answers.

use core::time::Duration;

use crate::document::values::{duration, texts};
use crate::document::{Members, Node};
use crate::http::characters::is_token;
use crate::http::message::FieldValue;
use crate::policy::{Cors, Origins};

const ORIGIN: &str =
    "the origin as browsers send it, scheme and host in lower case, like https://app.example.com";

/// What `Origin` is for pages of any origin.
const ANY: &str = "*";

/// What scopegate answers with besides fields that pages always may read.
const EXPOSED: &[&str] = &["www-authenticate", "dpop-nonce", "retry-after"];

/// As long as the metadata itself may be kept.
const MAX_AGE: Duration = Duration::from_secs(3600);

/// Who may read the answers of `policy`; `None` where it does not say.
pub(super) fn cors(policy: &Members<'_>) -> Option<Cors> {
    let members = policy.get("cors")?.members(&["origins", "allow_credentials", "expose", "max_age"])?;
    let origins = members.need("origins", "a list of origins, or [\"*\"] for any");
    let credentials = members.get("allow_credentials");
    let allow_credentials = credentials.as_ref().and_then(Node::flag).unwrap_or_default();
    let origins = origins.as_ref().and_then(read);
    if let Some(node) = credentials.filter(|_| allow_credentials && origins == Some(Origins::Any)) {
        node.refuse("goes with no `*`: any page could use its visitor's cookies", "list the origins");
    }
    let expose = members.get("expose").map_or_else(|| names(EXPOSED), |node| expose(&node));
    let max_age = members.get("max_age").map_or(Some(MAX_AGE), |node| max_age(&node));
    Some(Cors { origins: origins?, allow_credentials, expose, max_age: max_age? })
}

fn read(node: &Node<'_>) -> Option<Origins> {
    let entries = texts(node)?;
    if let [(_, ANY)] = entries.as_slice() {
        return Some(Origins::Any);
    }
    for (node, text) in &entries {
        match *text {
            ANY => node.refuse("makes its neighbours useless", "write it alone, or leave it out"),
            "null" => node.refuse(
                "is what pages without an origin of their own send, and any page can make one",
                "write the page's real origin, or [\"*\"] alone if any page may read these answers",
            ),
            text if !is_origin(text) => node.refuse("is not an origin", format!("write {ORIGIN}")),
            _ => {}
        }
    }
    Some(Origins::These(entries.into_iter().map(|(_, text)| text.to_owned()).collect()))
}

/// Whether a browser can send `text` as an origin: scheme, host, and a port that is not the scheme's own (RFC 6454
/// section 6.2), in lower case. Schemes of applications are origins like any other.
fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        Some(_) | None => (authority, None),
    };
    let is_own = matches!((scheme, port), ("https", Some("443")) | ("http", Some("80")));
    let is_number = |port: &str| port.parse::<u16>().is_ok() && !port.starts_with(['0', '+']);
    let in_scheme = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte);
    let in_host = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._[]:".contains(&byte);
    scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(in_scheme)
        && !host.is_empty()
        && host.bytes().all(in_host)
        && (host.starts_with('[') || !host.contains(':'))
        && port.is_none_or(is_number)
        && !is_own
}

fn expose(node: &Node<'_>) -> FieldValue {
    let given = node.items("a list of header names").unwrap_or_default();
    let mut exposed = Vec::new();
    for item in &given {
        let Some(name) = item.text("the name of a header") else { continue };
        if is_token(name) {
            exposed.push(name);
        } else {
            item.refuse("is not a header name", "write the name of a header, like x-request-id");
        }
    }
    names(&exposed)
}

fn names(names: &[&str]) -> FieldValue {
    FieldValue::lossy(&names.join(", "))
}

/// Browsers keep nothing for longer than a day.
fn max_age(node: &Node<'_>) -> Option<Duration> {
    const MOST: Duration = Duration::from_secs(24 * 3600);
    let max_age = duration(node)?;
    if max_age > MOST {
        node.refuse("is longer than browsers remember", "write at most 24h");
        return None;
    }
    Some(max_age)
}

#[cfg(test)]
mod tests {
    use super::is_origin;

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for origin in [
            "https://app.example.com",
            "http://localhost:3000",
            "https://app.example.com:8443",
            "http://127.0.0.1",
            "http://[::1]:8080",
            "https://[2001:db8::1]",
            "https://xn--bcher-kva.example",
            "capacitor://localhost",
            "chrome-extension://abcdefghijklmnop",
        ] {
            assert!(is_origin(origin), "{origin}");
        }
        for other in [
            "app.example.com",
            "https://",
            "https://app.example.com/",
            "https://app.example.com/x",
            "https://App.example.com",
            "HTTPS://app.example.com",
            "https://app.example.com:443",
            "http://app.example.com:80",
            "https://app.example.com:",
            "https://app.example.com:08443",
            "https://app.example.com:99999",
            "https://*.example.com",
            "https://user@app.example.com",
            "https://b\u{fc}cher.example",
            "https://a.test https://b.test",
            "https://a:b:1",
        ] {
            assert!(!is_origin(other), "{other}");
        }
    }
}
