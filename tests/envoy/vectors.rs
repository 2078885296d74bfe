//! Published vectors inside the proxy: to each of them the module's own verification in V8, Envoy's, and the native one
//! of `tests/vectors` say the same.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use kit::bootstrap::{Listener, bootstrap, extension};
use kit::client::{Request, exchange};
use kit::envoy::{Envoy, Launch};
use kit::vectors::{EXPECTED, Group, Set, Vector, all};
use kit::{places, upstream};
use libtest_mimic::Trial;
use scopegate::base::base64url;
use scopegate::jose::backend::NoAccelerator;
use scopegate::jose::key_set::{KeySet, Origin};
use scopegate::jose::verify::check_signature;
use serde_json::{Value, json};

use crate::ring::trial;

/// So many vectors fit into one request, and are worked through long before anybody loses patience.
const AT_ONCE: usize = 16;

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("vectors::wasm_and_envoy_agree_on_every_vector", all_agree)]
}

/// What became of the vectors of one algorithm: how many were accepted and refused by all three, and how many of them
/// were good enough to be shown to Envoy.
#[derive(Default, PartialEq, Eq)]
struct Account {
    accepted: usize,
    refused: usize,
    shown: usize,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { accepted, refused, shown } = self;
        write!(f, "{accepted} accepted and {refused} refused by all, {shown} of them by Envoy too")
    }
}

fn all_agree() {
    let module = places::probe().unwrap();
    let (folder, nobody) = (places::scratch("vectors").unwrap(), upstream::start().unwrap());
    let mut listener = Listener::open("probe", nobody.port());
    listener.behind.push(probe(&module));
    let envoy = Envoy::start(&folder, &bootstrap(&[listener], &module, &folder), Launch::workers(1)).unwrap();
    let port = envoy.port("probe").unwrap();
    let mut accounts = BTreeMap::<&str, Account>::new();
    let mut disagreements = Vec::new();
    for set in &all() {
        let account = accounts.entry(set.algorithm.name()).or_default();
        for group in &set.groups {
            ask(port, set, group, account, &mut disagreements);
        }
    }
    println!("{accounts:#?}");
    assert_eq!(disagreements, Vec::<String>::new());
    let expected =
        EXPECTED.map(|(name, accepted, refused, shown)| (name, Account { accepted, refused, shown }));
    assert_eq!(accounts, BTreeMap::from(expected));
    assert_eq!(nobody.count(), 0);
    assert_eq!(envoy.traps(), Vec::<String>::new());
}

/// The filter that answers questions about signatures. It reads bodies, and so nothing may go on at the head.
fn probe(module: &Path) -> Value {
    let code = json!({"local": {"filename": module}});
    let plugin = json!({
        "name": "probe",
        "failure_policy": "FAIL_CLOSED",
        "allow_on_headers_stop_iteration": true,
        "vm_config": {"vm_id": "probe", "runtime": "envoy.wasm.runtime.v8", "code": code},
    });
    extension("probe", "http.wasm.v3.Wasm", json!({"config": plugin}))
}

/// Has the vectors of `group` judged natively and in the proxy.
fn ask(port: u16, set: &Set, group: &Group, account: &mut Account, disagreements: &mut Vec<String>) {
    let document = json!({ "keys": [group.key] });
    let (keys, _) = KeySet::parse(document.as_object().unwrap(), Origin::Inline).unwrap();
    let natively = |vector: &Vector| {
        check_signature(&keys, None, set.algorithm, &vector.text, &vector.signature, &NoAccelerator).is_ok()
    };
    let encoded = |vector: &Vector| [&vector.text, &vector.signature].map(base64url::encode);
    for vectors in group.vectors.chunks(AT_ONCE) {
        let asked: Vec<_> = vectors.iter().map(encoded).collect();
        let question = json!({"alg": set.algorithm.name(), "key": group.key, "vectors": asked});
        let response = exchange(port, &Request::post("/").body(question.to_string())).unwrap();
        assert_eq!(response.status, 200, "{}: {question}", set.name);
        let answer = response.text();
        assert_eq!(answer.lines().count(), vectors.len(), "{}", set.name);
        for (vector, verdict) in vectors.iter().zip(answer.lines()) {
            match (natively(vector), verdict) {
                (true, "1-1" | "111") => account.accepted += 1,
                (false, "0-0" | "000") => account.refused += 1,
                (native, _) => disagreements.push(format!(
                    "{} as {}, vector {}: natively {native}, in the proxy {verdict}, published as {:?}",
                    set.name, set.algorithm, vector.number, vector.expected
                )),
            }
            account.shown += usize::from(!verdict.contains('-'));
        }
    }
}
