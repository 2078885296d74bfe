//! The worked examples are policies: `envoy/policies` one for each way to ask an issuer, `envoy/profiles` one for each
//! profile of tokens.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use scopegate::config;
use scopegate::tool::document;
use scopegate::tool::mint::PrivateKey;
use serde_json::Value;

/// What the examples take from the environment.
fn environment(name: &str) -> Option<String> {
    match name {
        "PING_SECRET" => Some("2Federate".to_owned()),
        "GATEWAY_KEY" => {
            let key = PrivateKey::generate(scopegate::jose::algorithm::Algorithm::Es256, Some("gw"));
            key.ok().map(|key| key.jwk().to_string())
        }
        _ => None,
    }
}

/// Every policy in `folder`, which compiles, with its place.
fn policies(folder: &str) -> Vec<(PathBuf, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let mut documents = document::parse(text.as_bytes()).unwrap();
        assert_eq!(documents.len(), 1, "{path:?}");
        let compiled = config::compile(&documents[0], &environment);
        assert!(compiled.is_ok(), "{path:?}: {:#?}", compiled.err());
        let comments = text.lines().take_while(|line| line.starts_with('#')).count();
        assert!((1..=3).contains(&comments), "{path:?} begins with a line or two on what it is");
        (path, documents.swap_remove(0))
    };
    fs::read_dir(folder).unwrap().map(|entry| read(entry.unwrap().path())).collect()
}

#[test]
fn every_profile_compiles_and_has_its_scenarios() {
    let profiles = policies("envoy/profiles");
    assert!(!profiles.is_empty());
    for (path, _) in profiles {
        let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
        let scenarios = fs::read_to_string(scenarios.join(path.file_name().unwrap())).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(scenarios.contains(&format!("policy: ../../envoy/profiles/{name}")), "{name}");
    }
}

#[test]
fn every_way_to_ask_an_issuer_has_an_example() {
    let mut protocols = BTreeSet::new();
    for (path, policy) in policies("envoy/policies") {
        let issuers = policy["issuers"].as_object().unwrap();
        let protocol =
            issuers.values().map(|issuer| &issuer["introspection"]["protocol"]).find_map(Value::as_str);
        let protocol = protocol.unwrap().to_owned();
        assert_eq!(path.file_stem().unwrap(), protocol.as_str());
        protocols.insert(protocol);
    }
    let schema: Value = serde_json::from_str(config::SCHEMA).unwrap();
    let known = &schema["$defs"]["introspection"]["properties"]["protocol"]["enum"];
    let known: BTreeSet<String> = serde_json::from_value(known.clone()).unwrap();
    assert_eq!(protocols, known);
}
