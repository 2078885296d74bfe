//! What the engine does most, each by itself.

use std::path::Path;
use std::rc::Rc;

use scopegate::base::time::UnixTime;
use scopegate::config;
use scopegate::filter::host::{CallToken, CalloutReply, ContextId, Host, HostFault, Level};
use scopegate::filter::pairs::{self, Block};
use scopegate::filter::skin::{Hold, Skin};
use scopegate::gate::{Facts, Gate, RequestId, Step, Verdict};
use scopegate::http::head::RequestHead;
use scopegate::http::message::{Callout, HeaderEdits, Response};
use scopegate::http::path;
use scopegate::jose::algorithm::{Algorithm, Algorithms};
use scopegate::jose::backend::{Accelerator, NoAccelerator};
use scopegate::jose::hash::HashName;
use scopegate::jose::jws::Unverified;
use scopegate::jose::key_set::{KeySet, Origin};
use scopegate::jose::verify::verify;
use scopegate::policy::authorize::authorize;
use scopegate::policy::{Policy, Target};
use scopegate::token::binding::Sender;
use scopegate::token::expect::IssuerId;
use scopegate::token::jwt::{self, Rest};

use crate::cast::ALGORITHMS;
use crate::material::{Material, NOW};
use crate::policy::{policy, ruled_path};

/// How often each case is done.
pub(crate) const TIMES: u64 = 20;

/// The cases that count the lookup of a rule; the last of so many matches.
const RULES: [usize; 2] = [10, 10_000];

/// The other cases. `around-` counts what is done around a signature that somebody else verifies.
const OTHERS: [&str; 11] = [
    "parse",
    "scope-check",
    "remembered",
    "request",
    "first-sight",
    "around-rs256",
    "around-es256",
    "around-expired",
    "around-forged",
    "refuse-garbage",
    "refuse-scope",
];

/// What there is to count.
pub(crate) fn names() -> Vec<String> {
    let verify = ALGORITHMS.iter().map(|algorithm| format!("verify-{}", algorithm.name().to_lowercase()));
    let rules = RULES.iter().map(|rules| format!("rule-lookup-{rules}"));
    OTHERS.into_iter().map(str::to_owned).chain(verify).chain(rules).collect()
}

/// Prepares the case `name` with the material in `file`, and does it.
pub(crate) fn run(name: &str, file: &str) -> Result<(), String> {
    let material = Material::read(Path::new(file))?;
    let mut work = work(name, &material)?;
    // What is done only once does not count.
    work(0)?;
    measured_part(&mut work)
}

/// A case: does it for the time of this number.
type Work = Box<dyn FnMut(u64) -> Result<(), String>>;

/// What callgrind counts, found by its name.
#[inline(never)]
fn measured_part(work: &mut Work) -> Result<(), String> {
    for time in 1..=TIMES {
        work(time)?;
    }
    Ok(())
}

fn work(name: &str, material: &Material) -> Result<Work, String> {
    if let Some(algorithm) = name.strip_prefix("verify-") {
        let named = |one: &&Algorithm| one.name().eq_ignore_ascii_case(algorithm);
        let algorithm = ALGORITHMS.iter().find(named).ok_or("no such algorithm")?;
        return verifying(material, *algorithm);
    }
    if let Some(rules) = name.strip_prefix("rule-lookup-") {
        return finding(material, rules.parse().map_err(|_| "not a number of rules")?);
    }
    let es256 = || material.tokens(Algorithm::Es256);
    let remembering = Setting { material, cached_tokens: 100, host: Rc::new(NoAccelerator) };
    match name {
        "parse" => parsing(es256()),
        "scope-check" => checking_scope(material, es256()),
        "remembered" => judging(&remembering, es256().into_iter().take(1).collect(), None),
        "request" => serving(material, pick(&es256(), 0)?),
        "first-sight" => judging(&Setting { cached_tokens: 0, ..remembering }, es256(), None),
        "around-rs256" => judging(&Setting::hosted(material), material.tokens(Algorithm::Rs256), None),
        "around-es256" => judging(&Setting::hosted(material), es256(), None),
        "around-expired" => judging(&Setting::hosted(material), vec![material.expired()], Some(401)),
        "around-forged" => {
            let deaf = Setting { host: Rc::new(Signatures(false)), ..remembering };
            judging(&deaf, material.tokens(Algorithm::Rs256), Some(401))
        }
        "refuse-garbage" => judging(&remembering, vec!["garbage.of.no-use".to_owned()], Some(401)),
        "refuse-scope" => judging(&remembering, vec![material.insufficient()], Some(403)),
        _ => Err(format!("there is no case {name}")),
    }
}

