//! What may be wrong around a policy that takes a hop's word for client certificates.

use serde_json::Value;

use super::find::{Host, member};
use crate::http::client_certificate;

/// Advice on whoever may write `x-forwarded-client-cert`, where `policy` believes it.
pub(super) fn advise(policy: &Value, host: Host<'_>) -> Option<String> {
    let from = policy.get("client_certificate")?.get("from")?.as_str()?;
    if from.as_bytes() != client_certificate::FIELD {
        return None;
    }
    Some(match host {
        Host::Envoy { manager, .. } => {
            told_by(manager.and_then(|manager| member(manager, "forward_client_cert_details")))
        }
        Host::Istio(_) | Host::Gateway(_) => {
            "the policy believes x-forwarded-client-cert, and this file does not say who may write it: make sure that no client \
             can"
                .to_owned()
        }
    })
}

/// What it means that a policy trusts `x-forwarded-client-cert`, where the connection manager treats it like this.
fn told_by(details: Option<&Value>) -> String {
    const OWN: &str = "tells of the certificate on the listener's own connection";
    let details = details.map(ToString::to_string);
    match details.as_deref() {
        None | Some("\"SANITIZE\"" | "0") => {
            "the policy takes client certificates from x-forwarded-client-cert, which the connection manager removes: every \
             certificate-bound token is refused: write `forward_client_cert_details: FORWARD_ONLY` where the hop in front \
             has a client certificate, or `client_certificate: {from: connection}`"
                .to_owned()
        }
        Some("\"FORWARD_ONLY\"" | "1") => {
            "x-forwarded-client-cert is believed from whoever has a client certificate that this listener takes: make sure \
             that only the hop in front has one, and that it writes the field itself (SANITIZE_SET)"
                .to_owned()
        }
        Some("\"APPEND_FORWARD\"" | "2") => format!(
            "forward_client_cert_details: APPEND_FORWARD {OWN} as well, and of two certificates none counts: write \
             FORWARD_ONLY, or `client_certificate: {{from: connection}}`"
        ),
        Some("\"SANITIZE_SET\"" | "3") => format!(
            "forward_client_cert_details: SANITIZE_SET {OWN} only: write `client_certificate: {{from: connection}}`"
        ),
        Some(_) => {
            "ERROR: x-forwarded-client-cert is believed from whoever reaches this listener: a client that does could forge any \
             certificate: let nobody but the hop in front reach it, or write `forward_client_cert_details: FORWARD_ONLY` \
             and give that hop a client certificate"
                .to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::json::Object;
    use serde_json::json;

    #[test]
    fn whoever_could_forge_a_certificate_is_named() {
        let policy = json!({"client_certificate": {"from": "x-forwarded-client-cert"}});
        let told = |manager: &Value, policy: &Value| {
            advise(policy, Host::Envoy { plugin: &Object::new(), manager: manager.as_object() })
        };
        for (details, words) in [
            (json!(null), "which the connection manager removes"),
            (json!("SANITIZE"), "which the connection manager removes"),
            (json!("FORWARD_ONLY"), "only the hop in front has one"),
            (json!("APPEND_FORWARD"), "of two certificates none counts"),
            (json!(3), "SANITIZE_SET tells of"),
            (json!("ALWAYS_FORWARD_ONLY"), "ERROR: x-forwarded-client-cert"),
        ] {
            for name in ["forward_client_cert_details", "forwardClientCertDetails"] {
                let manager = json!({name: details});
                assert!(told(&manager, &policy).unwrap().contains(words), "{manager}");
                for own in [json!({}), json!({"client_certificate": {"from": "connection"}})] {
                    assert_eq!(told(&manager, &own), None, "{manager}");
                }
            }
        }
        for host in [Host::Istio(&Object::new()), Host::Gateway(&Object::new())] {
            assert!(advise(&policy, host).unwrap().contains("who may write it"));
            assert_eq!(advise(&json!({}), host), None);
        }
    }
}
