//! An issuer's reply: "active" only where the contract says so, "inactive" only there too, and everything else is an
//! outage.
//!
//! An input is a line and a body: `PROTOCOL STATUS MEDIA-TYPE`, the protocol as a letter: `r`fc7662, `s`igned (RFC 9701),
//! `p`ingfederate, `o`penam, `m`ule, `u`serinfo. A body that begins with `=` is the payload of a signed reply.

use core::time::Duration;

use scopegate::base::secret::Secret;
use scopegate::base::time::UnixTime;
use scopegate::http::message::{Answer, Reply};
use scopegate::http::uri::Uri;
use scopegate::jose::algorithm::Algorithms;
use scopegate::jose::key_set::{KeySet, Origin};
use scopegate::jose::verify::NoAccelerator;
use scopegate::token::expect::{Audiences, Expect, IssuerId};
use scopegate::token::introspection::{
    ClientAuthentication, Endpoint, Protocol, ReplyKeys, Silence, Terms, TokenIn, Word, understand,
};
use serde_json::{Value, json};

use crate::{keys, naive};

const ISSUER: &str = "https://idp.test";
const AUDIENCE: &str = "ours";
const CLIENT: &str = "gw";
const NOW: i64 = 1_800_000_000;
const SIGNED: &str = "application/token-introspection+jwt";

thread_local! {
    static KEYS: KeySet = KeySet::parse(&keys::object(&keys::key_set(&["one"])), Origin::Fetched).expect("a key set").0;
}

/// Takes a reply.
pub fn run(input: &[u8]) {
    let (line, body) = naive::cut(input, b'\n');
    let mut words = line.splitn(3, |byte| *byte == b' ');
    let letter = words.next().and_then(|word| word.first()).copied().unwrap_or(b'r');
    let number =
        words.next().and_then(|word| core::str::from_utf8(word).ok()).and_then(|word| word.parse().ok());
    let kind = words.next().unwrap_or_default().to_vec();
    let (body, signed) = match body {
        Some([b'=', payload @ ..]) => sign(payload),
        body => (body.unwrap_or_default().to_vec(), None),
    };
    let said = Said { letter, status: number.unwrap_or(200), kind, body, signed };
    KEYS.with(|keys| said.check(keys));
}

/// A reply as the issuer would sign it, and what is in it; with its header's `typ` before the first line break.
fn sign(payload: &[u8]) -> (Vec<u8>, Option<Value>) {
    let (typ, claims) = naive::cut(payload, b'\n');
    let claims = claims.and_then(|claims| serde_json::from_slice::<Value>(claims).ok());
    let (Ok(typ), Some(claims)) = (core::str::from_utf8(typ), claims.filter(Value::is_object)) else {
        return (payload.to_vec(), None);
    };
    (keys::token("one", &json!({"typ": typ}), &claims).into_bytes(), Some(claims))
}

struct Said {
    letter: u8,
    status: u16,
    kind: Vec<u8>,
    body: Vec<u8>,
    /// What one of the issuer's keys has signed, where this is such a reply.
    signed: Option<Value>,
}

