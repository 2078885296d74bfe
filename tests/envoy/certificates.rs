//! Certificate-bound tokens (RFC 8705): good on a connection with their certificate, and behind a hop that tells of it
//! where the policy says that it may; nowhere else.

use std::sync::Arc;

use kit::bootstrap::{Lead, Listener, bootstrap};
use kit::client::{Request, exchange};
use kit::envoy::{Envoy, Launch};
use kit::issuer::Answer;
use kit::places;
use kit::tls::Client;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::authority::{Authority, Identity};
use crate::policies::{ASKED, introspected, introspected_with, verifying};
use crate::ring::{Plan, Ring, Site, prepare, trial};
use crate::tokens::{jwks, key, order, signed};

pub(crate) fn add(ring: &mut Ring) {
    let mut test = |name: &str, build: fn() -> (Plan, Run)| {
        let (plan, run) = build();
        ring.test(&format!("certificates::{name}"), plan, run);
    };
    test("a_signed_token_is_good_with_its_certificate_alone", signed_tokens);
    test("an_opaque_token_is_good_with_its_certificate_alone", opaque_tokens);
    test("a_certificate_that_nobody_vouches_for_binds_as_well", own_certificates);
    test("a_resumed_session_is_held_to_the_certificate_it_began_with", resumed_sessions);
    test("nobody_proves_a_certificate_in_the_clear", in_the_clear);
    test("a_hop_in_front_tells_of_its_clients_certificate", behind_a_hop);
    test("a_hop_may_have_a_certificate_of_its_own", behind_a_known_hop);
}

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("certificates::an_issuer_sees_the_certificate_and_the_id_of_its_client", seen_by_the_issuer)]
}

type Run = Box<dyn FnOnce(&Site) + Send>;

/// The field in which hops tell of certificates, naming the one whose SHA-256 is `hash`.
fn telling_of(request: Request, hash: &str) -> Request {
    request.field("x-forwarded-client-cert", format!("By=spiffe://front;Hash={hash}"))
}

fn bound_to(identity: &Identity) -> Value {
    json!({"cnf": {"x5t#S256": identity.thumbprint()}})
}

/// Whatever names a certificate in a field, `request` is refused.
fn refused(site: &Site, request: &Request) {
    let response = site.refuses(request, 401, "binding_unproven");
    let challenge = response.head.get("www-authenticate").unwrap_or_default();
    assert!(challenge.starts_with("Bearer ") && challenge.contains("error=\"invalid_token\""), "{challenge}");
}

fn signed_tokens() -> (Plan, Run) {
    let (authority, key) = (Authority::new(), key("a"));
    let (ours, other) = (authority.vouches_for("ours"), authority.vouches_for("other"));
    let (our, others, nobody) =
        (authority.client(Some(&ours)), authority.client(Some(&other)), authority.client(None));
    let mut plan = verifying(json!({"inline": jwks(&[&key])})).over_tls(authority.listens(false), &nobody);
    let bound_only = json!({"name": "bound", "match": {"paths": ["/bound"]}, "require": {"proof": "mtls"}});
    if let Some(rules) = plan.filter.policy["rules"].as_array_mut() {
        rules.push(bound_only);
    }
    let run = move |site: &Site| {
        let token = |more: Value| signed(&key, &json!({}), more);
        let (bound, unbound) = (token(bound_to(&ours)), token(json!({})));
        // The second round finds the token remembered.
        for _ in 0..2 {
            site.admits(&order(&bound).over(&our));
            for client in [&others, &nobody] {
                refused(site, &order(&bound).over(client));
                refused(site, &telling_of(order(&bound), &ours.hash()).over(client));
            }
        }
        for client in [&our, &others, &nobody] {
            site.admits(&order(&unbound).over(client));
            refused(site, &Request::get("/bound").bearer(&unbound).over(client));
        }
        site.admits(&Request::get("/bound").bearer(&bound).over(&our));
        let texts = [
            json!({"x5t#S256": ""}),
            json!({"x5t#S256": ours.hash()}),
            json!({"x5t#S256": format!("{}=", ours.thumbprint())}),
            json!({"x5t#S256": [ours.thumbprint()]}),
            json!({"x5t#S256": ours.thumbprint(), "jkt": ours.thumbprint()}),
            json!([ours.thumbprint()]),
        ];
        for cnf in texts {
            refused(site, &order(&token(json!({"cnf": cnf}))).over(&our));
        }
    };
    (plan, Box::new(run))
}

