//! The resources that a policy protects, and what clients can read about each (RFC 9728).

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::overlap::Area;
use super::rules::{Access, Rule};
use super::settings::{Mode, Unmatched};
use super::{Policy, Requirement};
use crate::http::path::Path;
use crate::http::uri::Uri;
use crate::token::binding::Proof;
use crate::token::expect::IssuerId;

/// One protected resource.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProtectedResource {
    /// The resource identifier, as it was written.
    pub resource: String,
    /// Its host, in lower case and without port.
    pub host: String,
    /// Its path, in normal form and without a `/` at its end.
    pub prefix: String,
    /// Where the filter serves the metadata, in normal form.
    pub path: String,
    /// The absolute URI of the metadata.
    pub metadata: String,
    /// What people may want to read: members of the metadata, by name.
    pub texts: Vec<(&'static str, String)>,
    /// What is asked of clients there.
    pub terms: Terms,
}

/// What a resource asks of its clients: what the rules that are enforced there ask.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Terms {
    /// The identifiers of the issuers whose tokens can be good there, as far as issuers have one.
    pub issuers: Vec<String>,
    /// The scopes that rules name, in the order in which they are named first.
    pub scopes: Vec<String>,
    /// Whether a rule can be satisfied by a token that is bound to a certificate (RFC 8705).
    pub mutual_tls: bool,
    /// Whether no other token is good there than one that is bound to a key (RFC 9449).
    pub dpop_alone: bool,
}

/// All protected resources of a policy.
#[derive(Debug, Default)]
pub struct Resources {
    /// The only one; it stands for every request, whatever its host is called on the way here.
    sole: Option<Rc<ProtectedResource>>,
    /// The resources of each host, those with the longest paths first.
    by_host: HashMap<String, Vec<Rc<ProtectedResource>>>,
}

impl Resources {
    /// `resources`, with the terms that `policy` has for each.
    pub fn new(resources: Vec<ProtectedResource>, policy: &Policy) -> Self {
        let areas: Vec<Area> = resources.iter().map(|resource| area(resource, &resources)).collect();
        let described = resources
            .into_iter()
            .zip(areas)
            .map(|(resource, area)| Rc::new(ProtectedResource { terms: terms(policy, &area), ..resource }));
        let mut described: Vec<_> = described.collect();
        if described.len() == 1 {
            return Self { sole: described.pop(), by_host: HashMap::new() };
        }
        described.sort_by_key(|resource| core::cmp::Reverse(resource.prefix.len()));
        let mut by_host: HashMap<String, Vec<_>> = HashMap::new();
        for resource in described {
            by_host.entry(resource.host.clone()).or_default().push(resource);
        }
        Self { sole: None, by_host }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sole.is_none() && self.by_host.is_empty()
    }

    /// Whether the host of a request chooses between them.
    pub fn are_by_host(&self) -> bool {
        !self.by_host.is_empty()
    }

