//! A path that is accepted leads every server to one of its readings; one that is refused is not.

use scopegate::http::path::Path;

use crate::naive;

/// Takes a request target.
pub fn run(target: &[u8]) {
    let end = target.iter().position(|byte| b"?#".contains(byte)).unwrap_or(target.len());
    let raw = &target[..end];
    let normal = Path::normalize(target);
    assert_eq!(normal.is_ok(), is_plain(raw), "{normal:?} of {}", raw.escape_ascii());
    let Ok(path) = normal else { return };

    let readings = Path::readings(target);
    let beyond = naive::cut(target, b'?').0;
    assert_eq!(readings.is_ok(), is_plain(beyond), "{readings:?} of {}", target.escape_ascii());
    if let Ok(readings) = readings {
        assert_eq!(readings.first(), &path, "the first reading is the normal form");
        assert!(readings.others().len() <= 9, "{readings:?}");
        for seen in [raw, beyond].into_iter().flat_map(seen_by_servers) {
            let reads = |path: &Path<'_>| {
                let text = path.as_str().as_bytes();
                !has_reserved_escape(text) && naive::percent(text).as_ref() == Some(&seen)
            };
            let seen = seen.escape_ascii();
            assert!(readings.iter().any(reads), "a server reads {seen}, which is not in {readings:?}");
        }
    }

    let text = path.as_str();
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\\".contains(&byte)), "{text}");
    assert_eq!(Path::normalize(text.as_bytes()), Ok(path.clone()), "normal is normal");
    assert_eq!(format!("/{}", path.segments().collect::<Vec<_>>().join("/")), text);
    assert_eq!(naive::percent(text.as_bytes()), naive::percent(raw), "the same path once it is decoded");
    for escape in text.split('%').skip(1) {
        let byte = naive::percent(format!("%{}", &escape[..2]).as_bytes()).unwrap()[0];
        assert!(!byte.is_ascii_alphanumeric() && !b"-._~/\\".contains(&byte), "{text}");
        assert!(!escape[..2].contains(char::is_lowercase), "{text}");
    }
}

/// What servers look up that decode a path first, that cut parameters off and then decode, or the other way around.
fn seen_by_servers(raw: &[u8]) -> Vec<Vec<u8>> {
    let decoded = |text: &[u8]| naive::percent(text).expect("an accepted path can be decoded");
    vec![decoded(raw), decoded(&without_parameters(raw)), without_parameters(&decoded(raw))]
}

/// Whether a character that could stand there as it is (RFC 3986 section 3.3) is escaped.
fn has_reserved_escape(text: &[u8]) -> bool {
    let escapes = text.split(|byte| *byte == b'%').skip(1);
    escapes
        .filter_map(|rest| naive::percent(&[b"%", rest.get(..2)?].concat()))
        .any(|byte| byte.iter().any(|byte| b"!$&'()*+,;=:@".contains(byte)))
}

/// Whether every server that we can think of serves the same thing for `raw`.
pub(crate) fn is_plain(raw: &[u8]) -> bool {
    let Some(decoded) = naive::percent(raw).filter(|_| raw.first() == Some(&b'/')) else { return false };
    let slashes = |text: &[u8]| text.iter().filter(|byte| **byte == b'/').count();
    slashes(raw) == slashes(&decoded)
        && !decoded.iter().any(|byte| matches!(byte, 0..=0x1f | 0x7f | b'\\'))
        && [raw, &decoded].into_iter().all(|text| {
            // Servers cut path parameters off, merge slashes and walk along the dots, each in its own order.
            let cut = without_parameters(text);
            let merged = merge_slashes(&cut);
            merged == cut
                && merge_slashes(text) == text
                && remove_dot_segments(text) == text
                && remove_dot_segments(&cut) == cut
        })
}

fn without_parameters(path: &[u8]) -> Vec<u8> {
    let names = path.split(|byte| *byte == b'/').map(|segment| naive::cut(segment, b';').0);
    names.collect::<Vec<_>>().join(&b'/')
}

fn merge_slashes(path: &[u8]) -> Vec<u8> {
    let mut merged = path.to_vec();
    merged.dedup_by(|one, other| *one == b'/' && *other == b'/');
    merged
}

/// RFC 3986 section 5.2.4, step by step.
fn remove_dot_segments(path: &[u8]) -> Vec<u8> {
    let (mut input, mut output) = (path.to_vec(), Vec::<u8>::new());
    while !input.is_empty() {
        let pop = |output: &mut Vec<u8>| {
            output.truncate(output.iter().rposition(|byte| *byte == b'/').unwrap_or(0));
        };
        if input.starts_with(b"../") {
            input.drain(..3);
        } else if input.starts_with(b"./") || input.starts_with(b"/./") {
            input.drain(..2);
        } else if input == b"/." {
            input = b"/".to_vec();
        } else if input.starts_with(b"/../") {
            input.drain(..3);
            pop(&mut output);
        } else if input == b"/.." {
            input = b"/".to_vec();
            pop(&mut output);
        } else if input == b"." || input == b".." {
            input.clear();
        } else {
            let end = input.iter().skip(1).position(|byte| *byte == b'/').map_or(input.len(), |at| at + 1);
            output.extend(input.drain(..end));
        }
    }
    output
}
