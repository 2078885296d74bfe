//! What is measured: requests, what has to come of them, and who gets them.

use kit::client::Request;
use scopegate::jose::algorithm::Algorithm;

use crate::cast::{ALGORITHMS, Cast, forged};
use crate::goals::{KNOWN, REMEMBERED};
use crate::guard::Guard;
use crate::policy::{IDENTITY, RULES, ruled_path};
use crate::sides::PROBE;

/// The proxy that a path is measured on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Proxy {
    /// One worker, with a core for itself.
    Alone,
    /// So many workers, which share all cores with each other and with the load.
    Shared(usize),
}

impl Proxy {
    pub(crate) const fn workers(self) -> usize {
        match self {
            Self::Alone => 1,
            Self::Shared(workers) => workers,
        }
    }
}

/// One kind of request.
pub(crate) struct Path {
    pub(crate) name: String,
    pub(crate) what: String,
    pub(crate) proxy: Proxy,
    /// Who gets the requests, besides the listener without filters.
    pub(crate) guards: Vec<Guard>,
    /// What a guard answers with; nothing where it admits.
    refusal: Option<u16>,
    tokens: Tokens,
    target: String,
    headers: usize,
}

/// What the requests of a path carry.
#[derive(Clone, Copy)]
enum Tokens {
    /// One good token, which is remembered.
    Remembered,
    /// So many good tokens in turn that a small memory has never the next one, and a large one always.
    Different(Algorithm),
    /// One token that only its issuer understands.
    Opaque,
    Garbage,
    Expired,
    Forged,
    Insufficient,
}

/// A path ready to be measured.
pub(crate) struct Prepared {
    pub(crate) path: Path,
    pub(crate) requests: Vec<Vec<u8>>,
    /// One of them, asking what an upstream would be told.
    pub(crate) probe: Request,
}

/// How many different tokens there are where there is more than one.
const DIFFERENT: usize = 500;

/// How many workers serve where that is compared.
const WORKERS: [usize; 3] = [1, 2, 4];

/// Every path.
pub(crate) fn all() -> Vec<Path> {
    let cached = || vec![Guard::Scopegate, Guard::Native];
    let mut guards = vec![Guard::Forwarding, Guard::Empty];
    guards.extend(cached());
    let mut paths = vec![Path::new(REMEMBERED, "one token over and over, RS256", guards, Tokens::Remembered)];
    let what = format!("{DIFFERENT} tokens in turn, all seen before, RS256");
    paths.push(Path::new(KNOWN, &what, cached(), Tokens::Different(Algorithm::Rs256)));
    for algorithm in ALGORITHMS {
        let name = format!("first-{}", algorithm.name().to_lowercase());
        let what = format!("a token never seen before, {algorithm}");
        let guards = vec![Guard::Forgetful, Guard::NativeUncached];
        paths.push(Path::new(&name, &what, guards, Tokens::Different(algorithm)));
    }
    let guards = vec![Guard::Asking, Guard::ExtAuthz];
    paths.push(Path::new("introspected", "an opaque token asked about before", guards, Tokens::Opaque));
    for rules in RULES {
        for (which, number) in [("first", 1), ("last", rules)] {
            let name = format!("rules-{rules}-{which}");
            let what = format!("the {which} of {rules} rules matches, a token seen before");
            let guards = vec![Guard::Ruled(rules), Guard::NativeRuled(rules)];
            let path = Path::new(&name, &what, guards, Tokens::Remembered);
            paths.push(Path { target: ruled_path(number), ..path });
        }
    }
    for headers in [1, 10, 100] {
        let what = format!("{headers} more headers, a token seen before");
        let path = Path::new(&format!("headers-{headers}"), &what, cached(), Tokens::Remembered);
        paths.push(Path { headers, ..path });
    }
    for (name, what, status, tokens) in [
        ("garbage", "nonsense for a token, always another", 401, Tokens::Garbage),
        ("expired", "an expired token, always another", 401, Tokens::Expired),
        ("forged", "a token with a wrong signature, always another", 401, Tokens::Forged),
        ("insufficient", "a token seen before, for something else", 403, Tokens::Insufficient),
    ] {
        paths.push(Path { refusal: Some(status), ..Path::new(name, what, cached(), tokens) });
    }
    for workers in WORKERS {
        let proxy = Proxy::Shared(workers);
        for (kind, what, guards, tokens) in [
            ("", "a token seen before", cached(), Tokens::Remembered),
            ("-opaque", "an opaque token asked about before", vec![Guard::Asking], Tokens::Opaque),
        ] {
            let name = format!("workers-{workers}{kind}");
            let what = format!("{what}, workers on all cores: {workers}");
            paths.push(Path { proxy, ..Path::new(&name, &what, guards, tokens) });
        }
    }
    paths
}

impl Path {
    fn new(name: &str, what: &str, guards: Vec<Guard>, tokens: Tokens) -> Self {
        Self {
            name: name.to_owned(),
            what: what.to_owned(),
            proxy: Proxy::Alone,
            guards,
            refusal: None,
            tokens,
            target: "/orders/1".to_owned(),
            headers: 0,
        }
    }

    /// The status that `guard` has to answer with.
    pub(crate) fn status(&self, guard: Guard) -> u16 {
        self.refusal.filter(|_| guard.checks()).unwrap_or(200)
    }

    /// The listeners that the path is measured on.
    pub(crate) fn measured(&self) -> impl Iterator<Item = Guard> {
        [Guard::Open].into_iter().chain(self.guards.iter().copied())
    }

    /// Makes the requests.
    pub(crate) fn prepare(self, cast: &Cast) -> Result<Prepared, String> {
        let requests: Vec<_> =
            self.tokens.make(cast)?.iter().map(|token| request(&self.target, self.headers, token)).collect();
        // What a client claims to be must not arrive.
        let probe = requests.first().ok_or("no tokens")?.clone().field(PROBE, "1").field(IDENTITY, "mallory");
        Ok(Prepared { requests: requests.iter().map(Request::head_bytes).collect(), path: self, probe })
    }
}

impl Tokens {
    fn make(self, cast: &Cast) -> Result<Vec<String>, String> {
        let numbers = 0..DIFFERENT;
        match self {
            Self::Remembered => Ok(vec![cast.token(Algorithm::Rs256, 0)?]),
            Self::Different(algorithm) => cast.tokens(algorithm, numbers),
            Self::Opaque => Ok(vec!["2YotnFZFEjr1zCsicMWpAA".to_owned()]),
            Self::Garbage => Ok(numbers.map(|number| format!("garbage-{number:08}.of.no-use")).collect()),
            Self::Expired => numbers.map(|number| cast.expired(number)).collect(),
            Self::Forged => {
                Ok(cast.tokens(Algorithm::Rs256, numbers)?.iter().map(|token| forged(token)).collect())
            }
            Self::Insufficient => Ok(vec![cast.insufficient()?]),
        }
    }
}

/// What a browser might send, and a token.
pub(crate) fn request(target: &str, headers: usize, token: &str) -> Request {
    let request = Request::get(target)
        .field("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
        .field("accept", "application/json")
        .bearer(token);
    (0..headers).fold(request, |request, number| {
        request.field(format!("x-field-{number}"), format!("value-{number}-of-some-length"))
    })
}
