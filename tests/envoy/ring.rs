//! One Envoy for all tests of the ring, and what each test holds of it: a site.

use std::collections::BTreeMap;
use std::io;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use kit::bootstrap::{Filter, Form, Lead, Listener, bootstrap};
use kit::client::{Connection, Request, Response, exchange};
use kit::deadline::{PATIENCE, lock, poll};
use kit::envoy::{Envoy, Launch, Logged};
use kit::issuer::{Answer, Issuer};
use kit::server::{Received, Server};
use kit::tls::Client;
use kit::wire::text;
use kit::{places, upstream};
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Map, Value, json};

/// How long the upstream is watched when nothing may arrive there: a leak arrives within 2 ms.
pub(crate) const WATCH: Duration = Duration::from_millis(100);

/// How Envoy's access log calls what Envoy itself refuses: heads that it does not take, and what its RBAC filter denies.
const REFUSALS_OF_ENVOY: [&str; 4] =
    ["http1.", "http.invalid_authority", "path_normalization_failed", "rbac_access_denied"];

/// What a test needs around it: a policy, and what its issuer answers.
#[derive(Clone, Default)]
pub(crate) struct Plan {
    pub(crate) filter: Filter,
    pub(crate) answers: Vec<(String, Vec<Answer>)>,
    pub(crate) routes: Vec<Value>,
    pub(crate) in_front: Vec<Value>,
    pub(crate) behind: Vec<Value>,
    pub(crate) manager: Map<String, Value>,
    /// Who ends TLS in front of it, and whom it takes for a client.
    pub(crate) tls: Option<(Value, Client)>,
    /// Clusters that lead elsewhere than to the issuer.
    pub(crate) leads: BTreeMap<String, Lead>,
}

impl Plan {
    /// A plan for `policy`, whose rules get one more in front: everybody may ask `/alive`.
    pub(crate) fn new(mut policy: Value) -> Self {
        let alive = json!({"name": "alive", "match": {"paths": ["/alive"]}, "access": "anonymous"});
        if let Some(rules) = policy["rules"].as_array_mut() {
            rules.insert(0, alive);
        }
        Self::exactly(policy)
    }

    /// A plan for `policy` as it is.
    pub(crate) fn exactly(policy: Value) -> Self {
        Self { filter: Filter { policy, ..Filter::default() }, ..Self::default() }
    }

    /// From the start, the issuer's `path` gives `answer`.
    pub(crate) fn answer(self, path: &str, answer: Answer) -> Self {
        self.answers(path, vec![answer])
    }

    /// From the start, the issuer's `path` gives `answers` one after the other; the last one repeats.
    pub(crate) fn answers(mut self, path: &str, answers: Vec<Answer>) -> Self {
        self.answers.push((path.to_owned(), answers));
        self
    }

    /// With `allow_on_headers_stop_iteration`.
    pub(crate) fn stopping_iteration(mut self) -> Self {
        self.filter.stop_iteration = true;
        self
    }

    /// With the filter inside of Envoy's composite filter.
    pub(crate) fn in_a_composite(mut self) -> Self {
        self.filter.composite = true;
        self
    }

    /// With a variable in the environment of the VM.
    pub(crate) fn environment(mut self, name: &str, value: &str) -> Self {
        self.filter.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With the policy as a part of Envoy's own configuration.
    pub(crate) fn in_a_struct(mut self) -> Self {
        self.filter.form = Form::Struct;
        self
    }

    /// With more members of the HTTP connection manager.
    pub(crate) fn manager(mut self, members: Value) -> Self {
        if let Value::Object(members) = members {
            self.manager.extend(members);
        }
        self
    }

    /// Behind `socket`, which ends TLS, and through which `client` gets.
    pub(crate) fn over_tls(mut self, socket: Value, client: &Client) -> Self {
        self.tls = Some((socket, client.clone()));
        self
    }

    /// With heads let through that Envoy itself refuses by default.
    pub(crate) fn large_heads(self) -> Self {
        self.manager(json!({
            "max_request_headers_kb": 8192,
            "common_http_protocol_options": {"max_headers_count": 20000},
        }))
    }

    /// With `filter` in front of scopegate.
    pub(crate) fn in_front(mut self, filter: Value) -> Self {
        self.in_front.push(filter);
        self
    }

    /// With `filter` between scopegate and the router.
    pub(crate) fn behind(mut self, filter: Value) -> Self {
        self.behind.push(filter);
        self
    }

    /// With `route` in front of the one that takes everything.
    pub(crate) fn route(mut self, route: Value) -> Self {
        self.routes.push(route);
        self
    }

    /// With the cluster `name` leading elsewhere than to the issuer.
    pub(crate) fn leads(mut self, name: &str, lead: Lead) -> Self {
        self.leads.insert(name.to_owned(), lead);
        self
    }
}

/// What the tests of the ring are, before anything runs.
#[derive(Default)]
pub(crate) struct Ring {
    plans: Vec<(String, Plan)>,
    tests: Vec<(String, Run)>,
}

type Run = Box<dyn FnOnce(&Site) + Send>;

impl Ring {
    /// Adds a test, and the site that it runs on.
    pub(crate) fn test(&mut self, name: &str, plan: Plan, run: impl FnOnce(&Site) + Send + 'static) {
        self.plans.push((name.replace("::", "."), plan));
        self.tests.push((name.to_owned(), Box::new(run)));
    }

