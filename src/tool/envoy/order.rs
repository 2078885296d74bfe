//! Where a filter stands among others: what is done in front of it, behind it, and without it.

use serde_json::Value;

use super::find::{Host, find, is, member, typed_config};
use super::routes::keeps_token;
use crate::base::json::Object;

/// Advice about the filters around `plugin`, which has `policy`, among those of `manager`.
pub(super) fn advise(manager: &Object, plugin: &Object, policy: &Value, advice: &mut Vec<String>) {
    let entries = member(manager, "http_filters").and_then(Value::as_array).map(Vec::as_slice);
    let entries = entries.unwrap_or_default();
    let Some(own) = entries.iter().position(|entry| holds(entry, plugin)) else { return };
    let kept = keeps_token(policy);
    for (place, entry) in entries.iter().enumerate().filter(|(place, _)| *place != own) {
        let Some(kind) = Kind::of(entry) else { continue };
        let name = entry.get("name").and_then(Value::as_str).unwrap_or("another filter");
        match kind {
            Kind::Cache if place < own => advice.push(format!(
                "ERROR: {name} stands in front of this filter: what it has stored it serves without a check, and what it has \
                 not it fetches past this filter: put it behind, with `token: {{forward: true}}` here"
            )),
            Kind::Cache if !kept => advice.push(format!(
                "ERROR: {name} behind this filter sees requests without their token, and may serve one user's answer to \
                 another: write `token: {{forward: true}}`, or have the upstream answer with `cache-control: private`"
            )),
            Kind::Verifier { .. } if place > own && !kept => advice.push(format!(
                "{name} behind this filter finds no token, for that is taken out here: put it in front of this one, or write \
                 `token: {{forward: true}}`"
            )),
            Kind::Verifier { takes_token: true } if place < own => advice.push(format!(
                "{name} in front of this filter takes the token out: write `forward: true` in each of its providers"
            )),
            Kind::Cache | Kind::Verifier { .. } => {}
        }
    }
    preflights(policy, entries.get(..own).unwrap_or_default(), advice);
    upgrades(manager, advice);
}

/// A page of another origin that sends a token has to ask first, and a preflight has none.
fn preflights(policy: &Value, in_front: &[Value], advice: &mut Vec<String>) {
    let passes = policy.get("cors_preflight").and_then(Value::as_str) == Some("allow");
    let answers = |entry: &Value| is(entry, "cors");
    if policy.get("cors").is_some() && !passes && !in_front.iter().any(answers) {
        advice.push(
            "the policy has `cors`, and preflights are judged like any request, without a token: pages cannot send one: write \
             `cors_preflight: allow`, or put envoy.filters.http.cors in front of this filter"
                .to_owned(),
        );
    }
}

/// What another filter is to one that judges tokens.
enum Kind {
    /// It answers requests by what it has stored.
    Cache,
    /// It looks at the token too.
    Verifier {
        /// And leaves nothing of it, as its own configuration says.
        takes_token: bool,
    },
}

impl Kind {
    fn of(entry: &Value) -> Option<Self> {
        if is(entry, "cache") || is(entry, "cache_v2") {
            return Some(Self::Cache);
        }
        if is(entry, "jwt_authn") {
            let config = typed_config(entry)?;
            let config = config.get("value").and_then(Value::as_object).unwrap_or(config);
            let providers = config.get("providers").and_then(Value::as_object);
            let takes = |provider: &Value| provider.get("forward") != Some(&Value::Bool(true));
            return Some(Self::Verifier {
                takes_token: providers.is_some_and(|all| all.values().any(takes)),
            });
        }
        (!find(entry).is_empty()).then_some(Self::Verifier { takes_token: false })
    }
}

/// Whether `plugin` is what stands in `entry`, or somewhere in it.
fn holds(entry: &Value, plugin: &Object) -> bool {
    find(entry).iter().any(|filter| match filter.host {
        Host::Envoy { plugin: found, .. } => core::ptr::eq(found, plugin),
        Host::Istio(_) | Host::Gateway(_) => false,
    })
}

