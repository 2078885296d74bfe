use serde_json::{Value, json};

use super::*;
use crate::base::time::UnixTime;
use crate::http::path::Ambiguous;
use crate::jose::fault::JoseFault;
use crate::policy::Login;
use crate::token::dpop::ProofFault;

fn client(grpc: bool) -> Client<'static> {
    Client { host: "api.example.com".into(), grpc, resource: None, dpop: false, origin: None }
}

fn policy(body: BodyForm, describe: bool) -> Policy {
    let mut policy = Policy::closed();
    policy.responses.body = body;
    policy.responses.describe = describe;
    policy
}

/// The answer to a denial, to a client that may come with a bearer token.
fn answer(policy: &Policy, grpc: bool, denied: &Denial) -> Response {
    let client = client(grpc);
    denial(policy, &client, denied, &Offer::new(policy, &client, None, None, denied))
}

fn values<'r>(response: &'r Response, name: &str) -> Vec<&'r str> {
    let fields = response.fields.iter().filter(|(found, _)| *found == name);
    fields.map(|(_, value)| value.as_str()).collect()
}

const BEARER: &str = r#"Bearer realm="api.example.com""#;

fn login() -> Login {
    Login { acr_values: "gold".to_owned(), max_age: Some(60), scope: "read".to_owned() }
}

