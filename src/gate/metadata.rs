//! What a resource says about itself (RFC 9728).

use serde_json::{Map, json};

use super::case::Client;
use crate::http::head::RequestHead;
use crate::http::message::{FieldValue, Response};
use crate::jose::algorithm::Algorithm;
use crate::policy::{Policy, ProtectedResource};
use crate::token::credential::Place;

/// Whether `head` is answered in the place of metadata: it is to be read, or a page of another origin asks whether it may
/// read it.
pub(super) fn answers(policy: &Policy, head: &RequestHead<'_>) -> bool {
    matches!(head.method, b"GET" | b"HEAD") || (policy.cors.is_some() && head.is_preflight())
}

/// The answer to `head`, which is for the place of the metadata of `resource`.
pub(super) fn answer(
    policy: &Policy,
    resource: &ProtectedResource,
    head: &RequestHead<'_>,
    client: &Client<'_>,
) -> Response {
    let origin = client.origin.as_deref();
    match &policy.cors {
        Some(cors) if head.is_preflight() => {
            let fields = cors.preflight_fields(origin, head.only(b"access-control-request-headers"));
            Response { status: 204, fields, body: String::new(), grpc_status: None }
        }
        Some(cors) => {
            let mut document = document(policy, resource);
            document.fields.extend(cors.fields(origin));
            document
        }
        None => document(policy, resource),
    }
}

/// The metadata document (section 2): only what is enforced is advertised, and a list that would be empty is left out
/// (section 3.2).
fn document(policy: &Policy, resource: &ProtectedResource) -> Response {
    let terms = &resource.terms;
    let mut methods: Vec<&str> = policy.places.iter().filter_map(method).collect();
    methods.sort_unstable();
    methods.dedup();
    let proofs = policy.dpop.as_ref().map(|dpop| dpop.terms.algorithms.iter().map(Algorithm::name));
    let proofs: Vec<&str> = proofs.into_iter().flatten().collect();
    let mut document = Map::new();
    document.insert("resource".to_owned(), json!(resource.resource));
    let lists = [
        ("authorization_servers", json!(terms.issuers)),
        ("scopes_supported", json!(terms.scopes)),
        ("bearer_methods_supported", json!(methods)),
        ("dpop_signing_alg_values_supported", json!(proofs)),
    ];
    for (name, list) in lists {
        if list.as_array().is_some_and(|list| !list.is_empty()) {
            document.insert(name.to_owned(), list);
        }
    }
    if terms.mutual_tls {
        document.insert("tls_client_certificate_bound_access_tokens".to_owned(), json!(true));
    }
    if terms.dpop_alone {
        document.insert("dpop_bound_access_tokens_required".to_owned(), json!(true));
    }
    document.extend(resource.texts.iter().map(|(name, text)| ((*name).to_owned(), json!(text))));
    Response {
        status: 200,
        fields: vec![
            ("content-type", FieldValue::lossy("application/json")),
            ("cache-control", FieldValue::lossy("max-age=3600")),
        ],
        body: json!(document).to_string(),
        grpc_status: None,
    }
}

/// RFC 6750's word for a place (section 2); it has none for cookies, other headers and other schemes.
fn method(place: &Place) -> Option<&'static str> {
    match place {
        Place::Header { name, scheme } => {
            let is_bearer = scheme.as_ref().is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer"));
            (&**name == "authorization" && is_bearer).then_some("header")
        }
        Place::Query(_) => Some("query"),
        Place::Cookie(_) => None,
    }
}
