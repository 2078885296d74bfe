//! What a reply comes to, by the table of protocols and our own checks.

use scopegate::base::json;
use scopegate::token::grant::Grant;
use serde_json::{Map, Value, json};

use super::values::{
    ABOUT_TOKEN, ID_TOKEN, KINDS, in_range, is_no_access_token, is_signed_answer, milliseconds,
    names_somebody, own, rest_of_life, seconds, texts, whole,
};
use super::{AUDIENCE, CLIENT, ISSUER, NOW, SIGNED, token};

type Members = Map<String, Value>;

/// A reply.
pub(super) struct Said {
    pub(super) letter: u8,
    /// `aud` and `iss` may not be left out.
    pub(super) is_strict: bool,
    /// It is about the token of [`token`].
    pub(super) is_about_verified: bool,
    pub(super) status: u16,
    pub(super) kind: Vec<u8>,
    pub(super) body: Vec<u8>,
    /// What one of the issuer's keys has signed, where this is such a reply.
    pub(super) signed: Option<Value>,
}

/// What it comes to.
#[derive(Debug)]
pub(super) enum Expected {
    Good(Box<Good>),
    /// The issuer says that the token is not active.
    Inactive,
    LacksScope,
    /// The issuer calls the token good, and our own checks do not; beside something that cannot be read it may be an
    /// outage too.
    Refused {
        or_unknown: bool,
    },
    Unknown,
    /// Good or not, within the breadth of a millisecond.
    Anything,
}

/// A token that is good.
#[derive(Debug)]
pub(super) struct Good {
    claims: Members,
    scopes: Vec<String>,
    client: Option<String>,
    end: Option<f64>,
}

impl Good {
    pub(super) fn check(&self, grant: &Grant) {
        for (name, value) in &self.claims {
            assert_eq!(grant.claims().get(name), Some(value), "{name}");
        }
        assert_eq!(grant.claims().len(), self.claims.len());
        assert_eq!(grant.scopes().iter().collect::<Vec<_>>(), self.scopes);
        assert_eq!(grant.client(), self.client.as_deref());
        let audiences = self.claims.get("aud").and_then(|aud| texts(aud, false)).unwrap_or_default();
        assert_eq!(grant.audiences(), audiences);
        assert_eq!(grant.window().until.is_some(), self.end.is_some());
        if let (Some(until), Some(end)) = (grant.window().until, self.end) {
            let apart = i128::from(until.as_millis()) - milliseconds(end);
            // A sum of two floats is as exact as a float of its size.
            let exact = 10.max((end.abs() * f64::EPSILON * 1000.0) as i128);
            assert!(apart.abs() <= exact, "{until} is not {end:?}");
        }
    }
}

/// What the protocol calls good: members, and what the server itself says beside them.
struct Told {
    members: Members,
    lifetime: Option<f64>,
    own_scope: Option<Value>,
    own_client: Option<Value>,
}

impl Said {
    pub(super) fn expected(&self) -> Expected {
        if self.status >= 500 || self.status == 429 || self.body.len() > 64 * 1024 {
            return Expected::Unknown;
        }
        if let Some(taken_back) = self.taken_back() {
            return taken_back;
        }
        if let Some(told) = self.told() {
            return self.judge(told);
        }
        match (self.letter, self.status) {
            (b'p', 400) if self.error() == "invalid_grant" => Expected::Inactive,
            (b'o', 400 | 401) if self.error() == "invalid_token" || self.error() == "invalid_request" => {
                Expected::Inactive
            }
            (b'g', 400) if self.error() == "invalid_token" => Expected::Inactive,
            (b'g', 400)
                if self.object().is_some_and(|members| {
                    own(&members, "error").is_none()
                        && members.get("error_description") == Some(&json!("Invalid Value"))
                }) =>
            {
                Expected::Inactive
            }
            (b'm', 400 | 401 | 403) | (b'u', 401) => Expected::Inactive,
            (b'u', 403) if self.error() == "insufficient_scope" => Expected::LacksScope,
            (b'u', 403) => Expected::Inactive,
            (b'u', 400) if self.error() == "invalid_token" || self.error() == "invalid_scope" => {
                Expected::Inactive
            }
            (b'p' | b'o' | b'm' | b'g' | b'u', _) => Expected::Unknown,
            (_, 400) if self.error() == "unsupported_token_type" => Expected::Inactive,
            _ => Expected::Unknown,
        }
    }

