//! How the module verifies signatures, asked over HTTP inside the proxy: by itself, and with the proxy's help.
//!
//! The files are the module's own, compiled as they are there; the module itself brings its filter with it wherever it
//! is linked. A question is a POST of `{"alg", "key", "vectors": [[text, signature], …]}`, with base64url for bytes. The
//! answer has a line of three characters for each vector: the verdict without help (`0` or `1`), what the proxy said
//! (`0`, `1`, `?` for no answer, `-` for not asked), and the verdict with its help.
#![allow(dead_code, unreachable_pub, reason = "only a part of each of the module's files is needed")]

#[path = "../../../src/base/mod.rs"]
mod base;
#[path = "../../../src/http/mod.rs"]
mod http;
#[path = "../../../src/jose/mod.rs"]
mod jose;
#[path = "../../../src/filter"]
mod filter {
    #[path = "abi/calls.rs"]
    mod abi;
    mod accelerator;
    mod foreign;
    mod host;
    mod numbers;
    mod pairs;
    mod protobuf;

    /// The proxy.
    pub(crate) fn proxy() -> impl crate::jose::backend::Accelerator {
        accelerator::HostSignatures::default()
    }
}

use core::cell::Cell;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};
use serde_json::{Value, json};

use crate::base::base64url;
use crate::jose::algorithm::Algorithm;
use crate::jose::hash::HashName;
use crate::jose::key_set::{KeySet, Origin};
use crate::jose::backend::{Accelerator, NoAccelerator};
use crate::jose::verify::check_signature;

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root));
}}

struct Root;

struct Stream;

impl Context for Root {}

impl RootContext for Root {
    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream))
    }
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _fields: usize, _end_of_stream: bool) -> Action {
        Action::Pause
    }

    fn on_http_request_body(&mut self, _size: usize, end_of_stream: bool) -> Action {
        if end_of_stream {
            let body = self.get_http_request_body(0, usize::MAX).unwrap_or_default();
            match answer(&body) {
                Some(answer) => self.send_http_response(200, Vec::new(), Some(answer.as_bytes())),
                None => self.send_http_response(400, Vec::new(), None),
            }
        }
        Action::Pause
    }
}

/// Notes what the proxy says.
struct Heard<P> {
    proxy: P,
    said: Cell<char>,
}

impl<P: Accelerator> Accelerator for Heard<P> {
    fn verify(&self, hash: HashName, spki_der: &[u8], signature: &[u8], text: &[u8]) -> Option<bool> {
        let said = self.proxy.verify(hash, spki_der, signature, text);
        self.said.set(said.map_or('?', digit));
        said
    }
}

const fn digit(verdict: bool) -> char {
    if verdict { '1' } else { '0' }
}

fn answer(question: &[u8]) -> Option<String> {
    let question: Value = serde_json::from_slice(question).ok()?;
    let algorithm = Algorithm::from_name(question["alg"].as_str()?)?;
    let document = json!({ "keys": [question["key"]] });
    let (keys, _) = KeySet::parse(document.as_object()?, Origin::Inline).ok()?;
    let mut answer = String::new();
    for vector in question["vectors"].as_array()? {
        let bytes = |place: usize| base64url::decode(vector[place].as_str()?);
        let (text, signature) = (bytes(0)?, bytes(1)?);
        let accepts = |help: &dyn Accelerator| {
            digit(check_signature(&keys, None, algorithm, &text, &signature, help).is_ok())
        };
        let proxy = Heard { proxy: filter::proxy(), said: Cell::new('-') };
        let alone = accepts(&NoAccelerator);
        let helped = accepts(&proxy);
        answer.extend([alone, proxy.said.get(), helped, '\n']);
    }
    Some(answer)
}
