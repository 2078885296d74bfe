//! What a new policy goes on with: what issuers said, and whether they answer. A whole listener may be new, or the filter
//! alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kit::bootstrap::{Listener, bootstrap};
use kit::client::Request;
use kit::deadline::{PATIENCE, poll};
use kit::envoy::{Envoy, Launch};
use kit::issuer::Answer;
use kit::places;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::configuration::{Updated, is_in_force};
use crate::policies::{ASKED, introspected_with};
use crate::ring::{Plan, Site, prepare, trial};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for (way, start) in [("listener", listener as Start), ("filter", filter)] {
        let mut add = |name: &str, run: fn(&str, Start)| {
            let name = format!("reloads::{name}_with_a_new_{way}");
            let folder = name.replace("::", "-");
            trials.push(trial(&name, move || run(&folder, start)));
        };
        add("what_was_said_goes_on_and_nobody_is_asked", answers);
        add("what_was_said_counts_no_longer_than_the_new_ttl", shorter);
        add("an_open_circuit_breaker_stays_open", breaker);
    }
    trials
}

/// An Envoy whose policy is replaced while it runs.
trait Reloaded {
    fn site(&self) -> &Site;
    /// Has `plan` take the place of the policy, and waits until Envoy has taken it.
    fn replace(&mut self, plan: Plan);
}

type Start = fn(&str, Plan, usize) -> Box<dyn Reloaded>;

impl Reloaded for Updated {
    fn site(&self) -> &Site {
        &self.site
    }

    fn replace(&mut self, plan: Plan) {
        assert_eq!(self.update(plan), 0);
    }
}

fn listener(name: &str, plan: Plan, workers: usize) -> Box<dyn Reloaded> {
    Box::new(Updated::start_with(name, plan, Launch::workers(workers)))
}

fn filter(name: &str, plan: Plan, workers: usize) -> Box<dyn Reloaded> {
    Box::new(Discovered::start(name, plan, Launch::workers(workers)))
}

/// A filter that Envoy reads from a file of its own (ECDS), in a listener that stays.
struct Discovered {
    folder: PathBuf,
    version: u64,
    listener: Listener,
    site: Site,
}

/// What Envoy calls the filter whose configuration it looks for.
const NAME: &str = "discovered";

impl Discovered {
    fn start(name: &str, plan: Plan, launch: Launch) -> Self {
        let folder = places::scratch(name).unwrap();
        let (listener, upstream, issuer) = prepare("updated", plan).unwrap();
        write(&folder, 1, &listener);
        let mut config = bootstrap(std::slice::from_ref(&listener), &places::module().unwrap(), &folder);
        config["node"] = json!({"id": "ring", "cluster": "ring"});
        let source = json!({"path_config_source": {
            "path": file(&folder),
            "watched_directory": {"path": folder.join(WATCHED)},
        }, "resource_api_version": "V3"});
        let kind = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
        let manager =
            &mut config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"];
        manager["http_filters"][0] =
            json!({"name": NAME, "config_discovery": {"config_source": source, "type_urls": [kind]}});
        let envoy = Arc::new(Envoy::start(&folder, &config, launch).unwrap());
        let site = Site::new(listener.clone(), upstream, issuer, &envoy).unwrap();
        Self { folder, version: 1, listener, site }
    }
}

/// The folder that Envoy watches, and the file in it.
const WATCHED: &str = "watched";

fn file(folder: &Path) -> PathBuf {
    folder.join(WATCHED).join("filter.json")
}

/// Moved into place whole, as a control plane would.
fn write(folder: &Path, version: u64, listener: &Listener) {
    let filter = listener.filter.as_ref().unwrap();
    let mut resource =
        json!({"@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig", "name": NAME});
    resource["typed_config"] = listener.wasm(filter, &places::module().unwrap())["typed_config"].clone();
    let response = json!({"version_info": version.to_string(), "resources": [resource]});
    fs::create_dir_all(folder.join(WATCHED)).unwrap();
    let fresh = folder.join("filter.new");
    fs::write(&fresh, response.to_string()).unwrap();
    fs::rename(fresh, file(folder)).unwrap();
}

impl Reloaded for Discovered {
    fn site(&self) -> &Site {
        &self.site
    }