    /// What the body of an answer with status 200 comes to that does not call the token good, in whatever protocol.
    fn taken_back(&self) -> Option<Expected> {
        let members = self.answered().filter(|_| self.status == 200)?;
        let (active, error) = (own(&members, "active"), members.get("error"));
        if active == Some(json!(false)) {
            return Some(Expected::Inactive);
        }
        let mut nothing = vec![json!(null), json!(false), json!("")];
        let contradicts = match self.letter {
            b'o' | b'u' => {
                error.is_some_and(|error| error.is_object() || error.is_string() && !nothing.contains(error))
            }
            b'p' | b'm' | b'g' => {
                let says = |name: &&str| members.get(*name).is_some_and(|value| !nothing.contains(value));
                ["error", "error_description"].iter().any(says) || active.is_some_and(|value| value != true)
            }
            _ => {
                nothing.extend([json!(0), json!([])]);
                error.is_some_and(|error| !nothing.contains(error))
            }
        };
        if contradicts {
            return Some(Expected::Unknown);
        }
        // What Google says of ID tokens alone.
        let is_there = |name: &&str| own(&members, name).is_some();
        let is_of_id_token = self.letter == b'g' && ID_TOKEN.iter().any(is_there);
        is_of_id_token.then_some(Expected::Inactive)
    }