impl Said {
    fn check(&self, keys: &KeySet) {
        let client = ClientAuthentication::Basic { id: CLIENT.into(), secret: Secret::new("secret".into()) };
        let endpoint = Endpoint {
            protocol: match self.letter {
                b'p' => Protocol::PingFederate { client },
                b'o' => Protocol::OpenAm { token_in: TokenIn::Query },
                b'm' => Protocol::Mule { token_in: TokenIn::Header, send_scopes: true },
                b'u' => Protocol::UserInfo,
                _ => Protocol::Rfc7662 { client },
            },
            uri: Uri::parse("https://idp.test/ask").expect("a URI"),
            cluster: "idp".into(),
            timeout: Duration::from_secs(1),
        };
        let expect = Expect {
            issuer: Some(ISSUER.into()),
            audiences: Audiences::OneOf(vec![AUDIENCE.into()]),
            required_claims: Vec::new(),
            scope_claims: vec!["scope".into()],
            client_claims: vec!["client_id".into()],
            clock_skew: Duration::ZERO,
            max_lifetime: None,
            allow_missing_exp: false,
            accepts_id_tokens: false,
            types: None,
            algorithms: Algorithms::ASYMMETRIC,
        };
        let keys =
            if self.letter == b's' { ReplyKeys::There(keys, &NoAccelerator) } else { ReplyKeys::NotExpected };
        let terms = Terms { issuer: IssuerId(0), expect: &expect, now: UnixTime::from_secs(NOW), keys };
        let fields = [("content-type".to_owned(), self.kind.clone())];
        let reply = Reply::Answered(Answer { status: self.status, fields: &fields, body: &self.body });
        let word = understand(&endpoint, &reply, &terms);
        match &word {
            Word::Active(grant) => {
                let claims = self.good().unwrap_or_else(|why| panic!("called active: {why}"));
                let window = grant.window();
                let ends =
                    [claims.get("exp").cloned(), self.expires_in().map(|span| json!(NOW as f64 + span))];
                let end = ends.iter().flatten().filter_map(Value::as_f64).reduce(f64::min);
                assert_eq!(window.until.is_some(), end.is_some());
                if let (Some(until), Some(end)) = (window.until, end) {
                    let apart = i128::from(until.as_millis()) - milliseconds(end);
                    // A sum of two floats is as exact as a float of its size.
                    let exact = 10.max((end.abs() * f64::EPSILON * 1000.0) as i128);
                    assert!(apart.abs() <= exact, "{until} is not {end:?}");
                }
                assert!(window.check(terms.now).is_ok(), "good at once");
                assert!(
                    ["access_token", "refresh_token", "id_token"]
                        .iter()
                        .all(|token| grant.claim(token).is_none())
                );
                for scope in grant.scopes().iter() {
                    assert!(
                        claims["scope"].to_string().contains(scope.trim())
                            || !scope.is_ascii()
                            || scope.contains(['"', '\\'])
                            || scope.chars().any(char::is_control)
                    );
                }
                if let Some(client) = grant.client() {
                    assert_eq!(claims["client_id"].as_str(), Some(client));
                }
            }
            Word::Refused(fault) if fault.code() == "token_inactive" => {
                assert!(self.says_inactive(), "called inactive")
            }
            Word::Refused(_) => assert!(self.protocol_says_good(), "judged although the issuer said nothing"),
            Word::Unknown(Silence::Unavailable(status)) => assert!(*status >= 500 || *status == 429),
            Word::Unknown(_) => assert!(self.status < 500 && self.status != 429),
        }
        if self.status >= 500 {
            assert!(matches!(word, Word::Unknown(_)), "a server error is an outage");
        }
    }

