//! The field in which a proxy tells the next one whom it speaks for: `x-forwarded-client-cert`, Envoy's own; no RFC has
//! it. Elements stand between commas, pairs of a key and a value between semicolons, values may be quoted.

use crate::base::hex;

/// The field's name.
pub const FIELD: &[u8] = b"x-forwarded-client-cert";

/// The SHA-256 of the client certificate that the field's `values` tell of (`Hash`). `None` unless there is one value
/// with one element with one `Hash`: proxies write names out of a client's certificate into their element without
/// quotes, so whoever chooses these could add an element, or a `Hash`, but take none away.
pub fn digest<'h>(mut values: impl Iterator<Item = &'h [u8]>) -> Option<[u8; 32]> {
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let mut rest = Some(value.trim_ascii());
    let mut found = None;
    while let Some(text) = rest {
        let pair = Pair::read(text)?;
        if pair.key.eq_ignore_ascii_case(b"hash") && found.replace(hex::decode(pair.value)?).is_some() {
            return None;
        }
        rest = pair.after;
    }
    found
}

/// A key and its value, without the quotes, and what follows their semicolon.
struct Pair<'h> {
    key: &'h [u8],
    value: &'h [u8],
    after: Option<&'h [u8]>,
}

impl<'h> Pair<'h> {
    /// The pair with which `text` begins; `None` where there is none, or another element behind it.
    fn read(text: &'h [u8]) -> Option<Self> {
        let (key, text) = split(text, text.iter().position(|byte| *byte == b'=')?)?;
        if key.is_empty() || !key.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        let (value, text) = match text.strip_prefix(b"\"") {
            Some(quoted) => split(quoted, closing_quote(quoted)?)?,
            None => {
                let ends = |byte: &u8| matches!(byte, b';' | b',' | b'"');
                text.split_at_checked(text.iter().position(ends).unwrap_or(text.len()))?
            }
        };
        match text.split_first() {
            None => Some(Self { key, value, after: None }),
            Some((b';', after)) => Some(Self { key, value, after: Some(after) }),
            Some(_) => None,
        }
    }
}

/// The place of the quote that ends a quoted value; a backslash takes the meaning of the byte behind it.
fn closing_quote(quoted: &[u8]) -> Option<usize> {
    let mut escaped = false;
    quoted.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    })
}

/// What stands before and behind the byte `at`.
fn split(text: &[u8], at: usize) -> Option<(&[u8], &[u8])> {
    Some((text.get(..at)?, text.get(at + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688";

    fn read(value: &str) -> Option<[u8; 32]> {
        digest([value.as_bytes()].into_iter())
    }

    #[test]
    fn the_hash_is_found_wherever_it_stands() {
        let ours = hex::decode(OURS.as_bytes());
        assert!(ours.is_some());
        for value in [
            format!("Hash={OURS}"),
            format!("hash={}", OURS.to_uppercase()),
            format!(" Hash=\"{OURS}\" "),
            format!("By=http://frontend.lyft.com;Hash={OURS};Subject=\"/C=US/ST=CA, L=SF;x\";URI=http://t"),
            format!("Subject=\"CN=\\\"a\\\\\";Hash={OURS};URI=;DNS=a.example"),
            format!("By=spiffe://x;Subject=\"CN=a, O=\\\",Hash={}\\\"\";Hash={OURS}", "0".repeat(64)),
        ] {
            assert_eq!(read(&value), ours, "{value}");
        }
    }

    #[test]
    fn more_than_one_certificate_is_none() {
        let other = "0".repeat(64);
        for value in [
            format!("Hash={OURS},Hash={other}"),
            format!("Hash={OURS},By=x"),
            format!("By=x,Hash={OURS}"),
            format!("Hash={OURS},"),
            format!(",Hash={OURS}"),
            format!("Hash={OURS};Hash={other}"),
            format!("Hash={OURS};Hash={OURS}"),
            // What a certificate with such a name makes of the element of a proxy that does not quote it.
            format!("Hash={OURS};URI=spiffe://a,Hash={other}"),
            format!("Hash={OURS};URI=spiffe://a;Hash={other}"),
            format!("Hash={OURS};Subject=\"a\";Hash={other};X=\"\""),
        ] {
            assert_eq!(read(&value), None, "{value}");
        }
        let twice = [format!("Hash={OURS}"), format!("Hash={OURS}")];
        assert_eq!(digest(twice.iter().map(String::as_bytes)), None);
        assert_eq!(digest([].into_iter()), None);
    }

    #[test]
    fn what_is_malformed_tells_nothing() {
        for value in [
            String::new(),
            OURS.to_owned(),
            "Hash".to_owned(),
            "Hash=".to_owned(),
            format!("Hash={}", OURS.replacen('4', "", 1)),
            format!("Hash={OURS}0"),
            format!("Hash={OURS};"),
            format!("Hash={OURS};;By=a"),
            format!("Hash={OURS};By"),
            format!("Hash={OURS};=a"),
            format!("Hash ={OURS}"),
            format!("Hash= {OURS}"),
            format!("Hash=\"{OURS}"),
            format!("Hash=\"{OURS}\"x"),
            format!("Hash={OURS}\""),
            format!("Hash=\"{OURS}\\\""),
            format!("Hash={OURS};Subject=\"a"),
            format!("Hash={OURS};Subject=\"a\\\""),
            format!("Subject=a\"b\";Hash={OURS}"),
            "Hash=zz".repeat(32),
        ] {
            assert_eq!(read(&value), None, "{value}");
        }
    }

    #[test]
    fn no_bytes_panic() {
        let value = format!("By=\"\\\"\\\\\";Hash={OURS},Hash=\"{OURS}\";=\u{e9}").into_bytes();
        for start in 0..value.len() {
            for end in start..=value.len() {
                drop(digest([&value[start..end]].into_iter()).map(Vec::from));
            }
        }
    }
}
