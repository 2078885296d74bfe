//! The worked examples in `envoy/policies` are policies, one for each way to ask an issuer.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

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

#[test]
fn every_example_compiles() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy/policies");
    let mut protocols = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let documents = document::parse(text.as_bytes()).unwrap();
        assert_eq!(documents.len(), 1, "{path:?}");
        let compiled = config::compile(documents[0].to_string().as_bytes(), &environment);
        assert!(compiled.is_ok(), "{path:?}: {:#?}", compiled.err());
        let issuers = documents[0]["issuers"].as_object().unwrap();
        let protocol =
            issuers.values().map(|issuer| &issuer["introspection"]["protocol"]).find_map(Value::as_str);
        let protocol = protocol.unwrap().to_owned();
        assert_eq!(path.file_stem().unwrap(), protocol.as_str());
        let comments = text.lines().take_while(|line| line.starts_with('#')).count();
        assert!((1..=3).contains(&comments), "{path:?} begins with a line or two on what it is");
        protocols.insert(protocol);
    }
    let schema: Value = serde_json::from_str(config::SCHEMA).unwrap();
    let known = &schema["$defs"]["introspection"]["properties"]["protocol"]["enum"];
    let known: BTreeSet<String> = serde_json::from_value(known.clone()).unwrap();
    assert_eq!(protocols, known);
}
