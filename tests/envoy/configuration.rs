//! A policy that is wrong never takes effect, and says what is wrong; one that is good takes effect however it comes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use kit::bootstrap::{Listener, bootstrap, discovery_response, dynamic_bootstrap};
use kit::client::{Request, exchange};
use kit::deadline::{PATIENCE, poll};
use kit::envoy::{Envoy, Launch, validate, validate_file};
use kit::issuer::Answer;
use kit::places;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::policies::{ASKED, introspected, introspected_with, opaque, verifying};
use crate::ring::{Plan, Ring, Site, prepare, trial};
use crate::tokens::{good, key, order, published};

pub(crate) fn add(ring: &mut Ring) {
    ring.test("configuration::a_policy_may_be_a_struct", everything().in_a_struct(), takes_effect);
    ring.test("configuration::a_policy_may_be_json_text", everything(), takes_effect);
    ring.test("configuration::secrets_come_from_the_environment", introspected(), secrets);
}

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("configuration::a_mistake_keeps_its_listener_out_and_says_why", mistakes_are_told),
        trial("configuration::validation_tells_good_from_bad", validation),
        trial("configuration::a_policy_may_come_with_yaml", yaml),
        trial("configuration::a_line_end_of_some_readers_alone_is_told_by_the_tool", odd_line_ends),
        trial("configuration::a_bad_update_changes_nothing_and_a_good_one_all", updates),
        trial("configuration::updates_under_load_open_nothing", updates_under_load),
        trial("configuration::keys_go_over_to_the_next_policy_while_nobody_answers", keys_go_over),
        trial("configuration::sealed_keys_go_over_to_the_next_vm", sealed_keys_go_over),
    ]
}

/// A policy with a value of every kind in it.
fn everything() -> Plan {
    let mut plan =
        introspected_with(json!({"timeout": "1500ms", "cache": {"ttl": "30s", "negative_ttl": "0s"}}));
    plan.filter.policy["limits"] = json!({"token_bytes": 2048, "cached_tokens": 100});
    plan.filter.policy["responses"] = json!({"realm": "the \"orders\"", "describe": false});
    if let Some(rules) = plan.filter.policy["rules"].as_array_mut() {
        let claims = json!({"level": 3, "ratio": 0.5, "admin": true, "name": ["alice", "bob"]});
        rules.insert(0, json!({"match": {"paths": ["/claims"]}, "require": {"claims": claims}}));
    }
    plan
}

fn takes_effect(site: &Site) {
    let refused = site.refuses(&Request::get("/orders/1"), 401, "token_missing");
    let challenge = refused.head.get("www-authenticate").unwrap();
    assert!(challenge.contains("the \\\"orders\\\""), "{challenge}");
    site.admits(&Request::get("/orders/1").bearer("opaque"));
    site.refuses(&Request::get("/orders/1").bearer("x".repeat(2049)), 401, "token_too_long");
    site.refuses(&Request::get("/claims").bearer("opaque"), 403, "claim_mismatch");
    let claims = json!({"active": true, "level": 3, "ratio": 0.5, "admin": true, "name": "alice"});
    site.issuer.answers(ASKED, kit::issuer::Answer::json(&claims));
    site.admits(&Request::get("/claims").bearer("opaque-of-alice"));
}

fn secrets(site: &Site) {
    site.admits(&Request::get("/orders/1").bearer("opaque"));
    let question = site.issuer.questions(ASKED).pop().unwrap();
    // gateway:s3cret
    assert_eq!(question.head.get("authorization").as_deref(), Some("Basic Z2F0ZXdheTpzM2NyZXQ="));
}

/// What an operator may get wrong.
struct Mistake {
    name: &'static str,
    plan: Plan,
    /// Parts of the message: the place, the problem, the remedy.
    says: &'static [&'static str],
}

/// Stands in the policies here where a secret stands by mistake.
const CANARY: &str = "canary-4711";

