//! A request whose host some proxy or server takes for that of another rule is refused.

use std::rc::Rc;

use scopegate::base::time::UnixTime;
use scopegate::config;
use scopegate::gate::{Facts, Gate, RequestId, Step};
use scopegate::http::head::RequestHead;
use scopegate::jose::backend::NoAccelerator;

use crate::naive;

/// Each outcome tells its rule: `anonymous` for the one host, `rule_denied` for those below, else `unmatched`.
const RULES: &str = r#"
    {"name": "www", "match": {"hosts": ["www.example.com"]}, "access": "anonymous"},
    {"name": "address", "match": {"hosts": ["[::1]"]}, "access": "anonymous"},
    {"name": "below", "match": {"hosts": ["*.example.com"]}, "access": "deny"}"#;

/// Takes an authority, after one byte: an even one for a proxy that counts ports, an odd one for one that ignores them.
pub fn run(input: &[u8]) {
    let Some((how, authority)) = input.split_first() else { return };
    let ignores_ports = how % 2 == 1;
    let section = if ignores_ports { r#", "authority": {"ports": "any"}"# } else { "" };
    let policy = format!("{{\"rules\": [{RULES}]{section}}}");
    let policy = config::read_json(policy.as_bytes()).expect("JSON");
    let policy = config::compile(&policy, &|_| None).expect("a good policy");
    let mut gate = Gate::new(Rc::new(policy), [7; 16], Rc::new(NoAccelerator));
    let head = RequestHead::from_pairs([
        (&b":method"[..], &b"GET"[..]),
        (b":authority", authority),
        (b":path", b"/"),
    ]);
    let step = gate.open(RequestId(1), &head, &Facts::default(), UnixTime::from_secs(0));
    let Step::Settle(verdict) = step else { panic!("a request without a token waits") };
    let reason = verdict.note().reason;

    let plain = |host: &[u8]| host.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(byte));
    if !authority.is_empty() && plain(authority) && !authority.ends_with(b".") {
        assert_eq!(reason, rule(authority), "a plain host is judged: {}", authority.escape_ascii());
    }
    let readings = readings(authority, ignores_ports);
    if reason == "authority_ambiguous" {
        let [first, others @ ..] = readings.as_slice() else { return };
        let differ = others.iter().any(|other| rule(other) != rule(first));
        return assert!(differ || !is_ordinary(authority), "{} is ordinary", authority.escape_ascii());
    }
    for read in readings {
        let shown = (authority.escape_ascii(), read.escape_ascii());
        assert_eq!(rule(&read), reason, "{} may be read as {}", shown.0, shown.1);
    }
}

/// Whether this is a name or an address as clients write them, with or without a port.
fn is_ordinary(authority: &[u8]) -> bool {
    let colon = authority.iter().rposition(|byte| *byte == b':').filter(|_| !authority.ends_with(b"]"));
    let (host, port) = authority.split_at(colon.unwrap_or(authority.len()));
    let label = |label: &[u8]| {
        !label.is_empty() && label.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
    };
    let number = core::str::from_utf8(port).ok().and_then(|port| port.strip_prefix(':')?.parse::<u16>().ok());
    // Not `:03`, which is another text than `:3` for a proxy, and is not ignored.
    let is_usual = number.is_some_and(|number| number > 0 && format!(":{number}").as_bytes() == port);
    (host == b"[::1]" || host.split(|byte| *byte == b'.').all(label)) && (port.is_empty() || is_usual)
}

/// The rule for a host, as a virtual host with the same domains would be chosen.
fn rule(host: &[u8]) -> &'static str {
    let host = host.to_ascii_lowercase();
    if host == b"www.example.com" || host == b"[::1]" {
        "anonymous"
    } else if host.len() > ".example.com".len() && host.ends_with(b".example.com") {
        "rule_denied"
    } else {
        "unmatched"
    }
}

/// What proxies and servers that we can think of take for the host, each after its own fashion.
fn readings(authority: &[u8], ignores_ports: bool) -> Vec<Vec<u8>> {
    let whole = authority.to_vec();
    // Envoy's ignore_port_in_host_matching, and its strip_any_host_port.
    let mut all = vec![without_port(&whole, false), without_port(&whole, true)];
    if !ignores_ports {
        all.push(whole);
    }
    let each = |all: &mut Vec<Vec<u8>>, read: fn(&[u8]) -> Option<Vec<u8>>| {
        let more: Vec<_> = all.iter().filter_map(|text| read(text)).collect();
        all.extend(more);
    };
    // Two fields, which Envoy joins.
    each(&mut all, |text| Some(naive::cut(text, b',').0.to_vec()));
    each(&mut all, |text| text.rsplit(|byte| *byte == b',').next().map(|last| last.trim_ascii().to_vec()));
    each(&mut all, |text| text.strip_suffix(b".").map(<[u8]>::to_vec));
    each(&mut all, |text| naive::cut(text, b'@').1.map(<[u8]>::to_vec));
    each(&mut all, |text| text.rsplit(|byte| *byte == b'@').next().map(<[u8]>::to_vec));
    each(&mut all, |text| (!text.starts_with(b"[")).then(|| naive::cut(text, b':').0.to_vec()));
    each(&mut all, naive::percent);
    each(&mut all, |text| text.strip_suffix(b".").map(<[u8]>::to_vec));
    all
}

/// `text` up to its last colon outside brackets; with `numbers` only where digits follow.
fn without_port(text: &[u8], numbers: bool) -> Vec<u8> {
    let colon = text.iter().rposition(|byte| *byte == b':');
    let bracket = text.iter().rposition(|byte| *byte == b']');
    match colon.filter(|colon| bracket.is_none_or(|bracket| bracket < *colon)) {
        Some(colon) => {
            let port = &text[colon + 1..];
            let is_number = !port.is_empty() && port.iter().all(u8::is_ascii_digit);
            if is_number || !numbers { text[..colon].to_vec() } else { text.to_vec() }
        }
        None => text.to_vec(),
    }
}
