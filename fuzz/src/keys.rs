//! Keys that are the same in every run, so that a saved input means the same tomorrow. Made for this and used nowhere
//! else.

use scopegate::base::json;
use scopegate::tool::mint::PrivateKey;
use serde_json::{Map, Value, json};

/// A key by the name that its `kid` has too.
pub(crate) fn key(kid: &str) -> PrivateKey {
    let mut jwk = match kid {
        "one" => ed25519(
            "kYTs8_rKhUgW-fYYwrYJzAGQZTHsOzXI-0s3usMg2AA",
            "M8c927ZR9zMB0F9-LQ8AxQ_yjwfbaGeXi0AWBeuv6Gs",
        ),
        "two" => ed25519(
            "nzLbjVATen7DeFDW6C_e6ak3NldnV_nQjK3u0qaVT6I",
            "kS0laqYlYwW8WX5uDE6nXZ94qPFUjjIFA3XAJ8mniMg",
        ),
        "three" => ed25519(
            "SlWgd60_VQ9nKgXAK2EqlrfaJDUH1tTwAk2UaFrINRU",
            "x4YHVhXCtDgsZf0mpywAHLBBIbqfHKo7KXFngHa-sDU",
        ),
        "ec" => json!({
            "alg": "ES256", "kty": "EC", "crv": "P-256", "x": "XDhktXvRykBn8tTGuJEde-OboOSnBkP46DLRrqyegtI",
            "y": "ckkxK-TCozJnnH2iCscFKhVxB7Kswk3kBGgkFkzg2-A", "d": "jdV9I8pJ8bTLnXCWaBEqh8z0irk2Ev5toZXztGfDauI",
        }),
        "oct" => json!({"alg": "HS256", "kty": "oct", "k": "PYDMErfYs5UN9uB3FDCCJp1aJ8fnuwB8rLALfNB3kHQ"}),
        _ => json!({
            "alg": "RS256", "kty": "RSA", "e": "AQAB",
            "n": concat!("9YQWzd7-2WKmtNo63ah6_aLPf9qFOsebNXAO4MHKgJPP27mD75WrFUiTtdcJtZKSiTEMectsf08FG5nhfR2IPkSlFx", "HwBO7_8oOB-9L-8BeufBvpzbfu7BvWUCQPmV_euOGx91nU98RrCPhr6FkeP6OkrQaPi5JSjShgX4lrYfRmf15YjnHD", "rrMW_IfkRD71mtsPvoZ2SoEe8WpZi0XK2GLNCgYH-rztzx5epx8_KdJ6LzaNuDCypdmjy6W4UcU7ZKZf_bvcDS9GrS", "r2p5YfFOSC7jbuC7tbbAJSbtoe6t9EPdM5QlqxJrVuhm2I2eWvOih1n51ryeRJXtFLDSfC6Q"),
            "d": concat!("fq-W-ModZNyzutR01ZWvSRtuyMFgR_FhlFRrSOyWanxbIDz86G6pZgUaOxVn7CpitKn7jwk5xgNnVlOz99R6Te8r5N", "ibqmAM7_2N3_yDEi6WGXJp1X4Yqfq_PoEtD25ZxbqoE0NmUicnN-y_-ZeqtRniyml9Pn7VXAM-n22QXG02j9sG1bRl", "RXLTmTF3zpVM6BCgc8_qii0ZVHt5SyVl8zJqwrCeHKun4iWJ9fiVBdDhpF3bKjHQpml5r3ilkz9Ahd0UgT25zVtXq1", "o8TAzs-w11mmnnAuWaaxFtcBpvBsn1QXCcAat69Eb7V2PgwlB6SVGhYRz7hH9j1Gtvw6diNQ"),
            "p": concat!("-pTeJhxQJurd7EIc_wAgc4bMi0UhC6Ao48PNVXUcTXqA6JSPY36pikWJANgxNjshrilLEoLWLcjw4MG9y6Y9R0OEOV", "x92Sp0m76OX_NHJb_V1tvOfDwLrQfbANXMn12lO6ocsOEZib1Hfz7PbeM3EM26WW_IwKkzl6YGQ0gOC2c"),
            "q": concat!("-tMuI46vJtp3enEZn1M0p5nRPZ8tD87EdTbT5MtfCk-cIEzU4Jjb9qhI6iPZBSrAwkspCau6cQ7D7LxLUA83WSzNUS", "JEKGzp6bDklWKMknQ4ZsaQ-sO2k0MkLF0iysg-ZrGZ3HWjIyjEALA0idHMawIy4Duu0BqyAkrfVQXPHS8"),
            "dp": concat!("AnlLxCaNaATzkeyJKr9OkrVm-Y0CKYI4RR9evJQ-ZklqUmF9FOdgNxw-oQKBYd6tk3GW6yTdhnAwaJehDwyiGD0DZi", "mSmH1Bz3PPJgVZ03aUXt2mqTVSjC_Cqrxxm7Up92_Tfq-KOADlXs048QXIOmM9jrp6yeQhvUKHV0yzzss"),
            "dq": concat!("rRcS3gLXKC7XCK4ICoT27zocxTOVezUrKeBeNaOKwKjTiw66UQvrr7nOJ5X5a7FnOC158myJyv9vgW0nY-Y8QdPDFF", "xbQLJ4cYZbGCPb8i01xub8obBxzAonal4TZnDtbxzcmuCrZdX5_KecegdH1Ai-ZzOInZ_ue9qDaD8MAI0"),
            "qi": concat!("Oce8N7A7KA_Ua14vlS0bafK7zb4DOIDcEYGeYmAXemHa69LdXJT-OGqaN4thovDVXJY22q_ULucUKkKySWa_3UWNIZ", "9N5uDV42Q7lo-3qmMe0CH7xMbczFtKvE5TMZacINKWFCos35FKSBTgslwTqT6mRx24RnLV9WhFNNsuW9k"),
        }),
    };
    jwk["kid"] = json!(kid);
    PrivateKey::from_jwk(&jwk).expect("a key that was written here")
}

/// The key set of these keys' public halves.
pub(crate) fn key_set(kids: &[&str]) -> Value {
    json!({"keys": kids.iter().map(|kid| key(kid).public_jwk()).collect::<Vec<_>>()})
}

/// A token of `claims`, signed with the key `kid`.
pub(crate) fn token(kid: &str, header: &Value, claims: &Value) -> String {
    // As it is, with every `null`: that takes a member out which the key has.
    key(kid).sign(header.as_object().expect("an object"), claims).expect("every key here can sign")
}

/// The object in `value`.
pub(crate) fn object(value: &Value) -> Map<String, Value> {
    json::object(value.to_string().as_bytes()).expect("an object")
}

fn ed25519(x: &str, d: &str) -> Value {
    json!({"alg": "EdDSA", "kty": "OKP", "crv": "Ed25519", "x": x, "d": d})
}
