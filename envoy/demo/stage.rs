//! What stands on the demo's stage: the application, the issuers, and Envoy between them.

use kit::issuer::{Answer, Issuer};
use kit::server::Server;
use kit::upstream;
use serde_json::json;

use crate::cast::Cast;
use crate::gateway::{Gateway, or_anywhere};

/// The ports of `envoy.yaml`, used where they are free.
pub(crate) const APPLICATION: u16 = 10001;
const ISSUERS: u16 = 10002;

/// Where the partner is asked about its tokens.
pub(crate) const INTROSPECT: &str = "/introspect";

pub(crate) struct Stage {
    pub(crate) gateway: Gateway,
    pub(crate) application: Server,
    pub(crate) issuers: Issuer,
}

impl Stage {
    pub(crate) fn set(cast: &Cast) -> Result<Self, String> {
        let application = or_anywhere(APPLICATION, upstream::start_at)?;
        let issuers = or_anywhere(ISSUERS, Issuer::start_at)?;
        issuers.answers("/jwks", Answer::json(cast.keys()));
        issuers.answers(INTROSPECT, Answer::json(&json!({"active": false})));
        let ports = [(APPLICATION, application.port()), (ISSUERS, issuers.port())];
        let gateway = Gateway::start(include_str!("envoy.yaml"), &ports)?;
        Ok(Self { gateway, application, issuers })
    }
}