    fn replace(&mut self, plan: Plan) {
        self.version += 1;
        self.listener.filter = Some(plan.filter);
        let stat = |what: &str| format!("extension_config_discovery.http_filter.{NAME}.{what}");
        write(&self.folder, self.version, &self.listener);
        let taken = || (self.site.envoy.stat(&stat("config_reload")) >= self.version).then_some(());
        assert!(poll(PATIENCE, taken).is_some(), "{}", self.site.envoy.log());
    }
}

/// The policy of a round, whose issuer is asked as `introspection` says; each round has another realm.
fn round(number: usize, introspection: Value) -> Plan {
    let mut plan = introspected_with(introspection);
    plan.filter.policy["responses"] = json!({"realm": format!("realm-{number}")});
    plan
}

fn reload(reloaded: &mut dyn Reloaded, number: usize, introspection: Value) {
    reloaded.replace(round(number, introspection));
    let site = reloaded.site();
    // Ten times in a row, so that every worker has it.
    let seen = || (0..10).all(|_| is_in_force(site, number)).then_some(());
    assert!(poll(PATIENCE, seen).is_some(), "the update is not in force");
}

fn order(token: &str) -> Request {
    Request::get("/orders/1").bearer(token)
}

/// How often the issuer was asked for twenty requests that were all admitted.
fn admitted(site: &Site) -> usize {
    let before = site.issuer.asked(ASKED);
    for _ in 0..20 {
        site.admits(&order("opaque"));
    }
    site.issuer.asked(ASKED) - before
}

fn answers(name: &str, start: Start) {
    let lasting = || json!({"cache": {"ttl": "600s"}});
    let mut reloaded = start(name, round(0, lasting()), 2);
    poll(PATIENCE, || (admitted(reloaded.site()) == 0).then_some(())).unwrap();
    reloaded.site().issuer.answers(ASKED, Answer::Reset);
    for number in 1..=3 {
        reload(&mut *reloaded, number, lasting());
        assert_eq!(admitted(reloaded.site()), 0, "the issuer was asked");
    }
}

fn shorter(name: &str, start: Start) {
    let lasting = |ttl: &str| json!({"cache": {"ttl": ttl}});
    let mut reloaded = start(name, round(0, lasting("600s")), 2);
    poll(PATIENCE, || (admitted(reloaded.site()) == 0).then_some(())).unwrap();
    reloaded.site().issuer.answers(ASKED, Answer::json(&json!({"active": false})));
    reload(&mut *reloaded, 1, lasting("2s"));
    let site = reloaded.site();
    let refused = || (site.send(&order("opaque")).status == 401).then_some(());
    assert!(poll(Duration::from_secs(4), refused).is_some(), "it is not out after the new ttl");
    // Every worker, and for good.
    let all = || (0..10).all(|_| site.send(&order("opaque")).status == 401).then_some(());
    assert!(poll(Duration::from_secs(4), all).is_some(), "it is not out at every worker");
    site.refuses(&order("opaque"), 401, "token_inactive");
}

/// Tokens that the issuer calls active, so that their failures count.
fn known(site: &Site, mut each: impl FnMut(&Request)) {
    for number in 0..8 {
        each(&order(&format!("known-{number}")));
    }
    assert!(site.issuer.asked(ASKED) > 0);
}

fn breaker(name: &str, start: Start) {
    let asking = || json!({"cache": {"ttl": "0s"}});
    let mut reloaded = start(name, round(0, asking()), 1);
    let site = reloaded.site();
    known(site, |request| drop(site.admits(request)));
    site.issuer.answers(ASKED, Answer::Reset);
    let opened = || site.envoy.stat("wasmcustom.scopegate.issuer.circuit_opened") > 0;
    let open = || {
        known(site, |request| drop(site.refuses(request, 503, "issuer_unavailable")));
        opened().then_some(())
    };
    assert!(poll(PATIENCE, open).is_some(), "it does not open");
    for number in 1..=2 {
        reload(&mut *reloaded, number, asking());
        let site = reloaded.site();
        let before = site.issuer.asked(ASKED);
        known(site, |request| drop(site.refuses(request, 503, "issuer_unavailable")));
        let asked = site.issuer.asked(ASKED) - before;
        assert!(asked <= 2, "{asked} questions: one that is closed asks about each token");
    }
    let site = reloaded.site();
    site.issuer.answers(ASKED, Answer::json(&crate::policies::opaque("alice")));
    let closed = || (site.send(&order("known-0")).status == 200).then_some(());
    assert!(poll(PATIENCE, closed).is_some(), "it does not close");
}