    /// The tests that `arguments` ask for, for the runner, and a hold on the Envoy that starts with the first of them. It
    /// has their sites alone: each takes a second or so to load.
    pub(crate) fn into_trials(self, arguments: &Arguments) -> (Vec<Trial>, Arc<Running>) {
        let is_wanted = |name: &str| !arguments.is_filtered_out(&Trial::test(name, || Ok(())));
        let both = self.plans.into_iter().zip(self.tests).filter(|(_, (name, _))| is_wanted(name));
        let (plans, tests): (Vec<_>, Vec<_>) = both.unzip();
        let running = Arc::new(Running { plans: Mutex::new(plans), sites: OnceLock::new() });
        let trial = |(place, (name, run)): (usize, (String, Run))| {
            let running = Arc::clone(&running);
            Trial::test(name, move || {
                let site = &running.sites()?[place];
                run(site);
                site.still_serves();
                Ok(())
            })
        };
        (tests.into_iter().enumerate().map(trial).collect(), running)
    }
}

/// The one Envoy of the ring, once it is needed.
pub(crate) struct Running {
    plans: Mutex<Vec<(String, Plan)>>,
    sites: OnceLock<Result<Vec<Site>, String>>,
}

impl Running {
    fn sites(&self) -> Result<&Vec<Site>, Failed> {
        let plans = || std::mem::take(&mut *lock(&self.plans));
        self.sites.get_or_init(|| start(plans())).as_ref().map_err(Failed::from)
    }

    /// Runs all `trials`; a trace of a trap anywhere in Envoy's log fails the whole run.
    pub(crate) fn conclude(&self, arguments: &Arguments, trials: Vec<Trial>) -> ExitCode {
        let conclusion = libtest_mimic::run(arguments, trials);
        let started = self.sites.get().and_then(|sites| sites.as_ref().ok());
        let traps =
            started.and_then(|sites| sites.first()).map(|site| site.envoy.traps()).unwrap_or_default();
        if traps.is_empty() {
            return conclusion.exit_code();
        }
        eprintln!("Envoy's log tells of a trap:\n{}", traps.join("\n"));
        ExitCode::FAILURE
    }
}

/// A test that brings whatever it needs itself.
pub(crate) fn trial(name: &str, test: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(name, move || {
        test();
        Ok(())
    })
}

/// A test that does not run here; its name says why.
pub(crate) fn ignored(name: &str) -> Trial {
    Trial::test(name, || Ok(())).with_ignored_flag(true)
}

/// A test with an Envoy of its own, for what others must not disturb.
pub(crate) fn alone(
    name: &str,
    plan: Plan,
    launch: Launch,
    run: impl FnOnce(&Site) + Send + 'static,
) -> Trial {
    let listener = name.replace("::", ".");
    Trial::test(name, move || {
        let sites = start_in(&listener, vec![(listener.clone(), plan)], launch)?;
        run(&sites[0]);
        sites[0].still_serves();
        assert_eq!(sites[0].envoy.traps(), Vec::<String>::new());
        Ok(())
    })
}

fn start(plans: Vec<(String, Plan)>) -> Result<Vec<Site>, String> {
    // One worker: a test sees the state that the tests before it on its site left behind.
    start_in("ring", plans, Launch::workers(1))
}

/// An Envoy with a listener for each of `plans`.
pub(crate) fn start_in(
    folder: &str,
    plans: Vec<(String, Plan)>,
    launch: Launch,
) -> Result<Vec<Site>, String> {
    let (folder, module) = (places::scratch(folder)?, places::module()?);
    let client = |(_, plan): &(String, Plan)| plan.tls.as_ref().map(|(_, client)| client.clone());
    let clients: Vec<_> = plans.iter().map(client).collect();
    let prepared: io::Result<Vec<_>> = plans.into_iter().map(|(name, plan)| prepare(&name, plan)).collect();
    let prepared = prepared.map_err(|error| format!("no loopback port: {error}"))?;
    let listeners: Vec<_> = prepared.iter().map(|(listener, ..)| listener.clone()).collect();
    let envoy = Arc::new(Envoy::start(&folder, &bootstrap(&listeners, &module, &folder), launch)?);
    let site = |((listener, upstream, issuer), client)| {
        Site::new(listener, upstream, issuer, &envoy).map(|site| Site { client, ..site })
    };
    prepared.into_iter().zip(clients).map(site).collect()
}

/// The servers that a plan needs, and the listener between them.
pub(crate) fn prepare(name: &str, plan: Plan) -> io::Result<(Listener, Server, Issuer)> {
    let (upstream, issuer) = (upstream::start()?, Issuer::start()?);
    for (path, answers) in plan.answers {
        issuer.answers_in_turn(&path, answers);
    }
    let mut listener = Listener::guarded(name, upstream.port(), plan.filter.policy.clone(), issuer.port());
    listener.filter = Some(plan.filter);
    listener.routes = plan.routes;
    listener.in_front = plan.in_front;
    listener.behind = plan.behind;
    listener.manager = plan.manager;
    listener.tls = plan.tls.map(|(socket, _)| socket);
    listener.clusters.extend(plan.leads);
    Ok((listener, upstream, issuer))
}

/// A listener with its policy, the application behind it and the issuer beside it.
pub(crate) struct Site {
    name: String,
    port: u16,
    /// Who may ask it whether it is alive, where it takes TLS alone.
    client: Option<Client>,
    pub(crate) upstream: Server,
    pub(crate) issuer: Issuer,
    pub(crate) envoy: Arc<Envoy>,
}

impl Site {
    /// The site of `listener` in a running Envoy.
    pub(crate) fn new(
        listener: Listener,
        upstream: Server,
        issuer: Issuer,
        envoy: &Arc<Envoy>,
    ) -> Result<Self, String> {
        let port = envoy.port(&listener.name)?;
        Ok(Self { name: listener.name, port, client: None, upstream, issuer, envoy: Arc::clone(envoy) })
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// A connection to the listener.
    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.port).unwrap()
    }