fn opaque_tokens() -> (Plan, Run) {
    let authority = Authority::new();
    let (ours, other) = (authority.vouches_for("ours"), authority.vouches_for("other"));
    let (our, others, nobody) =
        (authority.client(Some(&ours)), authority.client(Some(&other)), authority.client(None));
    let answer = json!({"active": true, "scope": "orders", "cnf": bound_to(&ours)["cnf"]});
    let plan =
        introspected().answer(ASKED, Answer::json(&answer)).over_tls(authority.listens(false), &nobody);
    let run = move |site: &Site| {
        for (token, first) in [("a", &our), ("b", &others), ("c", &nobody)] {
            let before = site.issuer.asked(ASKED);
            for client in [first, &our, &others, &nobody] {
                let request = order(token).over(client);
                if std::ptr::eq(client, &our) || (token == "a" && std::ptr::eq(client, first)) {
                    site.admits(&request);
                } else {
                    refused(site, &request);
                }
            }
            assert_eq!(site.issuer.asked(ASKED), before + 1, "whoever asks first, the answer is remembered");
        }
    };
    (plan, Box::new(run))
}

fn own_certificates() -> (Plan, Run) {
    let (authority, key) = (Authority::new(), key("a"));
    let (ours, other) = (Identity::of_its_own("spiffe://ours"), Identity::of_its_own("spiffe://other"));
    let (our, others) = (authority.client(Some(&ours)), authority.client(Some(&other)));
    let plan = verifying(json!({"inline": jwks(&[&key])})).over_tls(authority.listens_to_anybody(), &others);
    let run = move |site: &Site| {
        let bound = signed(&key, &json!({}), bound_to(&ours));
        site.admits(&order(&bound).over(&our));
        refused(site, &order(&bound).over(&others));
    };
    (plan, Box::new(run))
}

fn resumed_sessions() -> (Plan, Run) {
    let (authority, key) = (Authority::new(), key("a"));
    let (ours, other) = (authority.vouches_for("ours"), authority.vouches_for("other"));
    let (our, others) = (authority.client(Some(&ours)), authority.client(Some(&other)));
    let plan = verifying(json!({"inline": jwks(&[&key])})).over_tls(authority.listens(true), &our);
    let run = move |site: &Site| {
        let bound = signed(&key, &json!({}), bound_to(&ours));
        for _ in 0..5 {
            site.admits(&order(&bound).over(&our));
            refused(site, &order(&bound).over(&others));
        }
        assert!(our.resumed() > 0 && others.resumed() > 0, "no session was resumed");
    };
    (plan, Box::new(run))
}

fn in_the_clear() -> (Plan, Run) {
    let key = key("a");
    // The worst of configurations: Envoy lets the field through from anybody. The policy does not ask for it.
    let plan = verifying(json!({"inline": jwks(&[&key])}))
        .manager(json!({"forward_client_cert_details": "ALWAYS_FORWARD_ONLY"}));
    let run = move |site: &Site| {
        let ours = Identity::of_its_own("spiffe://ours");
        let bound = signed(&key, &json!({}), bound_to(&ours));
        refused(site, &order(&bound));
        refused(site, &telling_of(order(&bound), &ours.hash()));
        let received = site.admits(&telling_of(order(&signed(&key, &json!({}), json!({}))), &ours.hash()));
        assert!(
            received.head.get("x-forwarded-client-cert").is_some(),
            "the forgery was let through by Envoy"
        );
    };
    (plan, Box::new(run))
}