fn mistakes() -> Vec<Mistake> {
    let edited = |edit: fn(&mut Value)| {
        let mut plan = introspected();
        edit(&mut plan.filter.policy);
        plan
    };
    let mistake = |name, plan, says| Mistake { name, plan, says };
    vec![
        mistake(
            "json_that_breaks_off",
            Plan::exactly(json!("{\"issuers\": {")),
            &["scopegate: policy: ", "line 1"],
        ),
        mistake(
            "text_that_is_no_json",
            Plan::exactly(json!("issuers: {}")),
            &["neither JSON nor a google.protobuf.Struct"],
        ),
        mistake(
            "a_member_twice",
            Plan::exactly(json!("{\"rules\": [], \"rules\": []}")),
            &["a member stands twice", "line 1"],
        ),
        mistake("no_policy", Plan::exactly(json!("")), &["the configuration is empty"]),
        mistake("an_empty_policy", Plan::exactly(json!({})), &["rules: is missing"]),
        mistake("an_empty_struct", Plan::exactly(json!({})).in_a_struct(), &["configuration"]),
        mistake(
            "an_unknown_key",
            edited(|policy| policy["isuers"] = json!({})),
            &["isuers: is not a known key", "did you mean `issuers`"],
        ),
        mistake(
            "an_unknown_key_in_a_struct",
            edited(|policy| policy["rules"][1]["require"]["scope"] = json!(["orders"])).in_a_struct(),
            &["rules[1].require.scope: is not a known key", "did you mean `scopes`"],
        ),
        mistake(
            "several_mistakes_at_once",
            edited(|policy| {
                policy["rules"][1]["require"]["scopes"] = json!(["a b"]);
                policy["rules"][0]["access"] = json!("public");
                policy["limits"] = json!({"cached_tokens": -1});
            }),
            &["rules[1].require.scopes[0]", "rules[0].access", "limits.cached_tokens"],
        ),
        mistake(
            "a_rule_out_of_reach",
            edited(|policy| {
                policy["rules"].as_array_mut().unwrap().insert(0, json!({"name": "all", "access": "deny"}))
            }),
            &["rules[1]", "all", "alive"],
        ),
        mistake(
            "a_secret_that_is_not_there",
            introspected().environment("IDP_SECRET", ""),
            &["secret", "IDP_SECRET"],
        ),
        mistake(
            "a_secret_where_its_name_should_be",
            edited(|policy| {
                policy["issuers"]["corp"]["introspection"]["client"]["secret"] = json!({"env": CANARY})
            }),
            &["issuers.corp.introspection.client.secret"],
        ),
        mistake(
            "a_shared_key_that_is_short",
            verifying(json!({"inline": {"keys": [{"kty": "oct", "k": "Y2FuYXJ5LTQ3MTE"}]}})),
            &["jwks.inline"],
        ),
    ]
}

/// One Envoy is offered them all at once, and a good listener between them.
fn mistakes_are_told() {
    let (folder, module) = (places::scratch("mistakes").unwrap(), places::module().unwrap());
    let mistakes = mistakes();
    let plans = mistakes.iter().map(|mistake| (mistake.name, mistake.plan.clone()));
    let prepared: Vec<_> =
        plans.chain([("good", introspected())]).map(|(name, plan)| prepare(name, plan).unwrap()).collect();
    let lds = folder.join("lds.json");
    let listeners: Vec<_> =
        prepared.iter().map(|(listener, ..)| listener.to_json(&module, &folder)).collect();
    write(&lds, 1, &listeners[listeners.len() - 1..]);
    let clusters = prepared.iter().flat_map(|(listener, ..)| listener.clusters_json()).collect();
    let envoy = Envoy::start(&folder, &dynamic_bootstrap(&lds, clusters), Launch::workers(1)).unwrap();
    write(&lds, 2, &listeners);
    let refused =
        poll(PATIENCE * 2, || (envoy.stat("listener_manager.lds.update_rejected") == 1).then_some(()));
    assert!(refused.is_some(), "{}", envoy.log());
    let good = envoy.port("good").unwrap();
    assert_eq!(exchange(good, &Request::get("/orders/1")).unwrap().status, 401);

    let (log, listening) = (envoy.log(), envoy.admin("/listeners"));
    for Mistake { name, says, .. } in mistakes {
        assert!(!listening.contains(name), "{name} was taken: {listening}");
        let told: Vec<_> = log.lines().filter(|line| line.contains(&format!("scopegate.{name}: "))).collect();
        for part in says {
            assert!(
                told.iter().any(|line| line.contains(part)),
                "{name}: nothing about {part:?} in {told:#?}"
            );
        }
    }
    assert!(!log.contains(CANARY) && !log.contains("Y2FuYXJ5"), "it tells a secret: {log}");
}

