//! A real MCP client finds its way: from a challenge to the resource's metadata (RFC 9728), to the authorization server,
//! to a token for the resource (RFC 8707), and with it through scopegate to a real MCP server.

use std::sync::Arc;

use kit::bootstrap::Lead;
use kit::client::{Request, exchange};
use kit::node::{NodeServer, run_client};
use kit::oidc_provider::{APP, OidcProvider};
use serde_json::{Value, json};

use crate::ring::{Plan, Ring, Site};

/// The URL that the client is given, and nothing else.
const RESOURCE: &str = "http://mcp.example.com/mcp";

const METADATA: &str = "http://mcp.example.com/.well-known/oauth-protected-resource/mcp";

pub(crate) fn add(ring: &mut Ring, provider: &Arc<OidcProvider>) -> Result<(), String> {
    let server = NodeServer::start("mcp", "mcp", &Value::Null)?;
    let policy = json!({
        "issuers": {"corp": {
            "issuer": provider.issuer(),
            "audiences": [RESOURCE],
            "jwt": {"jwks": {"discover": true, "cluster": "idp"}, "types": ["at+jwt"]},
        }},
        "rules": [
            {"name": "mcp", "match": {"hosts": ["mcp.example.com"], "paths": ["/mcp"]}, "require": {"scopes": ["orders"]}},
            {"name": "rest", "match": {"paths": ["/rest/**"]}, "require": {"scopes": ["rest"]}},
        ],
        "upstream": {"headers": {"x-auth-client": "client_id"}},
        "protected_resource": [
            {"resource": RESOURCE, "resource_name": "Orders"},
            {"resource": "http://mcp.example.com/rest"},
        ],
    });
    let plan = Plan::new(policy)
        .leads("idp", Lead::Port(provider.port()))
        .leads("mcp", Lead::Port(server.port()))
        .route(json!({"match": {"path": "/mcp"}, "route": {"cluster": "mcp"}}));
    let provider = Arc::clone(provider);
    ring.test("mcp::a_client_finds_its_way", plan, move |site| finds_its_way(site, &server, &provider));
    Ok(())
}

fn finds_its_way(site: &Site, server: &NodeServer, provider: &OidcProvider) {
    let options =
        json!({"resource": RESOURCE, "port": site.port(), "client": {"id": APP.0, "secret": APP.1}});
    let found = run_client("mcp", &options).unwrap();

    assert_eq!(
        found["challenged"],
        json!({"status": 401, "scope": "orders", "resourceMetadataUrl": METADATA})
    );
    let metadata = json!({
        "resource": RESOURCE,
        "authorization_servers": [provider.issuer()],
        "scopes_supported": ["orders"],
        "bearer_methods_supported": ["header"],
        "resource_name": "Orders",
    });
    assert_eq!(found["hinted"], metadata);
    assert_eq!(found["derived"], metadata, "where the client looks without a challenge");
    assert_eq!(found["token_endpoint"], format!("{}/token", provider.issuer()));

    let login = &found["login"];
    assert_eq!((&login["outcome"], &login["at"]), (&json!("REDIRECT"), &json!(provider.issuer())), "{login}");
    assert_eq!((&login["resource"], &login["scope"]), (&json!(RESOURCE), &json!("orders")), "{login}");

    // Without a token it was told once how to get one; with that it was let through every time.
    let enough = &found["enough"];
    assert_eq!(
        enough["answers"],
        json!([{"status": 401, "scope": "orders", "resourceMetadataUrl": METADATA}]),
        "{enough}"
    );
    assert_eq!(enough["tools"], json!(["caller"]), "{enough}");
    assert_eq!(enough["caller"], json!({"client": APP.0, "token": false}), "{enough}");

    let poor = &found["poor"];
    let refusal = json!({
        "status": 403, "error": "insufficient_scope", "scope": "orders", "resourceMetadataUrl": METADATA,
    });
    let answers = poor["answers"].as_array().unwrap();
    assert!(answers.len() >= 2 && answers.iter().skip(1).all(|answer| *answer == refusal), "{poor}");
    assert!(poor["error"].is_string(), "{poor}");

    // What was refused never got there: the head of a session, a notification, two calls, and a stream that was asked for.
    let asked = exchange(server.port(), &Request::get("/control/requests")).unwrap().json();
    assert!((4..=5).contains(&asked.as_u64().unwrap()), "{asked}");
}