/// The hop is an Envoy of its own, with a listener for each way to treat the field.
fn behind_a_hop() -> (Plan, Run) {
    let key = key("a");
    let mut plan = verifying(json!({"inline": jwks(&[&key])}))
        .manager(json!({"forward_client_cert_details": "ALWAYS_FORWARD_ONLY"}));
    plan.filter.policy["client_certificate"] = json!({"from": "x-forwarded-client-cert"});
    let run = move |site: &Site| {
        let authority = Authority::new();
        let ours = authority.vouches_for("ours");
        let token = signed(&key, &json!({}), bound_to(&ours));
        let folder = places::scratch("certificates-hop").unwrap();
        let hop = |name: &str| {
            let mut hop = Listener::open(name, site.port());
            hop.tls = Some(authority.listens_to_anybody());
            hop.manager.insert("forward_client_cert_details".to_owned(), json!(name));
            let told = json!({"subject": true, "uri": true, "dns": true, "cert": true});
            hop.manager.insert("set_current_client_cert_details".to_owned(), told);
            hop
        };
        let hops = ["SANITIZE_SET", "APPEND_FORWARD", "SANITIZE"].map(hop);
        let front = bootstrap(&hops, &places::module().unwrap(), &folder);
        let front = Envoy::start(&folder, &front, Launch::workers(1)).unwrap();
        let ask = |hop: &str, client: &Client, forged: bool| {
            let request = order(&token).over(client);
            let request = if forged { telling_of(request, &ours.hash()) } else { request };
            let before = site.upstream.count();
            let response = exchange(front.port(hop).unwrap(), &request).unwrap();
            let admitted = response.status == 200;
            assert_eq!(site.upstream.count() - before, usize::from(admitted), "{hop}: {}", response.text());
            assert!(admitted || response.text().contains("is bound to its sender"), "{}", response.text());
            admitted
        };
        let our = authority.client(Some(&ours));
        let other = authority.client(Some(&authority.vouches_for("other")));
        assert!(ask("SANITIZE_SET", &our, false) && ask("SANITIZE_SET", &our, true));
        assert!(!ask("SANITIZE_SET", &other, false) && !ask("SANITIZE_SET", &other, true));
        assert!(ask("APPEND_FORWARD", &our, false));
        assert!(!ask("APPEND_FORWARD", &our, true), "of two certificates none counts");
        assert!(!ask("APPEND_FORWARD", &other, false) && !ask("APPEND_FORWARD", &other, true));
        assert!(!ask("SANITIZE", &our, false) && !ask("SANITIZE", &our, true));
        // The hop writes such names into the field as they are.
        for uri in ["spiffe://a,Hash=", "spiffe://a;Hash=", "a\";Hash=", "a\",Hash=", ",Hash="] {
            let smuggler = Identity::of_its_own(&format!("{uri}{}", ours.hash()));
            let smuggler = authority.client(Some(&smuggler));
            for hop in ["SANITIZE_SET", "APPEND_FORWARD"] {
                assert!(!ask(hop, &smuggler, false), "{hop}: {uri}");
            }
        }
        assert_eq!(front.traps(), Vec::<String>::new());
    };
    (plan, Box::new(run))
}

