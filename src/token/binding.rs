//! Tokens that are bound to their sender: `cnf` (RFC 7800) by a key (RFC 9449 section 6) or a certificate (RFC 8705
//! section 3).

use serde_json::Value;

use super::fault::TokenFault;
use crate::base::base64url;
use crate::base::json::Object;

/// The SHA-256 of a public key (RFC 7638) or of a certificate in DER.
pub type Thumbprint = [u8; 32];

/// What a token's `cnf` demands of whoever sends it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Confirmation {
    key: Bound,
    certificate: Bound,
}

/// What the sender of one request has proven to hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sender {
    /// The key that signed the DPoP proof of this request, when the token came as a DPoP credential.
    pub key: Option<Thumbprint>,
    /// The client certificate of this request's connection.
    pub certificate: Option<Thumbprint>,
}

/// A way of proving who sends a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proof {
    /// A DPoP proof (RFC 9449).
    Dpop,
    /// The certificate of a mutual TLS connection (RFC 8705).
    MutualTls,
    /// One of them.
    Any,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Bound {
    #[default]
    No,
    To(Thumbprint),
    /// To something that nobody can prove: a member of the wrong type or length.
    Unprovable,
}

impl Confirmation {
    /// Reads `cnf` in `claims`. A claim or member of the wrong type is never taken for an absent one: it binds the
    /// token to what nobody can prove. So does a claim with members of which none is `jkt` or `x5t#S256`: it names a way
    /// of proof (RFC 7800 section 3.1) that nobody here understands, and is not a token for everybody. Beside one of
    /// these two, other members ask nothing. A `cnf` without members is none.
    pub fn of(claims: &Object) -> Self {
        const NOBODY: Confirmation = Confirmation { key: Bound::Unprovable, certificate: Bound::Unprovable };
        match claims.get("cnf") {
            None => Self::default(),
            Some(Value::Object(members)) => {
                let bound = Self {
                    key: Bound::by(members.get("jkt")),
                    certificate: Bound::by(members.get("x5t#S256")),
                };
                if bound == Self::default() && !members.is_empty() { NOBODY } else { bound }
            }
            Some(_) => NOBODY,
        }
    }

    /// Whether the token is bound to what nobody can prove.
    pub fn is_unprovable(&self) -> bool {
        self.key == Bound::Unprovable || self.certificate == Bound::Unprovable
    }

    /// Whether the token is bound to a key, by `jkt`.
    pub fn names_key(&self) -> bool {
        self.key != Bound::No
    }

    /// Whether the token is bound as `proof` wants it.
    pub fn is(&self, proof: Proof) -> bool {
        match proof {
            Proof::Dpop => self.key != Bound::No,
            Proof::MutualTls => self.certificate != Bound::No,
            Proof::Any => *self != Self::default(),
        }
    }

    /// Whether `sender` has proven everything that the token is bound to. A DPoP credential has to be bound to the
    /// key of its proof (RFC 9449 section 7.1); a token that is bound to nothing asks for nothing else.
    ///
    /// # Errors
    /// `BindingUnproven`.
    pub fn check(&self, sender: &Sender) -> Result<(), TokenFault> {
        let key_agrees = match (self.key, sender.key) {
            (Bound::No, None) => true,
            (Bound::To(wanted), Some(proven)) => wanted == proven,
            (Bound::No, Some(_)) | (Bound::To(_), None) | (Bound::Unprovable, _) => false,
        };
        let certificate_agrees = match self.certificate {
            Bound::No => true,
            Bound::To(wanted) => sender.certificate == Some(wanted),
            Bound::Unprovable => false,
        };
        if key_agrees && certificate_agrees { Ok(()) } else { Err(TokenFault::BindingUnproven) }
    }
}