    /// The resource that a request for `path` at `host` is for: of those at the host the one with the longest path
    /// that leads there.
    pub fn of(&self, host: &str, path: Option<&Path<'_>>) -> Option<&Rc<ProtectedResource>> {
        let leads = |resource: &&Rc<ProtectedResource>| {
            let rest = path.map_or("", Path::as_str).strip_prefix(&*resource.prefix);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.sole.as_ref().or_else(|| self.at(host).iter().find(leads))
    }

    /// The resource whose metadata is served under `path` at `host`.
    pub fn described_at(&self, host: &str, path: &Path<'_>) -> Option<&ProtectedResource> {
        let mut all = self.sole.iter().chain(self.at(host));
        all.find(|resource| resource.path == path.as_str()).map(Rc::as_ref)
    }

    fn at(&self, host: &str) -> &[Rc<ProtectedResource>] {
        self.by_host.get(host).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The requests that are for `resource` and for none of the `others`.
fn area(resource: &ProtectedResource, others: &[ProtectedResource]) -> Area {
    let is_inside = |other: &&ProtectedResource| {
        other.host == resource.host && other.prefix.len() > resource.prefix.len()
    };
    let whole = Area::new(&resource.host, &resource.prefix);
    others.iter().filter(is_inside).fold(whole, |area, other| area.less(&other.prefix))
}

/// What `policy` enforces in `area`. What it only observes is asked of nobody.
fn terms(policy: &Policy, area: &Area) -> Terms {
    if policy.mode == Mode::Observe {
        return Terms::default();
    }
    // Behind a rule that decides about everything there no other is reached.
    let last = policy.rules.iter().position(|rule| area.is_within(&rule.matcher));
    let is_enforced = |rule: &&Rule| rule.mode == Mode::Enforce && area.meets(&rule.matcher);
    let mut issuers: Option<BTreeSet<_>> = Some(BTreeSet::new());
    let (mut scopes, mut mutual_tls, mut proofs) = (BTreeSet::new(), false, BTreeSet::new());
    let any_token = last.is_none() && policy.unmatched == Unmatched::Authenticated;
    let reached = policy.rules.iter().take(last.map_or(usize::MAX, |last| last + 1));
    let rules = reached.filter(is_enforced).map(|rule| &rule.access);
    for access in rules.chain(any_token.then_some(&Access::Optional)) {
        let requirement: &Requirement = match access {
            Access::Anonymous | Access::Deny => continue,
            Access::Optional => &Requirement::default(),
            Access::Require(requirement) => requirement,
        };
        issuers = issuers.zip(requirement.issuers()).map(|(mut all, these)| {
            all.extend(these);
            all
        });
        requirement.name_scopes(&mut scopes);
        mutual_tls |= requirement.mentions_certificate();
        proofs.insert(requirement.proof() == Some(Proof::Dpop));
    }
    let is_good = |id: &IssuerId| issuers.as_ref().is_none_or(|issuers| issuers.contains(id));
    let named = policy.issuers.iter().zip((0..).map(IssuerId)).filter(|(_, id)| is_good(id));
    Terms {
        // An issuer that is no URI has no metadata to be found (RFC 9728 section 2, RFC 8414 section 2).
        issuers: named
            .filter_map(|(issuer, _)| issuer.expect.issuer.clone())
            .filter(|issuer| Uri::parse(issuer).is_ok())
            .collect(),
        scopes: policy.vocabulary.names(&scopes),
        mutual_tls,
        dpop_alone: proofs == BTreeSet::from([true]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{HostPattern, Matcher, PathPattern, Rules, Vocabulary, Wanted};

    fn resource(host: &str, prefix: &str) -> ProtectedResource {
        ProtectedResource {
            resource: format!("https://{host}{prefix}"),
            host: host.to_owned(),
            prefix: prefix.to_owned(),
            path: format!("/.well-known/oauth-protected-resource{prefix}"),
            metadata: String::new(),
            texts: Vec::new(),
            terms: Terms::default(),
        }
    }

    fn chosen(resources: &Resources, host: &str, path: &str) -> Option<String> {
        let path = Path::normalize(path.as_bytes()).unwrap();
        resources.of(host, Some(&path)).map(|resource| resource.resource.clone())
    }

    #[test]
    fn the_host_and_the_longest_path_choose() {
        let all = ["", "/mcp", "/mcp/tools"].map(|prefix| resource("a.test", prefix));
        let all =
            Resources::new(all.into_iter().chain([resource("b.test", "/mcp")]).collect(), &Policy::closed());
        for (host, path, expected) in [
            ("a.test", "/", Some("https://a.test")),
            ("a.test", "/mcps", Some("https://a.test")),
            ("a.test", "/mcp", Some("https://a.test/mcp")),
            ("a.test", "/mcp/", Some("https://a.test/mcp")),
            ("a.test", "/mcp/tools/7", Some("https://a.test/mcp/tools")),
            ("b.test", "/mcp/tools/7", Some("https://b.test/mcp")),
            ("b.test", "/", None),
            ("c.test", "/mcp", None),
            ("", "/", None),
        ] {
            assert_eq!(chosen(&all, host, path).as_deref(), expected, "{host}{path}");
        }
        assert!(all.of("a.test", None).is_some() && all.of("b.test", None).is_none());
        let at =
            |host, path: &str| all.described_at(host, &Path::normalize(path.as_bytes()).unwrap()).is_some();
        assert!(at("b.test", "/.well-known/oauth-protected-resource/mcp"));
        assert!(!at("b.test", "/.well-known/oauth-protected-resource"));
        assert!(!at("c.test", "/.well-known/oauth-protected-resource/mcp"));
    }

    #[test]
    fn the_only_resource_stands_for_every_request() {
        let sole = Resources::new(vec![resource("a.test", "/v1")], &Policy::closed());
        assert_eq!(chosen(&sole, "10.0.0.1", "/else").as_deref(), Some("https://a.test/v1"));
        assert!(Resources::new(Vec::new(), &Policy::closed()).is_empty());
    }

    fn policy(rules: &[(&str, &str, Access, Mode)], vocabulary: Vocabulary) -> Policy {
        let rule = |(host, path, access, mode): &(&str, &str, Access, Mode)| Rule {
            name: format!("{host}{path}").into(),
            matcher: Matcher {
                hosts: vec![HostPattern::parse(host).unwrap()],
                paths: vec![PathPattern::parse(path).unwrap()],
                ..Matcher::default()
            },
            access: access.clone(),
            mode: *mode,
            forward: None,
        };
        Policy {
            rules: Rules::new(rules.iter().map(rule).collect()).unwrap(),
            vocabulary,
            ..Policy::closed()
        }
    }

    #[test]
    fn terms_are_those_of_enforced_rules_that_can_match() {
        let mut vocabulary = Vocabulary::default();
        let mut requirement = |wanted: Wanted| Rc::new(Requirement::new(wanted, &mut vocabulary));
        let mut scope = |scope: &str| {
            Access::Require(requirement(Wanted { scopes: vec![scope.into()], ..Wanted::default() }))
        };
        let (enforce, observe) = (Mode::Enforce, Mode::Observe);
        let rules = [
            ("a.test", "/orders/**", scope("b"), enforce),
            ("a.test", "/mcp/**", scope("mcp"), enforce),
            ("a.test", "/later", scope("later"), observe),
            ("b.test", "/**", scope("other"), enforce),
            ("a.test", "/open", Access::Anonymous, enforce),
        ];
        let nested = requirement(Wanted {
            any_scope: vec!["b".into(), "c".into()],
            proof: Some(Proof::Any),
            ..Wanted::default()
        });
        let nested = requirement(Wanted { any_of: vec![nested], ..Wanted::default() });
        let nested = ("a.test", "/nested", Access::Require(nested), enforce);
        let last = requirement(Wanted { scopes: vec!["a".into()], ..Wanted::default() });
        let rules = [&rules[..], &[nested, ("*.test", "/{any}", Access::Require(last), enforce)]].concat();
        let resources = || ["", "/mcp"].map(|prefix| resource("a.test", prefix)).to_vec();
        let enforcing = policy(&rules, vocabulary);
        let terms = |policy: &Policy, path: &str| {
            let path = Path::normalize(path.as_bytes()).unwrap();
            Resources::new(resources(), policy).of("a.test", Some(&path)).unwrap().terms.clone()
        };
        assert_eq!(terms(&enforcing, "/").scopes, ["b", "c", "a"]);
        assert_eq!(terms(&enforcing, "/mcp").scopes, ["mcp"], "the last rule is never reached there");
        assert!(terms(&enforcing, "/").mutual_tls && !terms(&enforcing, "/mcp").mutual_tls);
        let elsewhere = vec![resource("a.test", ""), resource("b.test", "/mcp")];
        let elsewhere = Resources::new(elsewhere, &enforcing);
        assert_eq!(elsewhere.of("a.test", None).unwrap().terms.scopes, ["b", "mcp", "c", "a"]);
        assert_eq!(terms(&Policy { mode: observe, ..enforcing }, "/"), Terms::default());
    }

    #[test]
    fn where_no_rule_matches_any_token_may_be_good() {
        let dpop = Wanted { proof: Some(Proof::Dpop), ..Wanted::default() };
        let dpop = Access::Require(Rc::new(Requirement::new(dpop, &mut Vocabulary::default())));
        for (path, unmatched, dpop_alone) in [
            ("/**", Unmatched::Authenticated, true),
            ("/x/**", Unmatched::Authenticated, false),
            ("/x/**", Unmatched::Deny, true),
        ] {
            let rules = [("a.test", path, dpop.clone(), Mode::Enforce)];
            let policy = Policy { unmatched, ..policy(&rules, Vocabulary::default()) };
            let resources = Resources::new(vec![resource("a.test", "")], &policy);
            assert_eq!(resources.of("a.test", None).unwrap().terms.dpop_alone, dpop_alone, "{path}");
        }
    }
}
