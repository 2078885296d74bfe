//! Keys and tokens for the tests of this folder: RFC 7515 appendix A, and tokens that we sign with HMAC.

use serde_json::{Value, json};

use super::algorithm::{Algorithm, Algorithms};
use super::backend::{Accelerator, NoAccelerator};
use super::fault::{JoseFault, KeyFault};
use super::hmac;
use super::jws::Unverified;
use super::key_set::{KeySet, Origin};
use super::verify::{Payload, Verified, verify};
use crate::base::base64url::encode;

/// RFC 7515 A.1 to A.3: the same claims, signed by `rsa_key` and by `ec_key`.
pub(super) const CLAIMS: &str =
    "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
pub(super) const RS256: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
pub(super) const ES256: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

pub(super) fn rsa_key() -> Value {
    json!({"kty": "RSA", "e": "AQAB", "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"})
}

pub(super) fn ec_key() -> Value {
    json!({"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})
}

pub(super) fn ed25519_key() -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
}

pub(super) fn oct_key(secret: &[u8]) -> Value {
    json!({"kty": "oct", "k": encode(secret)})
}

/// `key` with further members, or with other values.
pub(super) fn with(mut key: Value, members: Value) -> Value {
    let Value::Object(members) = members else { panic!("members are an object") };
    key.as_object_mut().unwrap().extend(members);
    key
}

pub(super) fn parse(members: &[Value], origin: Origin) -> (KeySet, Vec<KeyFault>) {
    let document = json!({ "keys": members });
    let (keys, skipped) = KeySet::parse(document.as_object().unwrap(), origin).unwrap();
    (keys, skipped.into_iter().map(|skipped| skipped.why).collect())
}

/// The set of `members`, all of which must be good.
pub(super) fn key_set(members: &[Value]) -> KeySet {
    let (keys, skipped) = parse(members, Origin::Inline);
    assert_eq!(skipped, []);
    keys
}

/// A token of any header and payload, with the code that `algorithm` makes of `secret`.
pub(super) fn hmac_token(header: &str, payload: &str, algorithm: Algorithm, secret: &[u8]) -> String {
    let text = format!("{}.{}", encode(header), encode(payload));
    let tag = encode(hmac::tag(algorithm.hash(), secret, text.as_bytes()).unwrap());
    format!("{text}.{tag}")
}

pub(super) fn everything() -> Algorithms {
    Algorithms::of(Algorithm::ALL.iter().copied())
}

pub(super) fn check(token: &str, keys: &KeySet) -> Result<Verified<Payload>, JoseFault> {
    check_with(token, keys, everything(), &NoAccelerator)
}

pub(super) fn check_with(
    token: &str,
    keys: &KeySet,
    allowed: Algorithms,
    accelerator: &dyn Accelerator,
) -> Result<Verified<Payload>, JoseFault> {
    verify(Unverified::parse(token.as_bytes())?, keys, allowed, accelerator)
}
