//! What a token is bound to, and what its sender has shown of it.

use super::text::Text;
use crate::base::base64url;
use crate::http::client_certificate;
use crate::policy::{CertificateSource, Policy};
use crate::token::binding::{Confirmation, Proof};
use crate::token::grant::Grant;
use crate::tool::request::Request;

/// Tells of what the token of `grant` is bound to, but for a key: the proof of that tells of it.
pub(super) fn tell(text: &mut Text, policy: &Policy, request: &Request, grant: &Grant) {
    let confirmation = Confirmation::of(grant.claims());
    if confirmation.is_unprovable() {
        return text.line(
            "bound",
            "in a way that nobody can prove here: its cnf cannot be read, or has neither jkt nor x5t#S256",
        );
    }
    if !confirmation.is(Proof::MutualTls) {
        return;
    }
    let (place, certificate) = match policy.certificate_source {
        CertificateSource::Connection => ("the connection", request.client_cert_sha256),
        CertificateSource::ForwardedField => {
            let head = request.head();
            let certificate = client_certificate::digest(head.values(client_certificate::FIELD));
            ("x-forwarded-client-cert", certificate)
        }
    };
    let certificate = certificate.map_or_else(
        || format!("{place} tells of none"),
        |certificate| format!("that of {place} is {}", base64url::encode(certificate)),
    );
    text.line("bound", &format!("to a client certificate; {certificate}"));
}
