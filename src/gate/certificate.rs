//! The client certificate of a request's sender, looked up only where a token makes it matter.

use std::rc::Rc;

use super::memory::Known;
use super::step::Facts;
use super::validate::Stop;
use crate::http::client_certificate;
use crate::http::head::RequestHead;
use crate::policy::{CertificateSource, Policy};
use crate::token::binding::{Proof, Thumbprint};

/// Whether a token that was found to be this may be bound to a certificate. What a parked request waits for may say
/// so, and when it comes the request's head is gone.
pub(super) fn matters(found: &Result<Rc<Known>, Stop>) -> bool {
    match found {
        Ok(known) => known.holder.confirmation().is(Proof::MutualTls),
        Err(Stop::Wait(_)) => true,
        Err(Stop::Bad(_) | Stop::Unknown(_)) => false,
    }
}

/// The SHA-256 of the certificate that the sender of `head` holds, as whom `policy` trusts for it tells.
pub(super) fn of_sender(policy: &Policy, head: &RequestHead<'_>, facts: &Facts<'_>) -> Option<Thumbprint> {
    match policy.certificate_source {
        CertificateSource::Connection => facts.certificate.and_then(|look_up| look_up()),
        CertificateSource::ForwardedField => {
            client_certificate::digest(head.values(client_certificate::FIELD))
        }
    }
}
