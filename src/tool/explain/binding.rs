//! What a token is bound to, and what its sender has shown of it.

use super::text::Text;
use crate::base::base64url;
use crate::http::client_certificate;
use crate::policy::{CertificateSource, Policy};
use crate::token::binding::{Confirmation, Proof};
use crate::token::grant::Grant;
use crate::tool::request::Request;

/// Tells of the certificate, where the token of `grant` is bound to one.
pub(super) fn tell(text: &mut Text, policy: &Policy, request: &Request, grant: &Grant) {
    if !Confirmation::of(grant.claims()).is(Proof::MutualTls) {
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