fn validation() {
    let mut bad = everything().in_a_struct();
    bad.filter.policy["rules"][1]["mthods"] = json!(["GET"]);
    for (name, plan, expected) in [
        ("valid-text", everything(), None),
        ("valid-struct", everything().in_a_struct(), None),
        ("valid-struct-like-json", begins_like_json(), None),
        ("invalid-text", Plan::exactly(json!("{\"issuers\": ")), Some("scopegate: policy: ")),
        ("invalid-struct", bad, Some("scopegate: rules[1].mthods: is not a known key")),
    ] {
        let folder = places::scratch(name).unwrap();
        let (listener, ..) = prepare(name, plan).unwrap();
        let config = bootstrap(&[listener], &places::module().unwrap(), &folder);
        let (good, said) = validate(&folder, &config).unwrap();
        assert_eq!(good, expected.is_none(), "{name}: {said}");
        assert!(expected.is_none_or(|text| said.contains(text)), "{name}: {said}");
    }
}

/// Envoy reads YAML in its own way: the same policy written as people write it.
fn yaml() {
    let folder = places::scratch("yaml").unwrap();
    let file = folder.join("envoy.yaml");
    let module = places::module().unwrap();
    fs::write(&file, YAML.replace("MODULE", &module.to_string_lossy())).unwrap();
    let envoy = Envoy::start_with_file(&folder, &file, Launch::workers(1)).unwrap();
    let port = envoy.port("written").unwrap();
    let status = |path: &str| exchange(port, &Request::get(path)).unwrap();
    assert_eq!((status("/open").status, status("/0").status, status("/no").status), (200, 200, 403));
    let refused = status("/orders");
    assert_eq!(refused.status, 401);
    assert_eq!(refused.head.get("www-authenticate").as_deref(), Some("Bearer realm=\"on\""));
    fs::write(&file, YAML.replace("MODULE", &module.to_string_lossy()).replace("audiences", "audience"))
        .unwrap();
    let (good, said) = validate_file(&file).unwrap();
    assert!(!good && said.contains("issuers.corp.audience: is not a known key"), "{said}");
}

/// A comment that ends for one reader and goes on for another hides a member of the policy from one of them. Three of
/// these characters end no line for Envoy, and do so for kubectl; with the fourth Envoy loses count of columns. The tool
/// takes none of them.
fn odd_line_ends() {
    let folder = places::scratch("line-ends").unwrap();
    let module = places::module().unwrap();
    let indent = " ".repeat(28);
    for (odd, is_good_for_envoy) in [('\u{85}', true), ('\u{2028}', true), ('\u{2029}', true), ('\r', false)]
    {
        let hidden = format!("{indent}# note{odd}{indent}nonsense: 1\n{indent}rules:\n");
        let text =
            YAML.replace("MODULE", &module.to_string_lossy()).replace(&format!("{indent}rules:\n"), &hidden);
        let file = folder.join("envoy.yaml");
        fs::write(&file, text).unwrap();
        let (good, said) = validate_file(&file).unwrap();
        assert_eq!(good, is_good_for_envoy, "{odd:?}: {said}");
        let tool = Command::new(env!("CARGO_BIN_EXE_scopegate")).arg("check").arg(&file).output().unwrap();
        let told = String::from_utf8([tool.stdout, tool.stderr].concat()).unwrap();
        assert_eq!(tool.status.code(), Some(1), "{odd:?}: {told}");
        assert!(told.contains("ends a line for some readers only"), "{odd:?}: {told}");
    }
}

const YAML: &str = include_str!("written.yaml");

/// A listener that Envoy reads from a file, again and again.
pub(crate) struct Updated {
    folder: std::path::PathBuf,
    version: usize,
    pub(crate) site: Site,
}

impl Updated {
    fn start(name: &str, plan: Plan) -> Self {
        Self::start_with(name, plan, Launch::workers(2))
    }

