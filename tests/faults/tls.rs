//! An issuer behind TLS, and a gateway that trusts its authority or, for a while, another one.
//!
//! The certificates in `tls/` are made for `idp.example.com` and valid until 2126. Envoy itself plays the TLS server,
//! and reads whom it trusts from a file whenever another takes its place.

use std::fs;
use std::path::{Path, PathBuf};

use kit::bootstrap::extension;
use serde_json::{Value, json};

/// Whom the gateway trusts.
#[derive(Clone, Copy)]
pub(crate) enum Authority {
    Trusted,
    Other,
}

/// The file with the authority.
pub(crate) struct Trust(PathBuf);

impl Trust {
    /// A file in `folder`, with the right authority in it.
    pub(crate) fn in_folder(folder: &Path) -> Result<Self, String> {
        let home = folder.join("trust");
        fs::create_dir_all(&home).map_err(|error| error.to_string())?;
        let trust = Self(home.join("authority.json"));
        trust.put(Authority::Trusted)?;
        Ok(trust)
    }

    /// From now on the gateway trusts `authority` alone.
    pub(crate) fn put(&self, authority: Authority) -> Result<(), String> {
        let certificate = match authority {
            Authority::Trusted => include_str!("tls/trusted.pem"),
            Authority::Other => include_str!("tls/other.pem"),
        };
        let secret = json!({"version_info": certificate, "resources": [{
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
            "name": "authority",
            "validation_context": {"trusted_ca": {"inline_string": certificate}},
        }]});
        let new = self.0.with_extension("new");
        fs::write(&new, secret.to_string())
            .and_then(|()| fs::rename(&new, &self.0))
            .map_err(|error| error.to_string())
    }

    /// The `transport_socket` of a cluster that checks against it.
    pub(crate) fn client(&self) -> Value {
        socket(
            "Upstream",
            json!({
                "sni": "idp.example.com",
                "common_tls_context": {"validation_context_sds_secret_config": {
                    "name": "authority",
                    "sds_config": {"resource_api_version": "V3", "path_config_source": {
                        "path": self.0, "watched_directory": {"path": self.0.parent()},
                    }},
                }},
            }),
        )
    }
}

/// A listener on `port` that takes TLS off for `cluster`.
pub(crate) fn server(name: &str, port: u16, cluster: &str) -> Value {
    let proxy = extension(
        "envoy.filters.network.tcp_proxy",
        "network.tcp_proxy.v3.TcpProxy",
        json!({"stat_prefix": name, "cluster": cluster}),
    );
    json!({
        "name": name,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{
            "filters": [proxy],
            "transport_socket": socket("Downstream", json!({"common_tls_context": {"tls_certificates": [{
                "certificate_chain": {"inline_string": include_str!("tls/server.pem")},
                "private_key": {"inline_string": include_str!("tls/server.key")},
            }]}})),
        }],
    })
}

fn socket(side: &str, mut config: Value) -> Value {
    let kind = format!("type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.{side}TlsContext");
    config["@type"] = json!(kind);
    json!({"name": "envoy.transport_sockets.tls", "typed_config": config})
}