    /// The members that are the server's own where others are a user's attributes.
    fn own_in_profile(&self) -> Option<&'static [&'static str]> {
        match self.letter {
            b'p' => Some(&["scope", "client_id", "expires_in"]),
            b'o' => Some(&["scope", "client_id", "token_type", "tokenName", "expires_in"]),
            b'u' => Some(&["sub", "client_id"]),
            _ => None,
        }
    }

    /// The members that name the client.
    pub(super) fn clients(&self) -> &'static [&'static str] {
        match self.letter {
            b'p' => &[],
            b'o' | b'u' => &["client_id"],
            b'g' => &["azp"],
            _ => &["client_id", "azp"],
        }
    }

    /// Whether the member of an answer about a verified token says nothing about that: what says scopes and client in the
    /// token, and not in answers, and attributes of a user with the name of a claim about a token.
    fn is_foreign(&self, name: &str) -> bool {
        let own = self.own_in_profile();
        if self.clients().contains(&name) || own.is_some_and(|own| own.contains(&name)) {
            return false;
        }
        match name {
            "client_id" | "azp" => true,
            "scope" => self.letter == b'u',
            _ => own.is_some() && (ABOUT_TOKEN.contains(&name) || KINDS.contains(&name)),
        }
    }

    /// What the protocol calls good.
    fn told(&self) -> Option<Told> {
        let mut members = self.answered().filter(|_| self.status == 200)?;
        let plain = |members, lifetime| Some(Told { members, lifetime, own_scope: None, own_client: None });
        match self.letter {
            b'p' => {
                let lifetime = seconds(&members)?;
                if members.get("token_type") != Some(&json!("urn:pingidentity.com:oauth2:validated_token")) {
                    return None;
                }
                let mut claims = members.get("access_token")?.as_object()?.clone();
                claims.remove("token_type");
                for name in ["scope", "client_id", "expires_in"] {
                    claims.remove(name);
                    claims.extend(own(&members, name).map(|value| (name.to_owned(), value)));
                }
                let (own_scope, own_client) = (own(&members, "scope"), own(&members, "client_id"));
                Some(Told { members: claims, lifetime: Some(lifetime), own_scope, own_client })
            }
            b'o' => {
                let lifetime = seconds(&members)?;
                plain(members, Some(lifetime))
            }
            b'm' => {
                let lifetime = seconds(&members)?;
                let readable = own(&members, "username").is_none_or(|name| name.is_string());
                if readable { plain(members, Some(lifetime)) } else { None }
            }
            b'g' => {
                own(&members, "scope")?;
                for name in ["exp", "expires_in"] {
                    let text = members.get(name).and_then(Value::as_str).map(str::to_owned);
                    if let Some(text) = text {
                        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                        members.insert(name.into(), json!(text.parse::<u64>().ok().filter(|_| digits)?));
                    }
                }
                if own(&members, "exp").is_none() && own(&members, "expires_in").is_none() {
                    return None;
                }
                let is_number = |name| own(&members, name).is_none_or(|value| value.is_number());
                let lifetime = own(&members, "expires_in").map(|_| seconds(&members));
                let readable = lifetime.is_none_or(|span| span.is_some());
                if readable && is_number("exp") { plain(members, lifetime.flatten()) } else { None }
            }
            b'u' => {
                for name in ["sub", "client_id"] {
                    if let Some(number) = members.get(name).and_then(whole) {
                        members.insert(name.into(), json!(number));
                    }
                }
                if names_somebody(&members) { plain(members, None) } else { None }
            }
            _ if members.get("active") == Some(&json!(true)) => {
                let lifetime = rest_of_life(&members);
                plain(members, lifetime)
            }
            _ => None,
        }
    }

    /// Our own checks.
    fn judge(&self, told: Told) -> Expected {
        let Told { members, lifetime, own_scope, own_client } = told;
        let mut claims = members.clone();
        for name in ["access_token", "refresh_token", "id_token"] {
            claims.remove(name);
        }
        let null: Vec<String> =
            claims.iter().filter(|(_, value)| value.is_null()).map(|(name, _)| name.clone()).collect();
        claims.retain(|_, value| !value.is_null());
        let base = if self.is_about_verified { token() } else { json!({}) };
        let base = base.as_object().expect("an object").clone();

        let scope_name = if b"pu".contains(&self.letter) { None } else { Some("scope") };
        let scope = own_scope.or_else(|| claims.get(scope_name?).cloned());
        let named = self.clients().iter().find_map(|name| claims.get(*name).cloned());
        let client = own_client.clone().or(named);
        let is_profile = self.own_in_profile().is_some();
        let is_time = |name: &str| claims.get(name).is_none_or(|value| value.as_f64().is_some_and(in_range));
        let is_text = |name: &str| claims.get(name).is_none_or(Value::is_string);
        let kinds: &[&str] = match self.letter {
            b'o' => &["token_type", "tokenName"],
            b'p' | b'u' => &[],
            _ => &KINDS,
        };
        let readable = (is_profile
            || ["exp", "nbf"].into_iter().all(is_time)
                && is_text("iss")
                && claims.get("aud").is_none_or(|aud| texts(aud, false).is_some()))
            && is_text("sub")
            && kinds.iter().all(|name| is_text(name))
            && scope.as_ref().is_none_or(|scope| texts(scope, true).is_some())
            && client.as_ref().is_none_or(Value::is_string)
            && self.clients().iter().all(|name| is_text(name))
            && claims.get("cnf").is_none_or(Value::is_object);

        let now = NOW as f64;
        let time = |name: &str| claims.get(name).filter(|_| !is_profile).and_then(Value::as_f64);
        let exp = time("exp");
        let end = [exp, lifetime.map(|span| now + span.max(0.0))].into_iter().flatten().reduce(f64::min);
        let nbf = time("nbf");
        let near = |time: Option<f64>| time.is_some_and(|time| (time - now).abs() < 0.002 && time != now);
        let mut against = end.is_some_and(|end| end <= now) || nbf.is_some_and(|nbf| nbf > now);
        against |= claims.get("iss").is_some_and(|iss| iss != ISSUER && (iss.is_string() || !is_profile));
        against |= kinds
            .iter()
            .any(|name| claims.get(*name).and_then(Value::as_str).is_some_and(is_no_access_token));
        let aud = claims.get("aud").and_then(|aud| texts(aud, false)).unwrap_or_default();
        let leaves_out = |name: &str| !members.contains_key(name) || self.is_foreign(name);
        against |= if aud.is_empty() {
            self.is_strict && !(self.is_about_verified && leaves_out("aud"))
        } else {
            !aud.iter().any(|aud| aud == AUDIENCE)
        };
        let wants_issuer = self.is_strict && !b"pomgu".contains(&self.letter);
        against |=
            wants_issuer && !claims.contains_key("iss") && !(self.is_about_verified && leaves_out("iss"));
        let differs = |name: &str, own: Option<&str>| {
            let other = base.get(name).and_then(Value::as_str);
            own.zip(other).is_some_and(|(own, other)| !own.is_empty() && own != other)
        };
        against |= differs("sub", claims.get("sub").and_then(Value::as_str));
        let text = |members: &Members, name: &str| {
            members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let both = self.clients().iter().filter_map(|name| Some((text(&claims, name)?, text(&base, name)?)));
        let agree: Vec<bool> = both.map(|(own, other)| own == other).collect();
        against |= if agree.is_empty() || own_client.is_some() {
            differs("client_id", client.as_ref().and_then(Value::as_str))
        } else {
            agree.contains(&false)
        };
        match (readable, against) {
            (false, false) => return Expected::Unknown,
            (or_unknown, true) => return Expected::Refused { or_unknown: !or_unknown },
            (true, false) => {}
        }
        if near(end) || near(nbf) {
            return Expected::Anything;
        }

        if self.is_about_verified {
            claims.retain(|name, _| !self.is_foreign(name));
        }
        claims.retain(|name, _| !is_profile || !ABOUT_TOKEN.contains(&name.as_str()));
        let mut merged = base.clone();
        for name in &null {
            let stays = (name == "aud" && !self.is_strict)
                || (name == "iss" && !wants_issuer)
                || name == "cnf"
                || self.is_foreign(name);
            if !stays {
                merged.remove(name);
            }
        }
        let kept = merged.clone();
        merged.extend(claims);
        if self.is_about_verified && aud.is_empty() && !self.is_strict {
            merged.insert("aud".into(), base["aud"].clone());
        }
        if self.is_about_verified
            && merged.get("cnf").is_some_and(|cnf| cnf.as_object().is_some_and(Map::is_empty))
        {
            merged.remove("cnf");
        }
        let scopes = scope.or_else(|| kept.get("scope").cloned());
        // Of the members that name the client the first that is there, whoever says it.
        let first = ["client_id", "azp"].iter().find_map(|name| merged.get(*name).cloned());
        let client = own_client.or(if self.is_about_verified { first } else { None }).or(client);
        let base_end = base.get("exp").and_then(Value::as_f64);
        Expected::Good(Box::new(Good {
            claims: merged,
            scopes: scopes.and_then(|scope| texts(&scope, true)).unwrap_or_default(),
            client: client.and_then(|client| client.as_str().map(str::to_owned)),
            end: [end, base_end].into_iter().flatten().reduce(f64::min),
        }))
    }

    /// The members of the answer, signed or not.
    fn answered(&self) -> Option<Members> {
        if self.letter == b's' && self.media_type() == SIGNED { self.signed_members() } else { self.object() }
    }

    fn error(&self) -> String {
        let error = self.object().and_then(|members| members.get("error")?.as_str().map(str::to_owned));
        error.unwrap_or_default()
    }

    fn object(&self) -> Option<Members> {
        let kind = self.media_type();
        let suffixed = kind.strip_suffix("+json").and_then(|kind| kind.split_once('/'));
        let is_json = kind == "application/json"
            || suffixed
                .is_some_and(|(kind, name)| !kind.is_empty() && !name.is_empty() && !name.contains('/'));
        json::object_with_nulls(&self.body).ok().filter(|_| is_json)
    }

    /// The members of a signed reply to us (RFC 9701 section 5).
    fn signed_members(&self) -> Option<Members> {
        let claims = self.signed.as_ref()?;
        let for_us = texts(claims.get("aud")?, false)?.iter().any(|audience| audience == CLIENT);
        let issued = claims.get("iat")?.as_f64()?;
        let fresh = issued < (NOW + 1) as f64 && issued >= NOW as f64;
        let whole = claims.get("iss")? == ISSUER && for_us && fresh && is_signed_answer(&self.body);
        let mut members = claims.get("token_introspection").filter(|_| whole)?.as_object()?.clone();
        members.values_mut().for_each(json::drop_nulls);
        Some(members)
    }

    fn media_type(&self) -> String {
        let text = core::str::from_utf8(&self.kind).unwrap_or_default();
        text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }
}