    pub(crate) fn start_with(name: &str, plan: Plan, launch: Launch) -> Self {
        let folder = places::scratch(name).unwrap();
        let (listener, upstream, issuer) = prepare("updated", plan).unwrap();
        let lds = folder.join("lds.json");
        write(&lds, 1, &[guarding(&folder, &listener)]);
        let bootstrap = dynamic_bootstrap(&lds, listener.clusters_json());
        let envoy = Arc::new(Envoy::start(&folder, &bootstrap, launch).unwrap());
        let site = Site::new(listener, upstream, issuer, &envoy).unwrap();
        Self { folder, version: 1, site }
    }

    /// Puts `plan` in the place of the policy; how often Envoy has refused one then.
    pub(crate) fn update(&mut self, plan: Plan) -> u64 {
        self.version += 1;
        let done = |kind: &str| self.site.envoy.stat(&format!("listener_manager.lds.update_{kind}"));
        let before = done("success") + done("rejected");
        let clusters: BTreeMap<_, _> = plan.leads.clone();
        let mut listener = Listener::guarded(
            "updated",
            self.site.upstream.port(),
            plan.filter.policy.clone(),
            self.site.issuer.port(),
        );
        listener.clusters.extend(clusters);
        listener.filter = Some(plan.filter);
        write(&self.folder.join("lds.json"), self.version, &[guarding(&self.folder, &listener)]);
        let seen = poll(PATIENCE, || (done("success") + done("rejected") > before).then_some(()));
        assert!(seen.is_some(), "Envoy has not seen the update");
        done("rejected")
    }
}

fn guarding(folder: &Path, listener: &Listener) -> Value {
    listener.to_json(&places::module().unwrap(), folder)
}

/// Moved into place whole, as a control plane would.
fn write(lds: &Path, version: usize, listeners: &[Value]) {
    let fresh = lds.with_extension("new");
    fs::write(&fresh, discovery_response(version, listeners).to_string()).unwrap();
    fs::rename(fresh, lds).unwrap();
}

fn updates() {
    let mut updated = Updated::start("updates", introspected());
    updated.site.refuses(&Request::get("/orders/1"), 401, "token_missing");
    let mut bad = introspected();
    bad.filter.policy["rules"][1]["require"]["scope"] = json!(["orders"]);
    assert_eq!(updated.update(bad), 1);
    assert!(updated.site.envoy.log().contains("rules[1].require.scope: is not a known key"));
    for _ in 0..20 {
        updated.site.refuses(&Request::get("/orders/1"), 401, "token_missing");
        updated.site.still_serves();
    }
    let mut stricter = introspected();
    stricter.filter.policy["rules"][1] =
        json!({"name": "orders", "match": {"paths": ["/orders/**"]}, "access": "deny"});
    assert_eq!(updated.update(stricter), 1);
    let closed =
        poll(PATIENCE, || (updated.site.send(&Request::get("/orders/1")).status == 403).then_some(()));
    assert!(closed.is_some());
    for _ in 0..20 {
        updated.site.refuses(&Request::get("/orders/1").bearer("opaque"), 403, "rule_denied");
    }
}

/// The policy of a round: its issuer has a key set at `/jwks`, and each has another realm.
fn round(number: usize, seal: bool) -> Plan {
    let jwks = json!({"uri": "https://idp.example.com/jwks", "cluster": "idp"});
    let mut plan = verifying(jwks);
    plan.filter.policy["responses"] = json!({"realm": format!("realm-{number}")});
    if seal {
        plan.filter.policy["seal"] = json!("0123456789abcdef0123456789abcdef");
    }
    plan
}

/// Whether the policy of this round is in force for a new connection.
pub(crate) fn is_in_force(site: &Site, number: usize) -> bool {
    let refused = site.send(&Request::get("/orders/1"));
    refused.head.get("www-authenticate").is_some_and(|text| text.contains(&format!("realm-{number}\"")))
}