fn parsing(tokens: Vec<String>) -> Result<Work, String> {
    Ok(Box::new(move |time| {
        let jws = Unverified::parse(pick(&tokens, time)?.as_bytes()).map_err(|fault| fault.to_string())?;
        std::hint::black_box(&jws);
        Ok(())
    }))
}

/// The signature alone, and the claims read.
fn verifying(material: &Material, algorithm: Algorithm) -> Result<Work, String> {
    let keys = keys(material)?;
    let tokens = material.tokens(algorithm);
    Ok(Box::new(move |time| {
        let jws = Unverified::parse(pick(&tokens, time)?.as_bytes()).map_err(|fault| fault.to_string())?;
        let verified = verify(jws, &keys, Algorithms::of([algorithm]), &NoAccelerator);
        verified.map(drop).map_err(|fault| fault.to_string())
    }))
}

fn finding(material: &Material, rules: usize) -> Result<Work, String> {
    let policy = compiled(material, 100, rules)?;
    let target = ruled_path(rules);
    Ok(Box::new(move |_| {
        let path = path::Path::normalize(target.as_bytes()).map_err(|_| "the path is ambiguous")?;
        let target = Target { host: Some("api.example.com"), method: b"GET", path: Some(&path), route: None };
        policy.rules.find(std::hint::black_box(&target)).map(|_| ()).ok_or_else(|| "no rule".to_owned())
    }))
}

fn checking_scope(material: &Material, tokens: Vec<String>) -> Result<Work, String> {
    let policy = compiled(material, 100, 1)?;
    let keys = keys(material)?;
    let jws = Unverified::parse(pick(&tokens, 0)?.as_bytes()).map_err(|fault| fault.to_string())?;
    let verified =
        verify(jws, &keys, Algorithms::ASYMMETRIC, &NoAccelerator).map_err(|fault| fault.to_string())?;
    let issuer = policy.issuer(IssuerId(0)).ok_or("no issuer")?;
    let grant = jwt::accept(verified, IssuerId(0), &issuer.expect, Rest::Nobody, now())
        .map_err(|fault| format!("the token was not accepted: {fault}"))?;
    let (holder, sender) = (policy.holder(grant), Sender::default());
    Ok(Box::new(move |_| {
        let rule = policy.rules.iter().next().ok_or("no rule")?;
        let permit = authorize(std::hint::black_box(rule), &holder, &sender, now());
        permit.map(drop).map_err(|_| "the scope was not enough".to_owned())
    }))
}

/// A host that finds every signature good, or every one bad, and takes no time.
struct Signatures(bool);

impl Accelerator for Signatures {
    fn verify(&self, _: HashName, _: &[u8], _: &[u8], _: &[u8]) -> Option<bool> {
        Some(self.0)
    }
}

/// The gate that judges.
struct Setting<'m> {
    material: &'m Material,
    cached_tokens: usize,
    host: Rc<dyn Accelerator>,
}

impl<'m> Setting<'m> {
    /// With a host that verifies, and a memory that is full soon: each new token drives out an old one.
    fn hosted(material: &'m Material) -> Self {
        Self { material, cached_tokens: 4, host: Rc::new(Signatures(true)) }
    }
}

