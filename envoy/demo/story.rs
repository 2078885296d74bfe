//! The story: requests one after the other, what the client is answered, what the application saw.

use std::fs;

use kit::client::{Request, Response};
use kit::envoy::Logged;
use kit::issuer::Answer;
use serde_json::json;

use crate::cast::Cast;
use crate::page::Page;
use crate::stage::{INTROSPECT, Stage};

/// A request of the story.
struct Scene {
    title: &'static str,
    method: &'static str,
    path: &'static str,
    /// Whose token it carries.
    token: Option<&'static str>,
    header: Option<(&'static str, &'static str)>,
    /// What the partner says from here on.
    partner: Option<Partner>,
}

#[derive(Clone, Copy)]
enum Partner {
    Knows,
    DoesNotKnow,
    IsDown,
}

const GET: Scene =
    Scene { title: "", method: "GET", path: "/orders/7", token: None, header: None, partner: None };

const SCENES: [Scene; 13] = [
    Scene { title: "The health check is open to everybody", path: "/healthz", ..GET },
    Scene { title: "An order without a token", ..GET },
    Scene { title: "Alice may read orders", token: Some("ALICE"), ..GET },
    Scene { title: "Alice may not write them", method: "POST", path: "/orders", token: Some("ALICE"), ..GET },
    Scene { title: "Bob may write, which implies reading", token: Some("BOB"), ..GET },
    Scene { title: "An expired token", token: Some("EXPIRED"), ..GET },
    Scene { title: "A token with one bit changed", token: Some("TAMPERED"), ..GET },
    Scene {
        title: "Alice claims to be root; the application is told the truth",
        token: Some("ALICE"),
        header: Some(("x-auth-subject", "root")),
        ..GET
    },
    Scene {
        title: "A path that two servers read differently",
        path: "/orders/..%2fadmin",
        token: Some("ALICE"),
        ..GET
    },
    Scene {
        title: "An opaque token: scopegate asks the partner",
        token: Some("CAROL"),
        partner: Some(Partner::Knows),
        ..GET
    },
    Scene { title: "The same token again: the answer is remembered", token: Some("CAROL"), ..GET },
    Scene {
        title: "A token that the partner does not know",
        token: Some("STRANGER"),
        partner: Some(Partner::DoesNotKnow),
        ..GET
    },
    Scene {
        title: "The partner is down: an outage is not the client's fault",
        token: Some("LATECOMER"),
        partner: Some(Partner::IsDown),
        ..GET
    },
];

pub(crate) fn tell(stage: &Stage, cast: &Cast, page: Page) -> Result<(), String> {
    println!("\n{}\n", page.bold("scopegate, in a real Envoy"));
    println!(
        "  Envoy listens on http://127.0.0.1:{} and guards a small application; Envoy's",
        stage.gateway.port
    );
    println!(
        "  configuration and the policy are envoy/demo/envoy.yaml. Two issuers, both played by this program:"
    );
    println!("    corp     signs its tokens; scopegate fetched its keys");
    println!("    partner  hands out opaque tokens; scopegate asks it about each, once\n");
    for (place, scene) in SCENES.iter().enumerate() {
        play(stage, cast, page, place + 1, scene)?;
    }
    Ok(())
}

fn play(stage: &Stage, cast: &Cast, page: Page, number: usize, scene: &Scene) -> Result<(), String> {
    if let Some(partner) = scene.partner {
        stage.issuers.answers(INTROSPECT, partner.answer());
    }
    let (reached, asked) = (stage.application.count(), stage.issuers.asked(INTROSPECT));
    let (response, logged) = stage.gateway.ask(&scene.request(cast)?)?;

    title(page, number, scene.title);
    println!("       {}", page.dim(&scene.line()));
    outcome(page, "", &response, &logged);
    if stage.issuers.asked(INTROSPECT) > asked {
        println!("       {}", page.dim("the partner was asked"));
    }
    if stage.application.count() > reached {
        seen(page, &response);
    }
    println!();
    Ok(())
}

