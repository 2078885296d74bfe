//! Where a fault happens: a listener with its policy on the one Envoy of all faults, an application behind it, an issuer
//! beside it, and the plug between Envoy and the issuer.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kit::bootstrap::{Lead, Listener, bootstrap};
use kit::envoy::{Envoy, Launch};
use kit::issuer::{Answer, Issuer};
use kit::server::Server;
use kit::{places, upstream};
use serde_json::{Value, json};

use crate::names::Names;
use crate::plug::{Plug, quiet_port};
use crate::tls::{self, Trust};
use crate::tokens::{ISSUER, KEYS, QUESTIONS, Tokens};

pub(crate) const WORKERS: usize = 2;

/// What the policies here allow an issuer.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(1);

/// Keys are fetched anew after this …
pub(crate) const REFRESH: Duration = Duration::from_secs(2);

/// … and at most once in this time.
pub(crate) const COOLDOWN: Duration = Duration::from_secs(1);

/// How Envoy gets to the issuer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Plain,
    /// The plug is not in when Envoy starts.
    Unplugged,
    Tls,
    Name,
}

pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) port: u16,
    pub(crate) upstream: Server,
    pub(crate) issuer: Issuer,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) plug: Plug,
    pub(crate) names: Names,
    pub(crate) trust: Trust,
    pub(crate) envoy: Arc<Envoy>,
}

/// What stands there before Envoy does.
struct Ground {
    listener: Listener,
    way: Way,
    upstream: Server,
    issuer: Issuer,
    tokens: Arc<Tokens>,
    plug: Plug,
    names: Names,
}

/// Opens a place for each name, all of them on one Envoy.
pub(crate) fn open(run: &str, wanted: &[(&str, Way)]) -> Result<Vec<Place>, String> {
    let (folder, module) = (places::scratch(run)?, places::module()?);
    let grounds = wanted.iter().map(|(name, way)| Ground::prepare(name, *way));
    let grounds: Vec<_> =
        grounds.collect::<Result<_, _>>().map_err(|error| format!("no loopback port: {error}"))?;
    let listeners: Vec<_> = grounds.iter().map(|ground| ground.listener.clone()).collect();
    let mut config = bootstrap(&listeners, &module, &folder);
    config["node"] = json!({"id": "faults", "cluster": "faults"});
    for ground in &grounds {
        ground.pave(&mut config, &folder)?;
    }
    let envoy = Arc::new(Envoy::start(&folder, &config, Launch::workers(WORKERS))?);
    grounds.into_iter().map(|ground| ground.open(&folder, &envoy)).collect()
}

impl Ground {
    fn prepare(name: &str, way: Way) -> std::io::Result<Self> {
        let (upstream, issuer, tokens) = (upstream::start()?, Issuer::start()?, Tokens::new());
        for path in [KEYS, QUESTIONS] {
            let knowing = Arc::clone(&tokens);
            issuer.answers(path, Answer::Made(Arc::new(move |request| knowing.answer(request))));
        }
        let (plug, names) = (Plug::to(issuer.port())?, Names::start()?);
        if way == Way::Unplugged {
            plug.pull();
        }
        let mut listener = Listener::guarded(name, upstream.port(), policy(), plug.port());
        if matches!(way, Way::Tls | Way::Name) {
            // The cluster of this name is made here, not there.
            listener.clusters.insert("idp".to_owned(), Lead::Nowhere);
        }
        Ok(Self { listener, way, upstream, issuer, tokens, plug, names })
    }

    /// Puts the clusters and listeners into `config` that this way takes.
    fn pave(&self, config: &mut Value, folder: &Path) -> Result<(), String> {
        let name = format!("{}/idp", self.listener.name);
        match self.way {
            Way::Plain | Way::Unplugged => {}
            Way::Name => {
                let mut cluster = cluster(&name, "idp.example.com", self.plug.port());
                let resolver =
                    json!({"socket_address": {"address": "127.0.0.1", "port_value": self.names.port()}});
                cluster["type"] = json!("STRICT_DNS");
                cluster["alt_stat_name"] = json!("named");
                cluster["dns_refresh_rate"] = json!("0.2s");
                cluster["dns_failure_refresh_rate"] =
                    json!({"base_interval": "0.2s", "max_interval": "0.2s"});
                cluster["dns_lookup_family"] = json!("V4_ONLY");
                cluster["typed_dns_resolver_config"] = json!({
                    "name": "envoy.network.dns_resolver.cares",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
                        "resolvers": [resolver],
                        "dns_resolver_options": {"no_default_search_domain": true},
                    },
                });
                push(config, "clusters", cluster);
            }
            Way::Tls => {
                let (port, _) = quiet_port().map_err(|error| error.to_string())?;
                let (front, behind) = (format!("{name}/tls"), format!("{name}/plain"));
                push(config, "listeners", tls::server(&front, port, &behind));
                push(config, "clusters", cluster(&behind, "127.0.0.1", self.plug.port()));
                let mut cluster = cluster(&name, "127.0.0.1", port);
                cluster["alt_stat_name"] = json!("secured");
                cluster["transport_socket"] = Trust::in_folder(folder)?.client();
                push(config, "clusters", cluster);
            }
        }
        Ok(())
    }

    fn open(self, folder: &Path, envoy: &Arc<Envoy>) -> Result<Place, String> {
        let Self { listener, upstream, issuer, tokens, plug, names, .. } = self;
        let port = envoy.port(&listener.name)?;
        let trust = Trust::in_folder(folder)?;
        Ok(Place {
            name: listener.name,
            port,
            upstream,
            issuer,
            tokens,
            plug,
            names,
            trust,
            envoy: Arc::clone(envoy),
        })
    }
}

pub(crate) fn policy() -> Value {
    json!({
        "issuers": {"corp": {
            "issuer": ISSUER,
            "audiences": ["orders-api"],
            "jwt": {"jwks": {
                "uri": format!("{ISSUER}{KEYS}"), "cluster": "idp",
                "timeout": "1s", "refresh": "2s", "min_refresh": "1s",
            }},
            "introspection": {
                "uri": format!("{ISSUER}{QUESTIONS}"), "cluster": "idp", "timeout": "1s",
                "client": {"id": "gateway", "secret": "s3cret"},
                "cache": {"ttl": "1h", "negative_ttl": "5s"},
            },
        }},
        "rules": [{"name": "orders", "match": {"paths": ["/orders/**"]}, "require": {"scopes": ["orders"]}}],
    })
}

fn cluster(name: &str, host: &str, port: u16) -> Value {
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [
            {"endpoint": {"address": {"socket_address": {"address": host, "port_value": port}}}},
        ]}]},
    })
}

fn push(config: &mut Value, list: &str, what: Value) {
    if let Some(list) = config["static_resources"][list].as_array_mut() {
        list.push(what);
    }
}
