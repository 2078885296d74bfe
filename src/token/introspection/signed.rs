//! JWT Response for OAuth Token Introspection, RFC 9701: an answer that the issuer signed.

use serde_json::Value;

use super::{ClientAuthentication, Silence, Terms};
use crate::base::base64url;
use crate::base::json::{self, Object};
use crate::base::time::UnixTime;
use crate::http::message::Answer;
use crate::jose::backend::Accelerator;
use crate::jose::fault::JoseFault;
use crate::jose::jws::Unverified;
use crate::jose::key_set::KeySet;
use crate::jose::verify::verify;
use crate::token::claims;
use crate::token::expect::is_media_type;

/// The media type of such an answer.
pub(super) const MEDIA_TYPE: &str = "application/token-introspection+jwt";

/// The `typ` of such an answer, which no access token may have (section 8.1).
pub const TYPE: &str = "token-introspection+jwt";

/// What an issuer's signed answers are verified with.
#[derive(Clone, Copy)]
pub enum ReplyKeys<'t> {
    /// Nothing: it has no keys by the policy, and no signed answer was asked for.
    NotExpected,
    /// Its keys; none while they are not there yet.
    There(&'t KeySet, &'t dyn Accelerator),
}

/// The members of a signed answer to `client` (section 5), believed only when all of it is as it must be.
pub(super) fn open(
    answer: &Answer<'_>,
    client: &ClientAuthentication,
    terms: &Terms<'_>,
) -> Result<Object, Silence> {
    const UNASKED: Silence = Silence::Misbehaved("its answer is signed, which was not asked for");
    let id = client.id().ok_or(UNASKED)?;
    let (keys, accelerator) = match terms.keys {
        ReplyKeys::NotExpected => return Err(UNASKED),
        ReplyKeys::There(keys, accelerator) => (keys, accelerator),
    };
    let jws = Unverified::parse(answer.body)
        .map_err(|_| Silence::Misbehaved("its signed answer is not a signed token"))?;
    if jws.typ().is_none_or(|typ| !is_media_type(typ, TYPE)) {
        return Err(Silence::Misbehaved("its signed answer is of another `typ`"));
    }
    match verify(jws, keys, terms.expect.algorithms, accelerator) {
        Ok(verified) => members(verified.into_inner().into_claims(), answer.body, id, terms),
        // The key may be newer than the set that we have.
        Err(JoseFault::KeyUnknown) => Err(Silence::KeysMissing),
        Err(_) => Err(Silence::Misbehaved("the signature of its answer does not hold")),
    }
}

fn members(claims: Object, body: &[u8], client: &str, terms: &Terms<'_>) -> Result<Object, Silence> {
    if terms.expect.issuer.is_none()
        || claims.get("iss").and_then(Value::as_str) != terms.expect.issuer.as_deref()
    {
        return Err(Silence::Misbehaved("its signed answer names another issuer"));
    }
    let audiences = claims::audiences(&claims).unwrap_or_default();
    if !audiences.iter().any(|audience| audience == client) {
        return Err(Silence::Misbehaved("its signed answer is for another client"));
    }
    // An older one was an answer to somebody else, or is shown a second time. Issuers count whole seconds.
    let (skew, asked) = (terms.expect.clock_skew, UnixTime::from_secs(terms.asked.as_secs()));
    let span = asked.minus(skew)..=terms.now.plus(skew);
    match claims::time(&claims, "iat") {
        Ok(Some(issued)) if span.contains(&issued) => {}
        Ok(_) | Err(_) => {
            return Err(Silence::Misbehaved("its signed answer has no `iat` between our question and now"));
        }
    }
    told(body).ok_or(Silence::Misbehaved("its signed answer has no `token_introspection`"))
}

/// `token_introspection` in a signed answer that was verified, with those of its members that are `null`, which claims
/// are without.
fn told(body: &[u8]) -> Option<Object> {
    let payload = base64url::decode(body.split(|byte| *byte == b'.').nth(1)?)?;
    let Value::Object(mut members) = json::value(&payload).ok()?.get_mut("token_introspection")?.take()
    else {
        return None;
    };
    members.values_mut().for_each(json::drop_nulls);
    Some(members)
}

