//! oidc-provider, a real authorization server, as a child process: `tests/providers/oidc-provider/server.mjs` says what
//! it can do.

use scopegate::base::base64url;
use scopegate::base::time::UnixTime;
use scopegate::http::form;
use scopegate::tool::mint::{PrivateKey, Subject};
use serde_json::{Map, Value, json};

use super::client::{Request, Response, exchange};
use super::deadline::unix_now;
use super::node::NodeServer;

/// The client that asks for tokens.
pub const APP: (&str, &str) = ("app", "secret-of-app");

/// The client whose tokens are bound to its certificate.
const BOUND_APP: (&str, &str) = ("app-with-a-certificate", "secret-of-app");

/// The client at which alice logs in.
pub const WEBSITE: (&str, &str) = ("website", "secret-of-app");

/// The client that asks about tokens; its secret needs every escape there is.
pub const GATEWAY: (&str, &str) = ("gateway", "a secret: with / signs & 100%");

/// The client that asks with a signed assertion.
pub const SIGNING_GATEWAY: &str = "gateway-that-signs";

/// A running oidc-provider; it ends with this value.
pub struct OidcProvider {
    server: NodeServer,
}

/// What kind of token is asked for.
#[derive(Clone, Copy)]
pub enum Kind<'a> {
    /// One that has to be asked about.
    Opaque,
    /// A JWT.
    Signed {
        /// The name of the algorithm (RFC 7518 section 3.1).
        algorithm: &'a str,
        /// The `kid` of the provider's key.
        key: &'a str,
    },
}

/// The token that is asked for.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// What it looks like.
    pub kind: Kind<'a>,
    /// How long it is good.
    pub seconds: u32,
    /// Whom it is for.
    pub audience: &'a str,
    /// What it permits.
    pub scope: &'a str,
}

impl Default for Wanted<'_> {
    fn default() -> Self {
        Self { kind: Kind::Opaque, seconds: 600, audience: "orders-api", scope: "orders" }
    }
}

impl<'a> Wanted<'a> {
    /// A token signed with the provider's key of this name.
    pub fn signed(algorithm: &'a str, key: &'a str) -> Self {
        Self { kind: Kind::Signed { algorithm, key }, ..Self::default() }
    }

    fn resource(&self) -> String {
        let format = match self.kind {
            Kind::Opaque => "format=opaque".to_owned(),
            Kind::Signed { algorithm, key } => format!("format=jwt&alg={algorithm}&kid={key}"),
        };
        format!("https://orders.example/?{format}&ttl={}&audience={}", self.seconds, self.audience)
    }
}

impl OidcProvider {
    /// Starts one on a free port and waits until it serves; `name` keeps its files apart from those of others, and
    /// `keys` are public keys of [`SIGNING_GATEWAY`].
    pub fn start(name: &str, keys: &[Value]) -> Result<Self, String> {
        let options = json!({"gatewayKeys": {"keys": keys}});
        NodeServer::start("oidc-provider", name, &options).map(|server| Self { server })
    }

    /// Its loopback port.
    pub const fn port(&self) -> u16 {
        self.server.port()
    }

    /// Its name, and the beginning of all its addresses.
    pub fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    /// A token by the client credentials grant.
    pub fn token(&self, wanted: &Wanted<'_>) -> Result<String, String> {
        self.granted(APP, wanted, &[])
    }

    /// The same, bound to the client certificate whose DER is `certificate`.
    pub fn token_bound_to(&self, wanted: &Wanted<'_>, certificate: &[u8]) -> Result<String, String> {
        self.granted(BOUND_APP, wanted, &[("x-certificate", &base64url::encode_standard(certificate))])
    }

    /// A token by the client credentials grant, bound to `key` (RFC 9449).
    pub fn token_bound_to_key(&self, wanted: &Wanted<'_>, key: &PrivateKey) -> Result<String, String> {
        let uri = format!("{}/token", self.issuer());
        let now = UnixTime::from_secs(unix_now());
        let subject = Subject { method: "POST", uri: &uri, token: "", now };
        let no_token = Map::from_iter([("ath".to_owned(), Value::Null)]);
        let proof = key.proof(&subject, &Map::new(), &no_token).map_err(|error| error.to_string())?;
        self.granted(APP, wanted, &[("dpop", &proof)])
    }

    fn granted(
        &self,
        client: (&str, &str),
        wanted: &Wanted<'_>,
        fields: &[(&str, &str)],
    ) -> Result<String, String> {
        let form =
            [("grant_type", "client_credentials"), ("scope", wanted.scope), ("resource", &wanted.resource())];
        let response = self.answer(&self.request("/token", client, &form, fields))?;
        let token = response.json()["access_token"].as_str().map(str::to_owned);
        token.ok_or_else(|| format!("oidc-provider gave no token: {}", response.text()))
    }

