//! `application/x-www-form-urlencoded`, strict where we write and tolerant where we only look.

use super::characters::is_unreserved;

/// Appends `name=value` to `body`, everything but unreserved characters escaped (RFC 6749 appendix B).
pub fn append(body: &mut String, name: &str, value: &[u8]) {
    if !body.is_empty() {
        body.push('&');
    }
    encode_into(body, name.as_bytes());
    body.push('=');
    encode_into(body, value);
}

/// `text` with everything but unreserved characters escaped.
pub fn encode(text: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len() + 8);
    encode_into(&mut encoded, text);
    encoded
}

/// `target` as text: bytes that a URI cannot hold are escaped, which changes the meaning of none (RFC 3986 section 2.1).
pub fn target_text(target: &[u8]) -> String {
    let mut text = String::with_capacity(target.len());
    for byte in target {
        if byte.is_ascii_graphic() {
            text.push(char::from(*byte));
        } else {
            encode_into(&mut text, &[*byte]);
        }
    }
    text
}

fn encode_into(out: &mut String, bytes: &[u8]) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |value: u8| HEX.get(usize::from(value)).copied().unwrap_or('0');
    for byte in bytes.iter().copied() {
        if is_unreserved(byte) {
            out.push(char::from(byte));
        } else {
            out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

/// The decoded values of every parameter called `name` in a target's query. Names are decoded before they are
/// compared: the server behind us decodes them too.
pub fn query_values(target: &[u8], name: &[u8]) -> Vec<Vec<u8>> {
    pairs(query(target)).filter(|(found, _)| decode(found) == name).map(|(_, value)| decode(value)).collect()
}

/// `target` without the query parameters of names, decoded, for which `is_ours`. Some servers end a parameter at a `;` too
/// (HTML 4.01 appendix B.2.2): there one that is ours is taken out of another one's value.
pub fn without(target: &[u8], is_ours: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let Some(start) = target.iter().position(|byte| *byte == b'?') else { return target.to_vec() };
    let is_ours = |pair: &[u8]| is_ours(&decode(split(pair).0));
    let others = query(target).split(|byte| *byte == b'&').filter(|pair| !is_ours(pair));
    let kept: Vec<Vec<u8>> = others
        .map(|pair| {
            let parts = pair.split(|byte| *byte == b';').filter(|part| !is_ours(part));
            parts.collect::<Vec<_>>().join(&b';')
        })
        .collect();
    let mut out = target.get(..start).unwrap_or_default().to_vec();
    if !kept.is_empty() {
        out.push(b'?');
        out.extend(kept.join(&b'&'));
    }
    out
}

fn query(target: &[u8]) -> &[u8] {
    let end = target.iter().position(|byte| *byte == b'#').unwrap_or(target.len());
    let target = target.get(..end).unwrap_or_default();
    let start = target.iter().position(|byte| *byte == b'?');
    start.and_then(|start| target.get(start + 1..)).unwrap_or_default()
}

fn pairs(query: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    query.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(split)
}

fn split(pair: &[u8]) -> (&[u8], &[u8]) {
    let equals = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
    (pair.get(..equals).unwrap_or_default(), pair.get(equals + 1..).unwrap_or_default())
}

/// `text` as a server decodes it: escapes and `+`, and what is no escape as it stands.
pub fn decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        let digit = |at: usize| after.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        rest = match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                after.get(2..).unwrap_or_default()
            }
            (b'+', ..) => {
                out.push(b' ');
                after
            }
            _ => {
                out.push(*byte);
                after
            }
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unreserved_characters_stay() {
        let mut body = String::new();
        append(&mut body, "token", b"a+b/c=&d~");
        append(&mut body, "hint", b"x\xff ");
        assert_eq!(body, "token=a%2Bb%2Fc%3D%26d~&hint=x%FF%20");
    }

    #[test]
    fn a_parameter_is_found_in_every_spelling() {
        assert_eq!(query_values(b"/p?a=1&access_token=x.y&b", b"access_token"), [b"x.y"]);
        assert_eq!(query_values(b"/p?access%5Ftoken=%78&access_token=y", b"access_token"), [b"x", b"y"]);
        assert_eq!(query_values(b"/p?my+token=a+b%2Bc%zz%4", b"my token"), [b"a b+c%zz%4"]);
        assert!(query_values(b"/access_token=x#?access_token=y", b"access_token").is_empty());
    }

    #[test]
    fn a_target_becomes_text_whatever_its_bytes() {
        assert_eq!(target_text(b"/a%20b?c=\xff d"), "/a%20b?c=%FF%20d");
    }

    #[test]
    fn the_other_parameters_stay() {
        let without = |target| without(target, |name| name == b"access_token");
        assert_eq!(without(b"/p?a=1&access_token=x&b=2"), b"/p?a=1&b=2");
        assert_eq!(without(b"/p?access_token=x"), b"/p");
        assert_eq!(without(b"/p"), b"/p");
        assert_eq!(without(b"/p?a=1;access_token=x;b&c=;&access_token=x;d"), b"/p?a=1;b&c=;");
    }
}