#[cfg(test)]
mod tests {
    use super::super::examples::{
        Heard, NOW, answers, ec_key, endpoint, expect, heard, question_about, terms,
    };
    use super::super::{Protocol, Question, question, understand};
    use super::*;
    use crate::base::secret::Secret;
    use crate::http::message::Reply;
    use crate::jose::algorithm::{Algorithm, Algorithms};
    use crate::jose::backend::NoAccelerator;
    use crate::jose::backend::NoSigner;
    use crate::jose::key_set::Origin;
    use crate::jose::signing_key::SigningKey;
    use crate::token::expect::Expect;
    use serde_json::json;

    fn client() -> ClientAuthentication {
        ClientAuthentication::Basic { id: "gw".into(), secret: Secret::new("s".into()) }
    }

    fn keys(kid: &str) -> KeySet {
        let mut key = ec_key();
        let members = key.as_object_mut().unwrap();
        members.remove("d");
        members.insert("kid".into(), json!(kid));
        let set = json!({"keys": [key]});
        KeySet::parse(set.as_object().unwrap(), Origin::Inline).unwrap().0
    }

    fn expected() -> Expect {
        Expect { algorithms: Algorithms::ASYMMETRIC, ..expect() }
    }

    fn claims() -> Value {
        json!({
            "iss": "https://idp.test", "aud": "gw", "iat": NOW.as_secs(),
            "token_introspection": {"active": true, "sub": "alice", "scope": "read"},
        })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[name] = value;
        claims
    }

    fn signed(claims: &Value, typ: &str) -> String {
        let mut key = ec_key();
        key["kid"] = json!("k");
        let key = SigningKey::from_jwk(key.as_object().unwrap(), Algorithm::Es256).unwrap();
        key.sign(typ, claims.as_object().unwrap(), &NoSigner).unwrap()
    }

    fn told(body: &str, client: ClientAuthentication, keys: ReplyKeys<'_>) -> Heard {
        let fields = [("content-type".to_owned(), MEDIA_TYPE.as_bytes().to_vec())];
        let reply = Reply::Answered(Answer { status: 200, fields: &fields, body: body.as_bytes() });
        let (expect, answers) = (expected(), answers());
        let terms = Terms { keys, ..terms(&expect, &answers) };
        heard(understand(&endpoint(Protocol::Rfc7662 { client }), &reply, &terms))
    }

    fn hear(body: &str) -> Heard {
        told(body, client(), ReplyKeys::There(&keys("k"), &NoAccelerator))
    }

    #[test]
    fn a_signed_answer_says_what_an_unsigned_one_says() {
        assert_eq!(hear(&signed(&claims(), TYPE)).grant().subject(), Some("alice"));
        assert_eq!(hear(&signed(&claims(), MEDIA_TYPE)).grant().subject(), Some("alice"));
        assert_eq!(hear(&signed(&with("aud", json!(["x", "gw"])), TYPE)).grant().subject(), Some("alice"));
        let inactive = signed(&with("token_introspection", json!({"active": false})), TYPE);
        assert_eq!(hear(&inactive), Heard::Refused("token_inactive"));
        let other = json!({"active": true, "aud": "other"});
        assert_eq!(
            hear(&signed(&with("token_introspection", other), TYPE)),
            Heard::Refused("audience_mismatch")
        );
    }

    #[test]
    fn what_a_signed_answer_calls_null_is_taken_away_too() {
        let said = json!({"active": true, "sub": null, "realm": {"roles": null, "id": 1}});
        let body = signed(&with("token_introspection", said), TYPE);
        let (expect, key) = (expected(), keys("k"));
        let strict = answers();
        let terms = Terms { keys: ReplyKeys::There(&key, &NoAccelerator), ..terms(&expect, &strict) };
        let members = open(&Answer { status: 200, fields: &[], body: body.as_bytes() }, &client(), &terms);
        assert_eq!(members.map(Value::Object), Ok(json!({"active": true, "sub": null, "realm": {"id": 1}})));
    }