    /// The ID token that alice's login at the website gives, with a `nonce` where one is wanted (OpenID Connect Core
    /// section 3.1).
    pub fn id_token(&self, nonce: Option<&str>) -> Result<String, String> {
        const HERE: &str = "https://website.example/here";
        /// RFC 7636 appendix B.
        const VERIFIER: (&str, &str) =
            ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        let mut query = String::new();
        let asked = [
            ("client_id", WEBSITE.0),
            ("response_type", "code"),
            ("scope", "openid"),
            ("redirect_uri", HERE),
            ("code_challenge_method", "S256"),
            ("code_challenge", VERIFIER.1),
        ];
        for (name, value) in asked.into_iter().chain(nonce.map(|nonce| ("nonce", nonce))) {
            form::append(&mut query, name, value.as_bytes());
        }
        let back = self.follow(format!("/auth?{query}"), HERE)?;
        let code = back.split_once("code=").and_then(|(_, rest)| rest.split('&').next());
        let code = code.ok_or_else(|| format!("oidc-provider gave no code: {back}"))?;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", HERE),
            ("code_verifier", VERIFIER.0),
        ];
        let response = self.answer(&self.request("/token", WEBSITE, &form, &[]))?;
        let token = response.json()["id_token"].as_str().map(str::to_owned);
        token.ok_or_else(|| format!("oidc-provider gave no ID token: {}", response.text()))
    }

    /// Follows redirections from `path` as a browser does, until one leads to `end`: the address with all that it says.
    fn follow(&self, mut path: String, end: &str) -> Result<String, String> {
        const MOST: usize = 10;
        let host = format!("127.0.0.1:{}", self.port());
        let mut cookies: Vec<(String, String)> = Vec::new();
        for _ in 0..MOST {
            let pairs: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let request = Request::new("GET", &path, &host).field("cookie", pairs.join("; "));
            let response = self.answer(&request)?;
            for cookie in response.head.all("set-cookie") {
                let pair = cookie.split(';').next().and_then(|pair| pair.split_once('='));
                let (name, value) = pair.ok_or("a cookie without a name")?;
                cookies.retain(|(known, _)| known != name);
                cookies.push((name.to_owned(), value.to_owned()));
            }
            let location = response.head.get("location");
            let location = location.ok_or_else(|| format!("{path} leads nowhere: {}", response.text()))?;
            if location.starts_with(end) {
                return Ok(location);
            }
            path = location.trim_start_matches(&self.issuer()).to_owned();
        }
        Err(format!("more than {MOST} redirections"))
    }

    /// Takes back `token` (RFC 7009).
    pub fn revoke(&self, token: &str) -> Result<(), String> {
        match self.post("/token/revocation", &[("token", token)])? {
            Response { status: 200, .. } => Ok(()),
            refused => Err(format!("oidc-provider does not revoke: {}", refused.text())),
        }
    }

    /// From now on these keys are published, and no others: pairs of key id and algorithm. The first call with a name
    /// makes the key.
    pub fn publish(&self, keys: &[(&str, &str)]) -> Result<(), String> {
        let keys: Vec<_> = keys.iter().map(|(kid, alg)| json!({"kid": kid, "alg": alg})).collect();
        let request = Request::new("PUT", "/control/keys", "control").body(Value::from(keys).to_string());
        match exchange(self.port(), &request) {
            Ok(Response { status: 204, .. }) => Ok(()),
            other => Err(format!("oidc-provider does not change its keys: {other:?}")),
        }
    }

    /// How many of its answers about tokens it has signed.
    pub fn signed_answers(&self) -> u64 {
        let asked = exchange(self.port(), &Request::new("GET", "/control/signed-answers", "control"));
        asked.ok().and_then(|response| response.json().as_u64()).unwrap_or_default()
    }

    fn post(&self, path: &str, members: &[(&str, &str)]) -> Result<Response, String> {
        self.answer(&self.request(path, APP, members, &[]))
    }

    /// A request of the client `id`, with `fields` in its head.
    fn request(
        &self,
        path: &str,
        (id, secret): (&str, &str),
        members: &[(&str, &str)],
        fields: &[(&str, &str)],
    ) -> Request {
        let mut body = String::new();
        for (name, value) in members {
            form::append(&mut body, name, value.as_bytes());
        }
        let credentials = base64url::encode_standard(format!("{id}:{secret}"));
        let request = Request::new("POST", path, &format!("127.0.0.1:{}", self.port()))
            .field("authorization", format!("Basic {credentials}"))
            .field("content-type", "application/x-www-form-urlencoded");
        fields.iter().fold(request, |request, (name, value)| request.field(name, value)).body(body)
    }

    fn answer(&self, request: &Request) -> Result<Response, String> {
        exchange(self.port(), request).map_err(|error| format!("oidc-provider does not answer: {error}"))
    }
}