    /// Sends `request` and reads the response.
    pub(crate) fn send(&self, request: &Request) -> Response {
        exchange(self.port, request).unwrap_or_else(|error| panic!("{}: no response: {error}", self.name))
    }

    /// Envoy's own account of `response`.
    pub(crate) fn logged(&self, response: &Response) -> Logged {
        self.envoy.logged(&self.name, response.origin).unwrap()
    }

    /// Sends `request` and holds the gate to refusing it: with `status`, for `reason`, and nothing went upstream.
    pub(crate) fn refuses(&self, request: &Request, status: u16, reason: &str) -> Response {
        let before = self.upstream.count();
        let response = self.send(request);
        self.is_refusal(&response, status, reason);
        assert_eq!(self.upstream.count(), before, "the upstream was reached");
        response
    }

    /// Holds `response` to being a refusal that never chose an upstream.
    pub(crate) fn is_refusal(&self, response: &Response, status: u16, reason: &str) {
        let logged = self.logged(response);
        let seen = (response.status, logged.get("details"));
        assert_eq!(seen, (status, &*format!("scopegate_{reason}")), "{}", response.text());
        assert!(!logged.went_upstream(), "{logged:?}");
    }

    /// Sends `request` and holds the gate to letting it through; what the upstream saw of it.
    pub(crate) fn admits(&self, request: &Request) -> Received {
        let before = self.upstream.count();
        let response = self.send(request);
        let logged = self.logged(&response);
        let seen = (response.status, logged.get("details"));
        assert_eq!(seen, (200, "via_upstream"), "{}", response.text());
        let arrived = self.upstream.wait(PATIENCE, |all| all.get(before).is_some_and(|one| one.complete));
        assert!(arrived, "the upstream has not seen the request");
        self.upstream.received().swap_remove(before)
    }

    /// Sends a request and holds whoever answers it to keeping it from the upstream, for the client's own fault: scopegate
    /// for one of its reasons, or Envoy for a head that it does not take. No answer keeps nobody out, nor does an outage.
    pub(crate) fn keeps_out(&self, request: &Request) -> Response {
        let before = self.upstream.count();
        let what = text(&request.head_bytes().into_iter().take(200).collect::<Vec<_>>());
        let response =
            exchange(self.port, request).unwrap_or_else(|error| panic!("no response: {error}: {what}"));
        let logged = self.logged(&response);
        let details = logged.get("details");
        let of_ours = details.starts_with("scopegate_") && !details.starts_with("scopegate_host_fault");
        let by = of_ours || REFUSALS_OF_ENVOY.iter().any(|own| details.starts_with(own));
        assert!((400..500).contains(&response.status) && by, "{} {details}: {what}", response.status);
        assert!(!logged.went_upstream() && self.upstream.count() == before, "went through: {what}");
        response
    }

    /// Waits until so many requests are inside.
    pub(crate) fn wait_inside(&self, requests: u64) {
        let stat = format!("http.{}.downstream_rq_active", self.name);
        let inside = || self.envoy.stat(&stat);
        let arrived = poll(PATIENCE, || (inside() == requests).then_some(()));
        assert!(arrived.is_some(), "{} requests are inside, not {requests}", inside());
    }

    /// How many requests Envoy has refused because of the size of their bodies.
    pub(crate) fn too_large(&self) -> u64 {
        self.envoy.stat(&format!("http.{}.downstream_rq_too_large", self.name))
    }

    /// Holds the worker to being alive: it serves, and its VM was never built anew.
    pub(crate) fn still_serves(&self) {
        let alive = Request::get("/alive");
        self.admits(&match &self.client {
            Some(client) => alive.over(client),
            None => alive,
        });
        for trace in ["vm_reload", "vm_reload_backoff"] {
            let stat = format!("wasm.{}.{trace}", self.name);
            assert_eq!(self.envoy.stat(&stat), 0, "the VM trapped: {:#?}", self.envoy.traps());
        }
    }
}