/// Requests for an upgrade pass the filters that `upgrade_configs` has for them, and no others.
fn upgrades(manager: &Object, advice: &mut Vec<String>) {
    let upgrades = member(manager, "upgrade_configs").and_then(Value::as_array);
    for upgrade in upgrades.into_iter().flatten().filter_map(Value::as_object) {
        let Some(filters) = member(upgrade, "filters") else { continue };
        if filters.as_array().is_some_and(|filters| !filters.is_empty()) && find(filters).is_empty() {
            let kind = member(upgrade, "upgrade_type").and_then(Value::as_str).unwrap_or_default();
            advice.push(format!(
                "ERROR: upgrade_configs has filters of its own for {kind:?}, and this one is not among them: such requests \
                 pass without a check: add it there, or leave `filters` out"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn filter(kind: &str, mut config: Value) -> Value {
        config["@type"] = json!(format!("type.googleapis.com/envoy.extensions.filters.http.{kind}"));
        json!({"name": kind.split('.').next(), "typed_config": config})
    }

    fn ours() -> Value {
        filter("wasm.v3.Wasm", json!({"config": {"name": "scopegate"}}))
    }

    /// What is told of the last filter of ours among `filters`.
    fn told(policy: &Value, filters: &[Value], more: Value) -> String {
        let mut manager = more;
        manager["http_filters"] = json!(filters);
        let found = find(&manager["http_filters"]);
        let Some(Host::Envoy { plugin, .. }) = found.last().map(|filter| filter.host) else {
            return String::new();
        };
        let mut advice = Vec::new();
        advise(manager.as_object().unwrap(), plugin, policy, &mut advice);
        advice.join("\n")
    }

    #[test]
    fn filters_that_pass_a_check_by_or_lose_the_token_are_told() {
        let (taken, kept) = (json!({}), json!({"token": {"forward": true}}));
        let by_rule = json!({"rules": [{"require": {}, "forward": true}, {"access": "anonymous"}]});
        let router = || filter("router.v3.Router", json!({}));
        let cache = || filter("cache.v3.CacheConfig", json!({}));
        let cache_v2 = || filter("cache_v2.v3.CacheV2Config", json!({}));
        let jwt =
            |provider: Value| filter("jwt_authn.v3.JwtAuthentication", json!({"providers": {"p": provider}}));
        let forwarding = || jwt(json!({"forward": true}));
        for (policy, filters, words) in [
            (&taken, vec![ours(), router()], None),
            (&taken, vec![cache(), ours()], Some("ERROR: cache stands in front")),
            (&kept, vec![cache_v2(), ours()], Some("ERROR: cache_v2 stands in front")),
            (&taken, vec![ours(), cache(), router()], Some("ERROR: cache behind this filter")),
            (&taken, vec![ours(), cache_v2(), router()], Some("ERROR: cache_v2 behind this filter")),
            (&kept, vec![ours(), cache(), router()], None),
            (&by_rule, vec![ours(), cache(), router()], None),
            (&taken, vec![ours(), forwarding()], Some("jwt_authn behind this filter finds no token")),
            (&kept, vec![ours(), jwt(json!({}))], None),
            (
                &taken,
                vec![jwt(json!({})), ours()],
                Some("jwt_authn in front of this filter takes the token out"),
            ),
            (&taken, vec![forwarding(), ours()], None),
        ] {
            let told = told(policy, &filters, json!({}));
            match words {
                Some(words) => {
                    assert!(told.starts_with(words) && told.lines().count() == 1, "{words}: {told}")
                }
                None => assert_eq!(told, "", "{filters:?}"),
            }
        }
    }

    #[test]
    fn the_first_of_two_filters_that_take_the_token_out_is_told() {
        let (first, second) = (ours(), ours());
        let manager = json!({"http_filters": [first, second]});
        let found = find(&manager);
        let told = |place: usize| {
            let Host::Envoy { plugin, .. } = found[place].host else { return String::new() };
            let mut advice = Vec::new();
            advise(manager.as_object().unwrap(), plugin, &json!({}), &mut advice);
            advice.join("\n")
        };
        assert!(told(0).starts_with("wasm behind this filter finds no token"), "{}", told(0));
        assert_eq!(told(1), "");
    }

    #[test]
    fn pages_whose_preflights_nobody_answers_are_told() {
        let cors = || filter("cors.v3.Cors", json!({}));
        let (judged, allowed) = (json!({"cors": {}}), json!({"cors": {}, "cors_preflight": "allow"}));
        for (policy, filters, is_told) in [
            (&judged, vec![ours()], true),
            (&judged, vec![ours(), cors()], true),
            (&judged, vec![cors(), ours()], false),
            (&allowed, vec![ours()], false),
            (&json!({}), vec![ours()], false),
        ] {
            let told = told(policy, &filters, json!({}));
            assert_eq!(told.starts_with("the policy has `cors`"), is_told, "{policy} {filters:?}: {told}");
        }
    }

    #[test]
    fn an_upgrade_that_has_filters_without_this_one_is_told() {
        let upgrade =
            |filters: Value| json!({"upgradeConfigs": [{"upgradeType": "websocket", "filters": filters}]});
        let router = || filter("router.v3.Router", json!({}));
        let told = |filters: Value| told(&json!({}), &[ours()], upgrade(filters));
        assert!(
            told(json!([router()]))
                .starts_with("ERROR: upgrade_configs has filters of its own for \"websocket\"")
        );
        for harmless in [json!(null), json!([]), json!([ours(), router()])] {
            assert_eq!(told(harmless.clone()), "", "{harmless}");
        }
    }
}