/// What a scene is about.
pub(crate) fn title(page: Page, number: usize, title: &str) {
    println!("{:>3}  {}", page.bold(&format!("{number:>2}")), page.bold(title));
}

/// What the client was answered, and why; `when` goes before it.
pub(crate) fn outcome(page: Page, when: &str, response: &Response, logged: &Logged) {
    let reason = logged.get("details").strip_prefix("scopegate_").unwrap_or("passed on to the application");
    let rule = match logged.get("rule") {
        "" => String::new(),
        rule => format!(", by the rule {rule}"),
    };
    println!("       {}{} {reason}{}", page.dim(when), page.status(response.status), page.dim(&rule));
    for name in ["www-authenticate", "retry-after"] {
        if let Some(value) = response.head.get(name) {
            println!("{}", Page::line(&format!("{name}: {value}")));
        }
    }
}

/// What the application saw of a request that it answered with `response`.
pub(crate) fn seen(page: Page, response: &Response) {
    println!("{}", page.dim(&Page::line(&format!("the application saw {}", identity(response)))));
}

impl Partner {
    fn answer(self) -> Answer {
        match self {
            Self::Knows => Answer::json(&json!({
                "active": true, "sub": "carol", "client_id": "partner-app", "scope": "read:orders",
            })),
            Self::DoesNotKnow => Answer::json(&json!({"active": false})),
            Self::IsDown => Answer::Reset,
        }
    }
}

impl Scene {
    fn request(&self, cast: &Cast) -> Result<Request, String> {
        let mut request = Request::new(self.method, self.path, "orders.example");
        if let Some(name) = self.token {
            request = request.bearer(cast.token(name)?);
        }
        if let Some((name, value)) = self.header {
            request = request.field(name, value);
        }
        Ok(request)
    }

    fn line(&self) -> String {
        let token = self.token.map(|name| format!("  authorization: Bearer ${name}")).unwrap_or_default();
        let header = self.header.map(|(name, value)| format!("  {name}: {value}")).unwrap_or_default();
        format!("{} {}{token}{header}", self.method, self.path)
    }
}

/// The identity headers that the application echoes.
fn identity(response: &Response) -> String {
    let echo = response.json();
    let headers = echo["headers"].as_array().cloned().unwrap_or_default();
    let ours = headers.iter().filter_map(|pair| Some((pair[0].as_str()?, pair[1].as_str()?)));
    let ours: Vec<_> = ours
        .filter(|(name, _)| name.starts_with("x-auth-"))
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    if ours.is_empty() { "nobody's identity".to_owned() } else { ours.join(", ") }
}

/// The lines to try by hand.
pub(crate) fn invite(stage: &Stage, cast: &Cast, page: Page, keep: bool) -> Result<(), String> {
    if !keep {
        println!("  To try it by hand: {}\n", page.bold("./build.sh demo --keep"));
        return Ok(());
    }
    let tokens = stage.gateway.folder.join("tokens.sh");
    fs::write(&tokens, cast.exports()).map_err(|error| format!("{}: {error}", tokens.display()))?;
    let orders = format!("http://127.0.0.1:{}/orders", stage.gateway.port);
    println!("  {}; in another terminal:\n", page.bold("Envoy stays up until Ctrl-C"));
    println!("    . {}", tokens.display());
    println!("    curl -i {orders}/7");
    println!("    curl -i {orders}/7 -H \"authorization: Bearer $ALICE\"");
    println!("    curl -i {orders} -d '{{}}' -H \"authorization: Bearer $ALICE\"");
    println!("    curl -i {orders} -d '{{}}' -H \"authorization: Bearer $BOB\"\n");
    println!("  Envoy's access log: {}\n", stage.gateway.folder.join(kit::envoy::OUTPUT).display());
    Ok(())
}
