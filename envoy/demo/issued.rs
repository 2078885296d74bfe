//! The whole way with a real authorization server: a client gets tokens, calls, and is refused when they are revoked.

use std::time::Duration;

use kit::client::Request;
use kit::deadline::{Stopwatch, last, poll};
use kit::oidc_provider::{APP, OidcProvider, Wanted};
use kit::server::Server;
use kit::upstream;

use crate::gateway::{Gateway, or_anywhere};
use crate::page::Page;
use crate::stage::APPLICATION;
use crate::story::{outcome, seen, title};

/// The port of the authorization server in `oidc-provider.yaml`.
const ISSUER: u16 = 10002;

/// How long the policy there has answers remembered, and how often the client calls until its token is refused.
const REMEMBERED: Duration = Duration::from_secs(3);
const PACE: Duration = Duration::from_millis(500);

pub(crate) fn run(keep: bool) -> Result<(), String> {
    let page = crate::page();
    let issuer = OidcProvider::start("demo-oidc-provider", &[])?;
    let application = or_anywhere(APPLICATION, upstream::start_at)?;
    let ports = [(APPLICATION, application.port()), (ISSUER, issuer.port())];
    let gateway = Gateway::start(include_str!("oidc-provider.yaml"), &ports)?;
    let story = Story { page, issuer, application, gateway };
    story.tell()?;
    story.invite(keep);
    crate::stay(keep);
    Ok(())
}

struct Story {
    page: Page,
    issuer: OidcProvider,
    application: Server,
    gateway: Gateway,
}

impl Story {
    fn tell(&self) -> Result<(), String> {
        println!("\n{}\n", self.page.bold("scopegate, in a real Envoy, with oidc-provider"));
        println!(
            "  Envoy listens on http://127.0.0.1:{}; its configuration and the policy are",
            self.gateway.port
        );
        println!("  envoy/demo/oidc-provider.yaml. The issuer is {}.\n", self.issuer.issuer());

        let opaque = self.obtain(1, "The client gets an opaque token", &Wanted::default())?;
        self.call(2, "It calls with it: scopegate asks the issuer", &opaque)?;
        self.call(3, "It calls again: the answer is remembered, for 3 s", &opaque)?;
        let signed = self.obtain(4, "It gets a signed token", &Wanted::signed("ES256", "ES256"))?;
        self.call(5, "It calls with that: verified with keys that discovery found", &signed)?;
        let wanted = Wanted { audience: "invoices-api", ..Wanted::default() };
        let other = self.obtain(6, "It gets a token for another audience", &wanted)?;
        self.call(7, "It calls with that", &other)?;
        self.issuer.publish(&[("ES256", "ES256"), ("next", "PS256")])?;
        let next = self.obtain(
            8,
            "The issuer rotates its keys and signs with the new one",
            &Wanted::signed("PS256", "next"),
        )?;
        self.call(9, "A key that scopegate has never seen: it fetches the keys anew", &next)?;
        self.revoke(10, &opaque)
    }

    fn obtain(&self, number: usize, what: &str, wanted: &Wanted<'_>) -> Result<String, String> {
        title(self.page, number, what);
        let token = self.issuer.token(wanted)?;
        println!("       {}", self.page.dim("POST /token  grant_type=client_credentials"));
        println!("       {}\n", shortened(&token));
        Ok(token)
    }

    fn call(&self, number: usize, what: &str, token: &str) -> Result<(), String> {
        title(self.page, number, what);
        println!(
            "       {}",
            self.page.dim(&format!("GET /orders/7  authorization: Bearer {}", shortened(token)))
        );
        let reached = self.application.count();
        let (response, logged) = self.gateway.ask(&order(token))?;
        outcome(self.page, "", &response, &logged);
        if self.application.count() > reached {
            seen(self.page, &response);
        }
        println!();
        Ok(())
    }

    /// Takes the token back and calls on and on, until it is refused.
    fn revoke(&self, number: usize, token: &str) -> Result<(), String> {
        title(self.page, number, "The opaque token is revoked; the client does not care");
        // Asked about anew, so that the answer is as fresh as can be.
        last(REMEMBERED);
        self.gateway.ask(&order(token))?;
        self.issuer.revoke(token)?;
        println!("       {}", self.page.dim("POST /token/revocation"));
        let clock = Stopwatch::start();
        let refused = poll(REMEMBERED * 3, || {
            let reached = self.application.count();
            let (response, logged) = match self.gateway.ask(&order(token)) {
                Ok(answered) => answered,
                Err(problem) => return Some(Err(problem)),
            };
            let passed = clock.passed();
            outcome(self.page, &format!("after {:.1} s: ", passed.as_secs_f32()), &response, &logged);
            if response.status == 200 {
                last(PACE);
                return None;
            }
            let kept_out = self.application.count() == reached && passed <= REMEMBERED + PACE * 2;
            Some(if kept_out { Ok(()) } else { Err("the token was good for too long".to_owned()) })
        });
        println!();
        refused.unwrap_or_else(|| Err("the token is still good".to_owned()))
    }

    /// The lines to try by hand.
    fn invite(&self, keep: bool) {
        if !keep {
            println!(
                "  To try it by hand: {}\n",
                self.page.bold("./build.sh demo --issuer oidc-provider --keep")
            );
            return;
        }
        let (issuer, orders) =
            (self.issuer.issuer(), format!("http://127.0.0.1:{}/orders/7", self.gateway.port));
        println!("  {}; in another terminal:\n", self.page.bold("everything stays up until Ctrl-C"));
        println!(
            "    TOKEN=$(curl -s -u {}:{} {issuer}/token -d grant_type=client_credentials -d scope=orders \\",
            APP.0, APP.1
        );
        println!(
            "      -d resource=https://orders.example/ | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')"
        );
        println!("    curl -i {orders} -H \"authorization: Bearer $TOKEN\"");
        println!("    curl -i -u {}:{} {issuer}/token/revocation -d token=$TOKEN\n", APP.0, APP.1);
    }
}

fn order(token: &str) -> Request {
    Request::new("GET", "/orders/7", "orders.example").bearer(token)
}

/// Enough of a token to tell it from others.
fn shortened(token: &str) -> String {
    let start: String = token.chars().take(24).collect();
    format!("{start}… ({} characters)", token.len())
}