/// A whole request, from its head to the verdict. `refusal` is the status that has to come of it.
fn judging(setting: &Setting<'_>, tokens: Vec<String>, refusal: Option<u16>) -> Result<Work, String> {
    let policy = compiled(setting.material, setting.cached_tokens, 1)?;
    let mut gate = Gate::new(Rc::new(policy), [7; 16], Rc::clone(&setting.host));
    let headers: Vec<_> = tokens.iter().map(|token| format!("Bearer {token}")).collect();
    Ok(Box::new(move |time| {
        let fields = plain_fields().into_iter().chain([("authorization", pick(&headers, time)?)]);
        let head = RequestHead::from_pairs(fields.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        let status = match gate.open(RequestId(1), &head, &Facts::default(), now()) {
            Step::Settle(Verdict::Admit { .. }) => None,
            Step::Settle(Verdict::Refuse { response, .. }) => Some(response.status),
            Step::Park => return Err("the request was parked".to_owned()),
        };
        if status == refusal { Ok(()) } else { Err(format!("the verdict is {status:?}, not {refusal:?}")) }
    }))
}

/// As `remembered`, with all that the filter does around it but the proxy's own part.
fn serving(material: &Material, token: &str) -> Result<Work, String> {
    let policy = compiled(material, 100, 1)?;
    let gate = Gate::new(Rc::new(policy), [7; 16], Rc::new(NoAccelerator));
    let bearer = format!("Bearer {token}");
    let mut fields = plain_fields().to_vec();
    fields.push(("authorization", &bearer));
    let skin = Skin::new(Idle { fields: pairs::write(&fields) }, 1, gate);
    Ok(Box::new(move |_| match skin.request(2) {
        Hold::Release => {
            skin.gone(2);
            Ok(())
        }
        Hold::Keep => Err("the request was held back".to_owned()),
    }))
}

/// A proxy that does nothing.
struct Idle {
    fields: Vec<u8>,
}

impl Host for Idle {
    type Fields = Block;

    fn now(&self) -> UnixTime {
        now()
    }

    fn log(&self, _level: Level, _line: &str) {}

    fn logs(&self, _level: Level) -> bool {
        false
    }

    fn request_fields(&self) -> Result<Block, HostFault> {
        Ok(Block::new(self.fields.clone()))
    }

    fn request_trailers(&self) -> Result<Block, HostFault> {
        Ok(Block::new(Vec::new()))
    }

    fn remove_trailer(&self, _name: &str) -> Result<(), HostFault> {
        Ok(())
    }

    fn route(&self) -> Option<Vec<u8>> {
        None
    }

    fn rule_of_route(&self) -> Option<Vec<u8>> {
        None
    }

    fn is_tls(&self) -> bool {
        false
    }

    fn client_certificate(&self) -> Option<[u8; 32]> {
        None
    }

    fn origin(&self) -> Option<Vec<u8>> {
        None
    }

    fn publish(&self, _name: &str, _value: &str) {}

    fn edit(&self, edits: &HeaderEdits) -> Result<(), HostFault> {
        std::hint::black_box(edits);
        Ok(())
    }

    fn resume(&self) -> Result<(), HostFault> {
        Ok(())
    }

    fn respond(&self, _response: &Response, _details: &str) -> Result<(), HostFault> {
        Ok(())
    }

    fn select(&self, _context: ContextId) -> Result<(), HostFault> {
        Ok(())
    }

    fn call(&self, _callout: &Callout) -> Result<CallToken, HostFault> {
        Err(HostFault { call: "call", status: 1 })
    }

    fn reply(&self, _longest: usize) -> Option<CalloutReply> {
        None
    }

    fn wake_root(&self) {}

    fn tick_every(&self, _milliseconds: u32) {}

    fn count(&self, _name: &str, _by: u64) {}

    fn gauge(&self, _name: &str, _value: u64) {}
}

/// What stands in every request.
const fn plain_fields() -> [(&'static str, &'static str); 6] {
    [
        (":method", "GET"),
        (":authority", "api.example.com"),
        (":path", "/orders/1"),
        (":scheme", "https"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        ("accept", "application/json"),
    ]
}

fn now() -> UnixTime {
    UnixTime::from_secs(NOW)
}

fn pick(texts: &[String], time: u64) -> Result<&str, String> {
    let place = usize::try_from(time).unwrap_or(0) % texts.len().max(1);
    texts.get(place).map(String::as_str).ok_or_else(|| "no tokens".to_owned())
}

fn keys(material: &Material) -> Result<KeySet, String> {
    let document = material.key_set().as_object().ok_or("no keys")?;
    KeySet::parse(document, Origin::Inline).map(|(keys, _)| keys).map_err(|fault| format!("{fault:?}"))
}

fn compiled(material: &Material, cached_tokens: usize, rules: usize) -> Result<Policy, String> {
    config::compile(&policy(material.key_set(), cached_tokens, rules), &|_| None)
        .map_err(|problems| problems.iter().map(|problem| format!("{problem}\n")).collect())
}