    #[test]
    fn an_answer_that_is_not_as_it_must_be_says_nothing() {
        for (name, value) in [
            ("iss", json!("https://other.test")),
            ("iss", json!(null)),
            ("aud", json!("other")),
            ("aud", json!([])),
            ("aud", json!(["gw", 1])),
            ("aud", json!(null)),
            ("iat", json!(NOW.as_secs() + 1)),
            ("iat", json!(NOW.as_secs() - 1)),
            ("iat", json!("now")),
            ("iat", json!(null)),
            ("token_introspection", json!(null)),
            ("token_introspection", json!("active")),
            ("token_introspection", json!({"active": "true"})),
            ("token_introspection", json!({})),
        ] {
            let claims = with(name, value.clone());
            assert_eq!(hear(&signed(&claims, TYPE)), Heard::Misbehaved, "{name} {value}");
        }
        for missing in ["iss", "aud", "iat", "token_introspection"] {
            let mut claims = claims();
            claims.as_object_mut().unwrap().remove(missing);
            assert_eq!(hear(&signed(&claims, TYPE)), Heard::Misbehaved, "{missing}");
        }
        for typ in ["JWT", "at+jwt", ""] {
            assert_eq!(hear(&signed(&claims(), typ)), Heard::Misbehaved, "{typ}");
        }
        let good = signed(&claims(), TYPE);
        for broken in [format!("{good}A"), good.replace('.', ""), r#"{"active":true}"#.into(), String::new()]
        {
            assert_eq!(hear(&broken), Heard::Misbehaved, "{broken}");
        }
        let (text, _) = good.rsplit_once('.').unwrap();
        let forged = format!("{text}.{}", crate::base::base64url::encode([1; 64]));
        assert_eq!(hear(&forged), Heard::Misbehaved);
    }

    #[test]
    fn a_signed_answer_is_good_where_the_policy_names_an_issuer_alone() {
        let (key, nobody) = (keys("k"), answers());
        let expect = Expect { issuer: None, ..expected() };
        let terms = Terms { keys: ReplyKeys::There(&key, &NoAccelerator), ..terms(&expect, &nobody) };
        let body = signed(&with("iss", json!(null)), TYPE);
        let opened = open(&Answer { status: 200, fields: &[], body: body.as_bytes() }, &client(), &terms);
        assert!(matches!(opened, Err(Silence::Misbehaved("its signed answer names another issuer"))));
    }

    #[test]
    fn an_answer_is_made_between_our_question_and_now() {
        let (answers, key) = (answers(), keys("k"));
        let told = |asked: i64, skew: u64, iat: i64| {
            let body = signed(&with("iat", json!(NOW.as_secs() + iat)), TYPE);
            let fields = [("content-type".to_owned(), MEDIA_TYPE.as_bytes().to_vec())];
            let reply = Reply::Answered(Answer { status: 200, fields: &fields, body: body.as_bytes() });
            let expect = Expect { clock_skew: core::time::Duration::from_secs(skew), ..expected() };
            let asked = UnixTime::from_millis(NOW.as_millis() + asked);
            let keys = ReplyKeys::There(&key, &NoAccelerator);
            let terms = Terms { keys, asked, ..terms(&expect, &answers) };
            matches!(
                heard(understand(&endpoint(Protocol::Rfc7662 { client: client() }), &reply, &terms)),
                Heard::Active(_)
            )
        };
        assert!(told(0, 0, 0) && !told(0, 0, -1) && !told(0, 0, 1));
        assert!(told(-1500, 0, -2) && !told(-1500, 0, -3), "issuers count whole seconds");
        assert!(told(0, 60, -60) && told(0, 60, 60) && !told(0, 60, -61) && !told(0, 60, 61));
    }

    #[test]
    fn without_the_key_nobody_knows() {
        let good = signed(&claims(), TYPE);
        for keys in [KeySet::default(), keys("other")] {
            assert_eq!(told(&good, client(), ReplyKeys::There(&keys, &NoAccelerator)), Heard::KeysMissing);
        }
        assert_eq!(told(&good, client(), ReplyKeys::NotExpected), Heard::Misbehaved);
        let nobody = told(&good, ClientAuthentication::None, ReplyKeys::There(&keys("k"), &NoAccelerator));
        assert_eq!(nobody, Heard::Misbehaved);
    }

    #[test]
    fn a_signed_answer_is_asked_for_where_it_can_be_verified() {
        let accept = |client: ClientAuthentication, can_verify| {
            let question_about = Question { can_verify, ..question_about("t", "") };
            let callout = question(&endpoint(Protocol::Rfc7662 { client }), &question_about).unwrap();
            let accept = callout.fields.expose().iter().find(|(name, _)| *name == "accept").cloned();
            accept.unwrap().1
        };
        assert_eq!(accept(client(), true), "application/token-introspection+jwt, application/json");
        assert_eq!(accept(client(), false), "application/json");
        assert_eq!(accept(ClientAuthentication::None, true), "application/json");
    }
}