/// What a client is told: of a denial, the status, the code in the body, the words, and where there is a challenge with an
/// error, what follows the error in it.
type Told = (Denial, u16, &'static str, &'static str, Option<&'static str>);

fn of_tokens() -> Vec<Told> {
    let (at, now) = (UnixTime::from_secs(1), UnixTime::from_secs(2));
    let (token, proof) = ("invalid_token", "invalid_dpop_proof");
    let not_valid = "The access token is not valid";
    let audience = "The access token is meant for another audience";
    let bound = "The access token is bound to its sender, which is not proven";
    let rows = vec![
        (TokenFault::TooLong { length: 2, limit: 1 }, token, "The access token is too long"),
        (TokenFault::Jose(JoseFault::SignatureInvalid), token, not_valid),
        (TokenFault::Jose(JoseFault::KeyUnknown), token, not_valid),
        (TokenFault::IssuerUnknown, token, not_valid),
        (TokenFault::AudienceMismatch, token, audience),
        (TokenFault::AudienceUnsaid, token, audience),
        (TokenFault::Expired { at, now }, token, "The access token has expired"),
        (TokenFault::NotYetValid { at, now }, token, "The access token is not valid yet"),
        (TokenFault::Inactive, token, "The access token is not active"),
        (TokenFault::BindingUnproven, token, bound),
        (TokenFault::ProofInvalid(ProofFault::Wrong("x")), proof, "The DPoP proof is not valid"),
        (TokenFault::ProofReplayed, proof, "The DPoP proof was used before"),
        (TokenFault::NonceMissing, "use_dpop_nonce", "The DPoP proof needs the nonce that is given"),
    ];
    rows.into_iter()
        .map(|(fault, error, text)| (Denial::BadToken(fault), 401, error, text, Some("")))
        .collect()
}

fn of_requests() -> Vec<Told> {
    let scope = || "read".to_owned();
    let (request, lacks, login_needed) =
        ("invalid_request", "insufficient_scope", "insufficient_user_authentication");
    let host = "The host can be read in more than one way";
    let path = "The path can be read in more than one way";
    let details = Denial::AuthorizationDetailsInsufficient { scope: scope() };
    let read = Some(r#", scope="read""#);
    let gold = Some(r#", acr_values="gold", max_age="60", scope="read""#);
    let issuer = "The access token's issuer is not accepted here";
    let ambiguous = Denial::PathAmbiguous(Ambiguous::NotAbsolute);
    vec![
        (Denial::CredentialMalformed, 400, request, "The credential is not one access token", Some("")),
        (Denial::CredentialAmbiguous, 400, request, "The request has more than one credential", Some("")),
        (Denial::IssuerNotAllowed, 401, "invalid_token", issuer, Some("")),
        (Denial::ScopeInsufficient { scope: scope() }, 403, lacks, "The access token lacks a scope", read),
        (Denial::ClientNotAllowed { scope: scope() }, 403, lacks, "The client is not accepted here", read),
        (Denial::ClaimMismatch { scope: scope() }, 403, lacks, "The access token lacks a needed claim", read),
        (details, 403, lacks, "The access token lacks an authorization detail", read),
        (Denial::AuthenticationTooWeak(login()), 401, login_needed, "A stronger login is needed", gold),
        (Denial::AuthenticationTooOld(login()), 401, login_needed, "A more recent login is needed", gold),
        (Denial::Unmatched, 403, "access_denied", "Access is denied", None),
        (Denial::RuleDenied, 403, "access_denied", "Access is denied", None),
        (Denial::RuleUnknown, 403, "access_denied", "Access is denied", None),
        (Denial::AuthorityAmbiguous, 400, request, host, None),
        (Denial::AuthorityReadings, 400, request, host, None),
        (ambiguous, 400, request, path, None),
        (Denial::PathReadings, 400, request, path, None),
    ]
}

fn table() -> Vec<Told> {
    [of_tokens(), of_requests()].concat()
}

#[test]
fn each_denial_has_its_status_code_words_and_challenge() {
    let told = |grpc, denied: &Denial| {
        let response = answer(&policy(BodyForm::Json, true), grpc, denied);
        (
            response.status,
            response.grpc_status,
            values(&response, "www-authenticate").join("; "),
            response.body,
        )
    };
    for (denied, status, error, text, parameters) in table() {
        let challenge = parameters.map_or_else(String::new, |parameters| {
            format!(r#"{BEARER}, error="{error}"{parameters}, error_description="{text}""#)
        });
        let body = format!(r#"{{"error":"{error}","error_description":"{text}"}}"#);
        assert_eq!(told(false, &denied), (status, None, challenge.clone(), body), "{denied:?}");
        let grpc_status = match status {
            400 => 3,
            401 => 16,
            _ => 7,
        };
        assert_eq!(
            told(true, &denied),
            (status, Some(grpc_status), challenge, text.to_owned()),
            "{denied:?}"
        );
    }
    // Nothing is wrong yet: no error in the challenge (RFC 6750 section 3).
    let text = "An access token is needed";
    let body = format!(r#"{{"error":"unauthorized","error_description":"{text}"}}"#);
    assert_eq!(told(false, &Denial::NoCredential), (401, None, BEARER.to_owned(), body));
    assert_eq!(told(true, &Denial::NoCredential), (401, Some(16), BEARER.to_owned(), text.to_owned()));
}

#[test]
fn an_outage_is_503_with_its_words_and_its_time_to_come_again() {
    let token = "The access token cannot be checked at the moment; try again";
    let issuer = Outage::Issuer;
    let unreached = Silence::Unreached { cluster: "idp".to_owned(), why: "no" };
    for (outage, code, text, after) in [
        (issuer(Silence::Unavailable(0)), "issuer_unavailable", token, "5"),
        (issuer(unreached), "issuer_unavailable", token, "5"),
        (issuer(Silence::Unsigned), "issuer_unavailable", token, "5"),
        (issuer(Silence::Status(404)), "issuer_misbehaved", token, "5"),
        (issuer(Silence::Misbehaved("x")), "issuer_misbehaved", token, "5"),
        (issuer(Silence::Malformed("exp".to_owned())), "issuer_misbehaved", token, "5"),
        (issuer(Silence::CredentialsRefused(401)), "issuer_misbehaved", token, "5"),
        (issuer(Silence::KeysMissing), "keys_unavailable", token, "5"),
        (Outage::Keys(Duration::ZERO), "keys_unavailable", token, "1"),
        (Outage::Keys(Duration::from_millis(1000)), "keys_unavailable", token, "1"),
        (Outage::Keys(Duration::from_millis(1001)), "keys_unavailable", token, "2"),
        (Outage::TooLate, "issuer_unavailable", token, "5"),
        (Outage::NotReady, "keys_unavailable", token, "1"),
        (Outage::Overloaded, "overloaded", "Too many requests are waiting; try again", "1"),
        (
            Outage::Crowded,
            "overloaded",
            "The proof cannot be checked at the moment; try again with a new one",
            "5",
        ),
    ] {
        assert_eq!(outage.code(), code, "{outage:?}");
        let plain = super::outage(&policy(BodyForm::Json, true), &client(false), &outage);
        assert_eq!((plain.status, values(&plain, "retry-after")), (503, vec![after]), "{outage:?}");
        assert!(values(&plain, "www-authenticate").is_empty(), "{outage:?}: no fault of the client's");
        let body: Value = serde_json::from_str(&plain.body).unwrap();
        assert_eq!(body, json!({"error": "temporarily_unavailable", "error_description": text}));
        let grpc = super::outage(&policy(BodyForm::Json, true), &client(true), &outage);
        assert_eq!((grpc.status, grpc.grpc_status, &*grpc.body), (503, Some(14), text), "{outage:?}");
    }
}

#[test]
fn a_body_has_the_form_that_the_policy_says_and_few_words_where_it_says_so() {
    let denied = Denial::ScopeInsufficient { scope: "read".to_owned() };
    let [text, error] = ["The access token lacks a scope", "insufficient_scope"];
    let of = |form, describe| {
        let response = answer(&policy(form, describe), false, &denied);
        let media_type: Vec<String> =
            values(&response, "content-type").into_iter().map(str::to_owned).collect();
        (media_type, serde_json::from_str(&response.body).unwrap_or(Value::Null))
    };
    let json = vec!["application/json".to_owned()];
    let problem = vec!["application/problem+json".to_owned()];
    assert_eq!(of(BodyForm::Json, true), (json.clone(), json!({"error": error, "error_description": text})));
    assert_eq!(of(BodyForm::Json, false), (json, json!({"error": error})));
    for describe in [true, false] {
        let mut whole = json!({"type": "about:blank", "title": "Forbidden", "status": 403, "error": error});
        if describe {
            whole["detail"] = json!(text);
        }
        assert_eq!(of(BodyForm::Problem, describe), (problem.clone(), whole));
        assert_eq!(of(BodyForm::None, describe), (vec![], Value::Null));
    }
    assert_eq!(
        answer(&policy(BodyForm::Json, false), true, &denied).body,
        error,
        "gRPC has a message always"
    );
    for (denied, status, ..) in table() {
        let body = answer(&policy(BodyForm::Problem, true), false, &denied).body;
        let title = match status {
            400 => "Bad Request",
            401 => "Unauthorized",
            _ => "Forbidden",
        };
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((&body["title"], &body["status"]), (&json!(title), &json!(status)), "{denied:?}");
        let few = answer(&policy(BodyForm::Problem, false), false, &denied);
        let challenge = values(&few, "www-authenticate").concat();
        assert!(!few.body.contains("detail") && !challenge.contains("error_description"), "{denied:?}");
    }
    let busy = outage(&policy(BodyForm::Problem, true), &client(false), &Outage::TooLate);
    let body: Value = serde_json::from_str(&busy.body).unwrap();
    assert_eq!((&body["title"], &body["status"]), (&json!("Service Unavailable"), &json!(503)));
}