    /// The claims when the token is good by the table of protocols and our own checks, or why it is not.
    fn good(&self) -> Result<Value, &'static str> {
        let claims = self.claims().ok_or("the protocol does not say so")?;
        let number = |name: &str| claims.get(name).map(|value| value.as_f64().unwrap_or(f64::NAN));
        let (now, list) = (NOW as f64, |name: &str| claims.get(name).cloned().unwrap_or(Value::Null));
        if number("exp").is_some_and(|exp| exp.is_nan() || exp <= now - 0.001)
            || self.expires_in().is_some_and(|span| span <= 0.0)
        {
            return Err("it has ended");
        }
        if number("nbf").is_some_and(|nbf| nbf.is_nan() || nbf > now + 0.001) {
            return Err("it has not begun");
        }
        if claims.get("iss").is_some_and(|iss| iss != ISSUER) {
            return Err("of another issuer");
        }
        let ours = match list("aud") {
            Value::Null => claims.get("aud").is_none(),
            Value::Array(members) => members.contains(&json!(AUDIENCE)),
            audience => audience == AUDIENCE,
        };
        if !ours {
            return Err("for another audience");
        }
        if list("token_type") == "refresh_token" || list("token_use") == "refresh" {
            return Err("a refresh token");
        }
        if !claims.get("sub").is_none_or(Value::is_string) {
            return Err("whose is it?");
        }
        Ok(claims)
    }

    /// The claims where the protocol calls the token good.
    fn claims(&self) -> Option<Value> {
        let signed_kind = self.letter == b's' && self.media_type() == SIGNED;
        let members = if signed_kind { self.signed_members() } else { self.object() };
        let members = members.filter(|_| self.status == 200)?;
        match self.letter {
            b'p' => {
                let mut claims = members.get("access_token").filter(|claims| claims.is_object())?.clone();
                for name in ["scope", "client_id", "expires_in"] {
                    claims[name] = members.get(name).cloned().unwrap_or(Value::Null);
                    if claims[name].is_null() {
                        claims.as_object_mut()?.remove(name);
                    }
                }
                let span = members.get("expires_in").and_then(Value::as_f64).filter(|span| *span >= 0.0);
                let told =
                    members["token_type"] == "urn:pingidentity.com:oauth2:validated_token" && span.is_some();
                told.then_some(claims)
            }
            b'o' => members.get("expires_in")?.as_f64().filter(|span| *span > 0.0).map(|_| members),
            b'm' => {
                let span = members.get("expires_in").map(|span| span.as_f64().unwrap_or(-1.0));
                span.is_none_or(|span| span >= 0.0).then_some(members)
            }
            b'u' => names_somebody(&members).then_some(members),
            _ => (members.get("active") == Some(&Value::Bool(true))).then_some(members),
        }
    }

    fn protocol_says_good(&self) -> bool {
        self.claims().is_some()
    }

    fn says_inactive(&self) -> bool {
        let error = || self.object().and_then(|object| object.get("error").cloned()).unwrap_or(Value::Null);
        match (self.letter, self.status) {
            (b'p', 400) => error() == "invalid_grant",
            (b'o', 200) => self
                .object()
                .is_some_and(|object| object["expires_in"].as_f64().is_some_and(|span| span <= 0.0)),
            (b'o', 400 | 401) => error() == "invalid_token" || error() == "invalid_request",
            (b'm', 400 | 401 | 403) | (b'u', 401 | 403) => true,
            (b'p' | b'o' | b'm' | b'u', _) => false,
            (b's', 200) if self.media_type() == SIGNED => {
                self.signed_members().is_some_and(|members| members["active"] == false)
            }
            (_, 200) => self.object().is_some_and(|object| object["active"] == false),
            _ => false,
        }
    }

    /// `expires_in`, where the protocol has one besides `exp`.
    fn expires_in(&self) -> Option<f64> {
        if !b"pom".contains(&self.letter) {
            return None;
        }
        self.object()?.get("expires_in")?.as_f64()
    }

    fn object(&self) -> Option<Value> {
        let json = self.media_type() == "application/json" && self.body.len() <= 64 * 1024;
        serde_json::from_slice::<Value>(&self.body).ok().filter(|value| json && value.is_object())
    }

    /// The members of a signed reply to us (RFC 9701 section 5).
    fn signed_members(&self) -> Option<Value> {
        let claims = self.signed.as_ref()?;
        let for_us = match claims.get("aud")? {
            Value::Array(members) => members.contains(&json!(CLIENT)) && members.iter().all(Value::is_string),
            audience => audience == CLIENT,
        };
        let issued = claims.get("iat")?.as_f64()? < (NOW + 1) as f64;
        let whole = claims.get("iss")? == ISSUER && for_us && issued;
        claims.get("token_introspection").filter(|members| whole && members.is_object()).cloned()
    }

    fn media_type(&self) -> String {
        let text = core::str::from_utf8(&self.kind).unwrap_or_default();
        text.split(';').next().unwrap_or_default().trim().to_lowercase()
    }
}

fn milliseconds(seconds: f64) -> i128 {
    seconds.floor() as i128 * 1000 + ((seconds - seconds.floor()) * 1000.0) as i128
}

fn names_somebody(members: &Value) -> bool {
    let named = |value: Option<&Value>| value.and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    let profile = |value: &Value| named(value.get("id")) || named(value.get("username"));
    named(members.get("sub")) || profile(members) || members.get("user").is_some_and(profile)
}