/// As the manual says that it should be: only the hop can reach the listener, which asks it for a certificate.
fn behind_a_known_hop() -> (Plan, Run) {
    let (key, inside, outside) = (key("a"), Authority::new(), Authority::new());
    let hop = inside.vouches_for("hop");
    let hop_client = inside.client(Some(&hop));
    let mut plan = verifying(json!({"inline": jwks(&[&key])}))
        .manager(json!({"forward_client_cert_details": "FORWARD_ONLY"}))
        .over_tls(inside.listens(true), &hop_client);
    plan.filter.policy["client_certificate"] = json!({"from": "x-forwarded-client-cert"});
    let run = move |site: &Site| {
        let (ours, other) = (outside.vouches_for("ours"), outside.vouches_for("other"));
        let token = signed(&key, &json!({}), bound_to(&ours));
        let folder = places::scratch("certificates-known-hop").unwrap();
        let mut listener = Listener::open("hop", site.port());
        listener.tls = Some(outside.listens(true));
        listener.manager.insert("forward_client_cert_details".to_owned(), json!("SANITIZE_SET"));
        let mut front = bootstrap(&[listener], &places::module().unwrap(), &folder);
        front["static_resources"]["clusters"][0]["transport_socket"] = inside.connects(&hop);
        let front = Envoy::start(&folder, &front, Launch::workers(1)).unwrap();
        let port = front.port("hop").unwrap();
        let ask = |identity: &Identity| {
            let request = telling_of(order(&token), &ours.hash()).over(&outside.client(Some(identity)));
            let before = site.upstream.count();
            let status = exchange(port, &request).unwrap().status;
            (status, site.upstream.count() - before)
        };
        assert_eq!((ask(&ours), ask(&other)), ((200, 1), (401, 0)));
        // Past the hop nobody gets in; the hop itself would be believed.
        let before = site.upstream.count();
        for client in [outside.client(Some(&ours)), inside.client(None)] {
            let past = exchange(site.port(), &telling_of(order(&token), &ours.hash()).over(&client));
            assert!(past.is_err(), "{past:?}");
        }
        assert_eq!(site.upstream.count(), before);
        refused(site, &order(&token).over(&hop_client));
        site.admits(&telling_of(order(&token), &ours.hash()).over(&hop_client));
    };
    (plan, Box::new(run))
}

/// RFC 8705 section 2.1: the filter says who asks, and the cluster shows the certificate. In front of the issuer stands an
/// Envoy that takes nobody without one, and tells whose it was.
fn seen_by_the_issuer() {
    let authority = Authority::new();
    let (gateway, other) = (authority.vouches_for("gateway"), Authority::new().vouches_for("other"));
    let client =
        json!({"client": {"id": "gateway & sons", "method": "tls"}, "cache": {"negative_ttl": "0s"}});
    let folder = places::scratch("certificates-issuer").unwrap();
    let (mut listener, upstream, issuer) = prepare("asking", introspected_with(client)).unwrap();
    let mut front = Listener::open("front", issuer.port());
    front.tls = Some(authority.listens(true));
    front.manager.insert("forward_client_cert_details".to_owned(), json!("SANITIZE_SET"));
    let module = places::module().unwrap();
    let front = bootstrap(&[front], &module, &folder);
    let front_folder = places::scratch("certificates-issuer-front").unwrap();
    let front = Envoy::start(&front_folder, &front, Launch::workers(1)).unwrap();
    listener.clusters.insert("idp".to_owned(), Lead::Port(front.port("front").unwrap()));
    let start = |folder: &std::path::Path, identity: &Identity| {
        let mut config = bootstrap(std::slice::from_ref(&listener), &module, folder);
        let clusters = config["static_resources"]["clusters"].as_array_mut().unwrap();
        let idp = clusters.iter_mut().find(|cluster| cluster["name"] == "asking/idp").unwrap();
        idp["transport_socket"] = authority.connects(identity);
        Arc::new(Envoy::start(folder, &config, Launch::workers(1)).unwrap())
    };
    let envoy = start(&folder, &gateway);
    let status = |envoy: &Envoy| exchange(envoy.port("asking").unwrap(), &order("opaque")).unwrap().status;
    assert_eq!((status(&envoy), upstream.count()), (200, 1));
    let question = issuer.questions(ASKED).pop().unwrap();
    let form = String::from_utf8(question.body).unwrap();
    assert!(form.split('&').any(|pair| pair == "client_id=gateway%20%26%20sons"), "{form}");
    assert!(form.split('&').any(|pair| pair == "token=opaque"), "{form}");
    assert_eq!(question.head.get("authorization"), None);
    let told = question.head.get("x-forwarded-client-cert").unwrap_or_default();
    assert!(told.contains(&format!("Hash={}", gateway.hash())), "{told}");
    // A certificate that the issuer does not take is an outage of ours, and nobody's fault.
    let strange = start(&places::scratch("certificates-issuer-other").unwrap(), &other);
    assert_eq!((status(&strange), upstream.count(), issuer.asked(ASKED)), (503, 1, 1));
    for envoy in [&*envoy, &*strange, &front] {
        assert_eq!(envoy.traps(), Vec::<String>::new());
    }
}