impl Bound {
    fn by(member: Option<&Value>) -> Self {
        let Some(member) = member else { return Self::No };
        let thumbprint = member.as_str().and_then(base64url::decode).and_then(|bytes| bytes.try_into().ok());
        thumbprint.map_or(Self::Unprovable, Self::To)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OURS: Thumbprint = [7; 32];
    const OTHER: Thumbprint = [8; 32];

    fn confirmation(cnf: Value) -> Confirmation {
        Confirmation::of(json!({"cnf": cnf}).as_object().unwrap())
    }

    fn proven(confirmation: &Confirmation, key: Option<Thumbprint>, certificate: Option<Thumbprint>) -> bool {
        confirmation.check(&Sender { key, certificate }).is_ok()
    }

    #[test]
    fn a_key_is_proven_by_itself_alone() {
        let bound = confirmation(json!({"jkt": base64url::encode(OURS)}));
        assert!(proven(&bound, Some(OURS), None) && proven(&bound, Some(OURS), Some(OTHER)));
        for (key, certificate) in [(None, None), (Some(OTHER), None), (None, Some(OURS))] {
            assert!(!proven(&bound, key, certificate));
        }
    }

    #[test]
    fn a_certificate_is_proven_by_itself_alone() {
        let bound = confirmation(json!({"x5t#S256": base64url::encode(OURS)}));
        assert!(proven(&bound, None, Some(OURS)));
        for (key, certificate) in [(None, None), (None, Some(OTHER)), (Some(OURS), None)] {
            assert!(!proven(&bound, key, certificate));
        }
    }

    #[test]
    fn two_bindings_take_two_proofs() {
        let text = base64url::encode(OURS);
        let bound = confirmation(json!({"jkt": text, "x5t#S256": text}));
        assert!(proven(&bound, Some(OURS), Some(OURS)));
        assert!(!proven(&bound, Some(OURS), None) && !proven(&bound, None, Some(OURS)));
    }

    #[test]
    fn what_cannot_be_read_cannot_be_proven() {
        let text = base64url::encode(OURS);
        for cnf in [
            json!("text"),
            json!([]),
            json!({"jkt": ""}),
            json!({"jkt": 7}),
            json!({"jkt": base64url::encode(&OURS[1..])}),
            json!({"jkt": format!("{text}=")}),
            json!({"x5t#S256": [text]}),
            json!({"jkt": text, "x5t#S256": true}),
        ] {
            let bound = confirmation(cnf.clone());
            assert!(!proven(&bound, Some(OURS), Some(OURS)), "{cnf}");
            assert!(!proven(&bound, None, None), "{cnf}");
            assert!(bound.is(Proof::Any) && bound.is_unprovable(), "{cnf}");
        }
    }

    #[test]
    fn a_way_of_proof_that_nobody_here_understands_cannot_be_proven() {
        let text = base64url::encode(OURS);
        for cnf in [
            json!({"kid": "a"}),
            json!({"jwk": {"kty": "EC"}}),
            json!({"jwe": "a.b.c.d.e"}),
            json!({"jku": "https://idp.test/keys", "kid": "a"}),
            json!({"x5t#S512": text}),
            json!({"JKT": text}),
            json!({"": text}),
        ] {
            let bound = confirmation(cnf.clone());
            for (key, certificate) in
                [(None, None), (Some(OURS), None), (None, Some(OURS)), (Some(OURS), Some(OURS))]
            {
                assert!(!proven(&bound, key, certificate), "{cnf}");
            }
            assert!(bound.is(Proof::Any) && bound.is_unprovable(), "{cnf}");
        }
        let both = confirmation(json!({"jkt": text, "jwk": {"kty": "EC"}}));
        assert!(proven(&both, Some(OURS), None) && !both.is_unprovable());
    }

    #[test]
    fn a_token_that_is_bound_to_nothing_comes_without_a_proof_of_a_key() {
        for unbound in [Confirmation::of(&Object::new()), confirmation(json!({}))] {
            assert!(proven(&unbound, None, None) && proven(&unbound, None, Some(OURS)));
            assert!(!proven(&unbound, Some(OURS), None));
            assert!(!unbound.is(Proof::Any) && !unbound.names_key());
        }
    }

    #[test]
    fn a_kind_of_binding_is_told_from_the_other() {
        let text = base64url::encode(OURS);
        let (key, certificate) =
            (confirmation(json!({"jkt": text})), confirmation(json!({"x5t#S256": text})));
        assert!(key.is(Proof::Dpop) && key.is(Proof::Any) && !key.is(Proof::MutualTls));
        assert!(
            certificate.is(Proof::MutualTls) && certificate.is(Proof::Any) && !certificate.is(Proof::Dpop)
        );
    }
}