/// Updates while the key server does not answer; `change` makes the plan of each round.
fn keys_survive(name: &str, change: fn(usize) -> Plan) {
    let first = key("first");
    let mut updated = Updated::start(name, change(0).answer("/jwks", published(&[&first])));
    updated.site.admits(&order(&good(&first)));
    // The other worker and the main thread may be a moment later.
    let served = |updated: &Updated| {
        let before = updated.site.issuer.asked("/jwks");
        for _ in 0..20 {
            updated.site.admits(&order(&good(&first)));
        }
        updated.site.issuer.asked("/jwks") - before
    };
    poll(PATIENCE, || (served(&updated) == 0).then_some(())).unwrap();
    updated.site.issuer.answers("/jwks", Answer::Reset);
    for number in 1..=3 {
        assert_eq!(updated.update(change(number)), 0);
        let seen = poll(PATIENCE, || is_in_force(&updated.site, number).then_some(()));
        assert!(seen.is_some(), "the update is not in force");
        assert_eq!(served(&updated), 0, "the key server was asked");
    }
}

fn keys_go_over() {
    keys_survive("keys-go-over", |number| round(number, false));
}

/// Another environment is another VM.
fn sealed_keys_go_over() {
    keys_survive("sealed-keys-go-over", |number| {
        round(number, true).environment("ROUND", &number.to_string())
    });
}

/// Protobuf writes the members of a map in an order that differs from one start to the next. Both of these have 123
/// bytes: whichever comes first, the message begins with a line feed and a brace, like JSON.
fn begins_like_json() -> Plan {
    Plan::exactly(json!({
        "rules": [{"name": "x".repeat(78), "access": "deny"}],
        "upstream": {
            "filter_state": ["subject", "client", "issuer", "rule", "reason"],
            "headers": {"x-auth-subject": "sub"},
        },
    }))
    .in_a_struct()
}

/// So many updates, one right after the other; every third one is refused.
const UPDATES: usize = 12;

/// The policy of an update. Each has another realm; each lets the token in or keeps it out, in turn; and every third
/// asks about it elsewhere, where it is somebody else's.
fn update(number: usize) -> Plan {
    let uri = format!("https://idp.example.com/introspect-{}", number / 3);
    let mut plan = introspected_with(json!({ "uri": uri }));
    let policy = &mut plan.filter.policy;
    policy["responses"] = json!({"realm": format!("realm-{number}")});
    if number % 2 == 1 {
        policy["rules"][1]["require"]["scopes"] = json!(["admin"]);
    }
    if number % 3 == 2 {
        policy["rules"] = json!([]);
    }
    plan
}

/// What a request does that is admitted by one policy and refused by the next: never by what the one before remembered.
fn updates_under_load() {
    let mut updated = Updated::start("updates-under-load", introspected());
    for number in 0..=UPDATES / 3 {
        let of_somebody = Answer::json(&opaque(&format!("user-{number}")));
        updated.site.issuer.answers(&format!("/introspect-{number}"), of_somebody);
    }
    let (port, upstream) = (updated.site.port(), updated.site.upstream.port());
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let attacker = std::thread::spawn(move || {
        let mut seen = BTreeMap::<u16, usize>::new();
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            if let Ok(response) = exchange(port, &Request::get("/orders/1")) {
                *seen.entry(response.status).or_default() += 1;
            }
        }
        seen
    });
    let request = Request::get("/orders/1").bearer("opaque");
    for number in 0..UPDATES {
        let refused = updated.update(update(number));
        assert_eq!(refused, (number as u64 + 1) / 3);
        // After one that is refused the one before is in force still.
        let in_force = if number % 3 == 2 { number - 1 } else { number };
        let holds = || {
            let response = updated.site.send(&request);
            if in_force % 2 == 1 {
                let told = response.head.get("www-authenticate").unwrap_or_default();
                let realm = format!("realm=\"realm-{in_force}\"");
                response.status == 403 && told.contains(&realm) && told.contains("insufficient_scope")
            } else {
                let subject = format!("[\"x-auth-subject\",\"user-{}\"]", in_force / 3);
                response.status == 200 && response.text().contains(&subject)
            }
        };
        // The other worker may be a moment later; what is remembered would last for a minute.
        let everywhere = || is_in_force(&updated.site, in_force) && (0..20).all(|_| holds());
        assert!(poll(PATIENCE, || everywhere().then_some(())).is_some(), "update {number} is not in force");
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let seen = attacker.join().unwrap();
    assert!(seen.keys().all(|status| *status == 401) && seen[&401] > UPDATES, "{seen:?} of port {upstream}");
}
