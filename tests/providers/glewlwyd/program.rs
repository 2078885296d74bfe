//! glewlwyd as a child process, set up through its own administration interface.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use kit::client::{Request, Response, exchange};
use kit::deadline::{PATIENCE, poll};
use kit::places;
use scopegate::base::base64url;
use scopegate::http::form;
use scopegate::jose::algorithm::Algorithm;
use scopegate::tool::mint::PrivateKey;
use serde_json::{Value, json};

/// Where Debian's package leaves the tables.
const TABLES: &str = "/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3";

/// The scope with which a client may ask about anybody's tokens.
pub(crate) const MAY_ASK: &str = "introspect";

/// A running glewlwyd; it ends with this value.
pub(crate) struct Glewlwyd {
    child: Child,
    port: u16,
}

impl Glewlwyd {
    /// Why it cannot be had here; `None` when it can.
    pub(crate) fn missing() -> Option<&'static str> {
        let has = |program: &str| Path::new("/usr/bin").join(program).is_file();
        (!has("glewlwyd") || !has("sqlite3") || !Path::new(TABLES).is_file())
            .then_some("glewlwyd is not installed: on Debian, as root: apt-get install glewlwyd sqlite3")
    }

    /// Starts one on a free port, with one client, two scopes and a signing key.
    pub(crate) fn start() -> Result<Self, String> {
        let folder = places::scratch("glewlwyd")?;
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let port = port.map_err(|error| error.to_string())?.port();
        let child =
            Self::spawn(&folder, port).map_err(|error| format!("glewlwyd does not start: {error}"))?;
        let mut started = Self { child, port };
        let set_up = started.wait_until_ready().and_then(|()| started.set_up());
        let log = || fs::read_to_string(folder.join("log")).unwrap_or_default();
        set_up.map_err(|problem| format!("{problem}; its words:\n{}", log()))?;
        Ok(started)
    }

    fn spawn(folder: &Path, port: u16) -> std::io::Result<Child> {
        let config = include_str!("glewlwyd.conf")
            .replace("PORT", &port.to_string())
            .replace("FOLDER", &folder.to_string_lossy());
        fs::write(folder.join("glewlwyd.conf"), config)?;
        Command::new("sqlite3")
            .args(["-cmd", "pragma synchronous = off"])
            .arg(folder.join("database"))
            .stdin(File::open(TABLES)?)
            .status()?;
        let log = File::create(folder.join("log"))?;
        Command::new("glewlwyd")
            .arg(format!("--config-file={}", folder.join("glewlwyd.conf").display()))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
    }

    fn wait_until_ready(&mut self) -> Result<(), String> {
        let ready = poll(PATIENCE, || match self.child.try_wait() {
            Ok(Some(status)) => Some(Err(format!("glewlwyd ended with {status}"))),
            _ => exchange(self.port, &Request::get("/config")).is_ok().then_some(Ok(())),
        });
        ready.unwrap_or_else(|| Err("glewlwyd does not get ready".to_owned()))
    }

    fn set_up(&self) -> Result<(), String> {
        let login = self.send(post("/api/auth/"), &json!({"username": "admin", "password": "password"}))?;
        let cookie = login.head.get("set-cookie").unwrap_or_default();
        let session = cookie.split(';').next().unwrap_or_default().to_owned();
        let add = |path: &str, what: &Value| self.send(post(path).field("cookie", &session), what);
        for scope in ["orders", MAY_ASK] {
            add("/api/scope/", &json!({"name": scope, "display_name": scope, "password_required": true}))?;
        }
        add(
            "/api/client/",
            &json!({
                "client_id": "app", "name": "app", "client_secret": "secret-of-app", "enabled": true,
                "confidential": true, "authorization_type": ["client_credentials"], "scope": ["orders", MAY_ASK],
                "token_endpoint_auth_method": ["client_secret_basic"],
            }),
        )?;
        let key =
            PrivateKey::generate(Algorithm::Rs256, Some("glewlwyd-1")).map_err(|error| error.to_string())?;
        let keys = json!({"keys": [key.jwk()]}).to_string();
        add(
            "/api/mod/plugin/",
            &json!({"module": "oidc", "name": "oidc", "display_name": "oidc", "parameters": {
                "iss": self.issuer(), "jwks-private": keys, "jwks-show": true, "jwt-type": "rsa", "jwt-key-size": "256",
                "access-token-duration": 600, "refresh-token-duration": 600, "code-duration": 600,
                "allow-non-oidc": true, "auth-type-client-enabled": true,
                "auth-type-code-enabled": false, "auth-type-token-enabled": false, "auth-type-password-enabled": false,
                "auth-type-refresh-enabled": false, "refresh-token-rolling": false,
                "introspection-revocation-allowed": true, "introspection-revocation-allow-target-client": true,
                "introspection-revocation-auth-scope": [MAY_ASK],
            }}),
        )?;
        Ok(())
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Its name, and the beginning of all its addresses.
    pub(crate) fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}/api/oidc", self.port)
    }

    /// A token by the client credentials grant; glewlwyd makes the scope its audience.
    pub(crate) fn token(&self, scope: &str) -> Result<String, String> {
        let response = self.form("token", &[("grant_type", "client_credentials"), ("scope", scope)])?;
        let token = response.json()["access_token"].as_str().map(str::to_owned);
        token.ok_or_else(|| format!("glewlwyd gave no token: {}", response.text()))
    }

    /// Takes back `token` (RFC 7009).
    pub(crate) fn revoke(&self, token: &str) -> Result<(), String> {
        self.form("revoke", &[("token", token), ("token_type_hint", "access_token")]).map(drop)
    }

    fn form(&self, endpoint: &str, members: &[(&str, &str)]) -> Result<Response, String> {
        let mut body = String::new();
        for (name, value) in members {
            form::append(&mut body, name, value.as_bytes());
        }
        let request = post(&format!("/api/oidc/{endpoint}"))
            .field("authorization", format!("Basic {}", base64url::encode_standard("app:secret-of-app")))
            .field("content-type", "application/x-www-form-urlencoded");
        self.good(&request.body(body))
    }

    fn send(&self, request: Request, what: &Value) -> Result<Response, String> {
        self.good(&request.field("content-type", "application/json").body(what.to_string()))
    }

    fn good(&self, request: &Request) -> Result<Response, String> {
        match exchange(self.port, request) {
            Ok(response) if response.status == 200 => Ok(response),
            Ok(refused) => Err(format!("glewlwyd refuses: {} {}", refused.status, refused.text())),
            Err(error) => Err(format!("glewlwyd does not answer: {error}")),
        }
    }
}

impl Drop for Glewlwyd {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn post(path: &str) -> Request {
    Request::new("POST", path, "127.0.0.1")
}
