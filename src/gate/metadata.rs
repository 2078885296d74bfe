//! What this resource says about itself (RFC 9728).

use serde_json::json;

use crate::http::message::{FieldValue, Response};
use crate::jose::algorithm::Algorithm;
use crate::policy::{Policy, ProtectedResource};
use crate::token::credential::Place;

/// The address of the metadata document (section 3): the resource's origin with the policy's path.
pub(super) fn uri(resource: &ProtectedResource) -> String {
    let after_scheme = resource.resource.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = resource.resource.split_at_checked(after_scheme).unwrap_or_default();
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    format!("{scheme}{authority}{}", resource.path)
}

/// The metadata document (section 2): only what is enforced is advertised.
pub(super) fn document(policy: &Policy, resource: &ProtectedResource) -> Response {
    let issuers: Vec<&str> =
        policy.issuers.iter().filter_map(|issuer| issuer.expect.issuer.as_deref()).collect();
    let mut methods: Vec<&str> = policy.places.iter().filter_map(method).collect();
    methods.dedup();
    let mut document = json!({
        "resource": resource.resource,
        "authorization_servers": issuers,
        "bearer_methods_supported": methods,
    });
    let proofs = policy.dpop.as_ref().map(|dpop| dpop.terms.algorithms.iter().map(Algorithm::name));
    if let (Some(members), Some(names)) = (document.as_object_mut(), proofs) {
        members.insert("dpop_signing_alg_values_supported".to_owned(), names.collect());
    }
    let scopes = policy.vocabulary.scopes();
    if let Some(members) = document.as_object_mut().filter(|_| !scopes.is_empty()) {
        members.insert("scopes_supported".to_owned(), json!(scopes));
    }
    Response {
        status: 200,
        fields: vec![
            ("content-type", FieldValue::lossy("application/json")),
            ("cache-control", FieldValue::lossy("max-age=3600")),
        ],
        body: document.to_string(),
        grpc_status: None,
    }
}

/// The RFC's word for a place; it has none for cookies and headers of one's own.
fn method(place: &Place) -> Option<&'static str> {
    match place {
        Place::Header { name, .. } => (name == "authorization").then_some("header"),
        Place::Query(_) => Some("query"),
        Place::Cookie(_) => None,
    }
}
