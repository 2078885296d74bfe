//! Envoy's own router beside the rules: no authority gets to a virtual host past the rule that names it.

use std::collections::BTreeMap;

use kit::client::{Request, exchange};
use serde_json::{Value, json};

use crate::ring::{Plan, Ring, Site};

/// How many authorities are made up on each site.
const TRIED: usize = 600;

pub(crate) fn add(ring: &mut Ring) {
    let name = "hosts::two_hosts_are_none";
    ring.test(name, plan(name, "anonymous", json!({}), json!({}), None), two_hosts);
    for (how, manager, routes, authority) in [
        ("where_ports_count", json!({}), json!({}), None),
        ("where_ports_are_ignored", json!({}), json!({"ignore_port_in_host_matching": true}), Some("any")),
        ("where_ports_are_stripped", json!({"strip_any_host_port": true}), json!({}), None),
        (
            "where_ports_and_last_dots_are_stripped",
            json!({"strip_any_host_port": true, "strip_trailing_host_dot": true}),
            json!({}),
            None,
        ),
    ] {
        for (what, last) in [("a_closed_virtual_host", "anonymous"), ("an_open_virtual_host_alone", "deny")] {
            let name = format!("hosts::no_authority_gets_past_the_rule_of_{what}_{how}");
            let closes_the_rest = last == "deny";
            let plan = plan(&name, last, manager.clone(), routes.clone(), authority);
            ring.test(&name, plan, move |site| keeps_apart(site, closes_the_rest));
        }
    }
}

/// Envoy makes one authority of two fields, with a comma.
fn two_hosts(site: &Site) {
    for (first, second) in [
        ("www.example.com", "admin.example.com"),
        ("admin.example.com", "www.example.com"),
        ("www.example.com", "www.example.com"),
        ("x", "www.example.com"),
    ] {
        let two = Request::new("GET", "/", first).field("host", second);
        let joined = Request::new("GET", "/", &format!("{first},{second}"));
        for request in [&two, &joined] {
            site.refuses(request, 400, "authority_ambiguous");
        }
    }
}

/// Rules for the domains of Envoy's virtual hosts, each of which says its name; `last` for every other host.
fn plan(name: &str, last: &str, mut manager: Value, routes: Value, ports: Option<&str>) -> Plan {
    let rule = |name: &str, host: &str, access: &str| json!({"name": name, "match": {"hosts": [host]}, "access": access});
    let mut policy = json!({"rules": [
        rule("www", "www.example.com", "anonymous"),
        rule("admin", "admin.example.com", "deny"),
        rule("tenants", "*.example.com", "deny"),
        rule("address", "[::1]", "deny"),
        {"name": "rest", "access": last},
    ]});
    if let Some(ports) = ports {
        policy["authority"] = json!({"ports": ports});
    }
    let says = |name: &str, domain: &str| {
        let routes = json!([{"match": {"safe_regex": {"regex": "(?s).*"}},
            "direct_response": {"status": 200, "body": {"inline_string": name}}}]);
        json!({"name": name, "domains": [domain], "routes": routes})
    };
    // The kit asks whether the site is alive, of its own upstream.
    let cluster = format!("{}/application", name.replace("::", "."));
    let alive = json!({"match": {"path": "/alive"}, "route": {"cluster": cluster}});
    let mut tenants = says("tenants", "*.example.com");
    tenants["routes"] = json!([alive, tenants["routes"][0]]);
    let mut configuration = json!({"virtual_hosts": [
        says("www", "www.example.com"), says("admin", "admin.example.com"), tenants, says("address", "[::1]"), says("rest", "*"),
    ]});
    configuration.as_object_mut().unwrap().extend(routes.as_object().cloned().unwrap_or_default());
    manager["route_config"] = configuration;
    Plan::new(policy).manager(manager)
}

fn keeps_apart(site: &Site, closes_the_rest: bool) {
    let mut seen = BTreeMap::<String, usize>::new();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for number in 0..TRIED {
        let host = PLAIN.get(number).map_or_else(|| dice.host(), |plain| (*plain).to_owned());
        // Of an absolute target Envoy takes the authority (RFC 9112 section 3.2.2), whatever the field says.
        let request = match number % 3 {
            0 => Request::new("GET", &format!("http://{host}/"), "www.example.com"),
            _ => Request::new("GET", "/", &host),
        };
        let Ok(response) = exchange(site.port(), &request) else { continue };
        let told = if response.status == 200 { response.text() } else { response.status.to_string() };
        let open = told == "www" || (told == "rest" && !closes_the_rest);
        assert!(response.status != 200 || open, "{host:?} gets to {told}");
        *seen.entry(told).or_default() += 1;
    }
    // Some of each kind, or nothing was shown.
    let count = |told: &str| seen.get(told).copied().unwrap_or_default();
    assert!(count("www") > 5 && count("403") > 50 && count("400") > 50, "{seen:?}");
    assert!(closes_the_rest || count("rest") > 50, "{seen:?}");
}

const PLAIN: &[&str] = &[
    "www.example.com",
    "WWW.example.com",
    "acme.example.com",
    "admin.example.com",
    "www.example.com:1",
    "www.example.com:80",
    "www.example.com:",
    "www.example.com.",
    "www.example.com.:80",
    "admin.example.com:1",
    "admin.example.com.",
    "acme!.example.com",
    "x@acme.example.com",
    "x@www.example.com",
    "a%61.example.com",
    "a~b.example.com",
    "a:1.example.com",
    "x..example.com",
    "[::1]",
    "[::1]:80",
    "www.example.com:x@admin.example.com",
];

/// Small and repeatable; good enough to make hosts.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % sides
    }

    /// A good host, or nearly.
    fn host(&mut self) -> String {
        const GOOD: &[&str] = &[
            "www.example.com",
            "admin.example.com",
            "acme.example.com",
            "a.b.example.com",
            "example.com",
            "x.test",
            "[::1]",
        ];
        const PIECES: &[&str] = &[
            ".",
            "..",
            ":",
            ":80",
            ":1",
            ":443",
            ":x",
            "@",
            "x@",
            "!",
            "~",
            "%61",
            "%2e",
            "%",
            "_",
            "-",
            ",",
            ";",
            "=",
            "&",
            "(",
            ")",
            "*",
            "+",
            "$",
            "'",
            "[",
            "]",
            "0",
            "a",
            "A",
            "W",
            ".example.com",
            "www.example.com",
            "admin",
        ];
        let mut host = GOOD[self.roll(GOOD.len())].to_owned();
        for _ in 0..[0, 1, 1, 1, 2, 3][self.roll(6)] {
            let piece = PIECES[self.roll(PIECES.len())];
            match self.roll(5) {
                0 => host.insert_str(0, piece),
                1 | 2 => host.push_str(piece),
                3 => host.insert_str(self.roll(host.len() + 1), piece),
                _ => {
                    let at = self.roll(host.len());
                    host.replace_range(at..=at, piece);
                }
            }
        }
        if self.roll(40) == 0 { format!("{}.{host}", "a".repeat(300)) } else { host }
    }
}
