//! Certificates made for one test, Envoy's end of mutual TLS with them, and clients that show them.

use std::sync::Arc;

use kit::tls::{Client, SERVER};
use rcgen::string::Ia5String;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore};
use scopegate::base::base64url;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Somebody who vouches for others.
pub(crate) struct Authority {
    certificate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
pub(crate) struct Identity {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let (mut params, key) = (named("authority"), key());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// A client or server for which this vouches.
    pub(crate) fn vouches_for(&self, name: &str) -> Identity {
        let key = key();
        Identity { certificate: named(name).signed_by(&key, &self.issuer).unwrap(), key }
    }

    /// Envoy's end of TLS for a listener that asks for client certificates and takes none but this authority's.
    /// `required`: and nobody without one.
    pub(crate) fn listens(&self, required: bool) -> Value {
        self.listens_with(required, json!({}))
    }

    /// The same, for a listener that takes any certificate, whoever vouches for it.
    pub(crate) fn listens_to_anybody(&self) -> Value {
        self.listens_with(true, json!({"trust_chain_verification": "ACCEPT_UNTRUSTED"}))
    }

    fn listens_with(&self, required: bool, mut validation: Value) -> Value {
        let server = self.vouches_for("server");
        validation["trusted_ca"] = json!({"inline_string": self.pem()});
        json!({"name": "envoy.transport_sockets.tls", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "require_client_certificate": required,
            "common_tls_context": {
                "tls_certificates": [server.to_json()],
                "validation_context": validation,
            },
        }})
    }

    /// Envoy's end of TLS for a cluster of servers of this authority, to which it shows the certificate of `identity`.
    pub(crate) fn connects(&self, identity: &Identity) -> Value {
        json!({"name": "envoy.transport_sockets.tls", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "sni": SERVER,
            "common_tls_context": {
                "tls_certificates": [identity.to_json()],
                "validation_context": {"trusted_ca": {"inline_string": self.pem()}},
            },
        }})
    }

    /// Its certificate.
    pub(crate) fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// A client that trusts the servers of this authority and shows the certificate of `identity`, or none.
    pub(crate) fn client(&self, identity: Option<&Identity>) -> Client {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        Client::new(match identity {
            Some(identity) => builder.with_client_auth_cert(identity.chain(), identity.key()).unwrap(),
            None => builder.with_no_client_auth(),
        })
    }
}

impl Identity {
    /// Somebody who vouches for nobody but itself. `uri` stands in the certificate as it is.
    pub(crate) fn of_its_own(uri: &str) -> Self {
        let (mut params, key) = (named("anybody"), key());
        params.subject_alt_names.push(SanType::URI(Ia5String::try_from(uri).unwrap()));
        Self { certificate: params.self_signed(&key).unwrap(), key }
    }

    /// The certificate.
    pub(crate) fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// The certificate in DER.
    pub(crate) fn der(&self) -> &[u8] {
        self.certificate.der()
    }

    /// Its key.
    pub(crate) fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// Certificate and key as Envoy has them.
    fn to_json(&self) -> Value {
        json!({
            "certificate_chain": {"inline_string": self.pem()},
            "private_key": {"inline_string": self.key_pem()},
        })
    }

    /// What a token's `x5t#S256` says of this certificate (RFC 8705 section 3.1).
    pub(crate) fn thumbprint(&self) -> String {
        base64url::encode(self.digest())
    }

    /// The same as proxies write it.
    pub(crate) fn hash(&self) -> String {
        self.digest().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.der()).into()
    }

    fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.der().clone()]
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.serialize_der()).into()
    }
}

fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new([SERVER.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
