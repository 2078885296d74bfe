//! The DPoP proof beside a token: what it says, and what it should say.

use super::text::Text;
use crate::base::base64url;
use crate::jose::algorithm::Algorithms;
use crate::jose::backend::NoAccelerator;
use crate::jose::jws::Unverified;
use crate::jose::possession;
use crate::policy::Policy;
use crate::token::dpop;
use crate::tool::request::Request;

/// Tells about the proofs in `request` that came with `token`.
pub(super) fn tell(text: &mut Text, policy: &Policy, request: &Request, token: &[u8]) {
    let head = request.head();
    let target = policy.dpop.as_ref().and_then(|dpop| dpop.target(&head, request.is_over_tls()));
    let target = target.as_ref().map_or("no URI at all", |target| target.as_str());
    text.line("proof", &format!("has to be about {} {target}", request.method));
    text.line("", &format!("and the token, whose ath is {}", dpop::token_hash(token)));
    let mut proofs = head.values(dpop::FIELD.as_bytes());
    match (proofs.next(), proofs.next()) {
        (None, _) => text.line("", &format!("there is none in the field {}", dpop::FIELD)),
        (Some(_), Some(_)) => text.line("", "there are several; none is chosen"),
        (Some(proof), None) => one(text, proof),
    }
}

fn one(text: &mut Text, proof: &[u8]) {
    let jws = match Unverified::parse(proof) {
        Ok(jws) => jws,
        Err(fault) => return text.line("", &format!("it is no proof: {fault}")),
    };
    text.line("", &format!("header: alg {}, typ {}", jws.algorithm(), jws.typ().unwrap_or("none")));
    match possession::prove(jws, Algorithms::ASYMMETRIC, &NoAccelerator) {
        Ok(possession) => {
            let thumbprint = base64url::encode(possession.thumbprint());
            text.line("", &format!("its signature holds, with the key of thumbprint {thumbprint}"));
            for (name, value) in possession.claims() {
                let value = text.claim(name, value);
                text.line("", &format!("{name}: {value}"));
            }
        }
        Err(fault) => text.line("", &format!("it proves nothing: {fault}")),
    }
}
