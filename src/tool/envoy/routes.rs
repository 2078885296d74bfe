//! What routes do to a filter: choose again after it, or switch it off.

use serde_json::Value;

use super::find::{is, member};
use crate::base::json::Object;

/// Advice about the routes of `manager`, as far as they stand in the same file, for the filter `plugin` with `policy`.
pub(super) fn advise(manager: &Object, plugin: &Object, policy: &Value, advice: &mut Vec<String>) {
    let Some(entry) = entry_of(manager, plugin) else { return };
    if entry.get("disabled") == Some(&Value::Bool(true)) {
        advice.push(
            "the filter is `disabled` in http_filters: it checks nothing but where a route switches it on"
                .to_owned(),
        );
    }
    if inside_matcher(entry).is_some() {
        advice.push(
            "ERROR: a matcher stands around the filter: what it skips passes without a check, and with whatever identity \
             headers a client sends: leave that to a rule with `access: anonymous`"
                .to_owned(),
        );
    }
    let name = member(entry, "name").and_then(Value::as_str).unwrap_or_default();
    let Some(configuration) = member(manager, "route_config").and_then(Value::as_object) else { return };
    switched_off(configuration, name, "the route_config", advice);
    let (fields, parameters, places) =
        (edited_fields(policy), edited_parameters(policy), token_places(policy));
    let counted = if limits_behind(manager, entry) { &places[..] } else { &[] };
    for host in objects(member(configuration, "virtual_hosts")) {
        let place = named("virtual host", host, 0);
        switched_off(host, name, &place, advice);
        limited(host, counted, &place, advice);
        for (index, route) in objects(member(host, "routes")).enumerate() {
            let place = named("route", route, index);
            switched_off(route, name, &place, advice);
            hashed(route, &places, &place, advice);
            if let Some(action) = member(route, "route").and_then(Value::as_object) {
                limited(action, counted, &place, advice);
                let weighted =
                    member(action, "weighted_clusters").and_then(|several| several.get("clusters"));
                for (index, cluster) in objects(weighted).enumerate() {
                    let cluster_place = named(&format!("{place}, for its weighted cluster"), cluster, index);
                    switched_off(cluster, name, &cluster_place, advice);
                }
            }
            let Some(matched) = member(route, "match").and_then(Value::as_object) else { continue };
            for (kind, members, edited) in
                [("header", "headers", &fields), ("query parameter", "query_parameters", &parameters)]
            {
                let names = objects(member(matched, members)).filter_map(|one| member(one, "name")?.as_str());
                for name in names.filter(|name| edited.contains(&name.to_ascii_lowercase())) {
                    advice.push(format!(
                        "{place} matches on the {kind} {name:?}, which the filter changes: Envoy then chooses the route \
                         again, after the decision: match on something else"
                    ));
                }
            }
        }
    }
}

/// A route that chooses its upstream host by the token: that is gone by then.
fn hashed(route: &Object, places: &[(&'static str, String)], place: &str, advice: &mut Vec<String>) {
    let action = member(route, "route").and_then(Value::as_object);
    for policy in objects(action.and_then(|action| member(action, "hash_policy"))) {
        let name = |kind: &str, name: &str| {
            Some(
                member(policy, kind)?
                    .as_object()
                    .and_then(|kind| member(kind, name))?
                    .as_str()?
                    .to_ascii_lowercase(),
            )
        };
        let keys = [
            ("header", name("header", "header_name")),
            ("query parameter", name("query_parameter", "name")),
            ("cookie", name("cookie", "name")),
        ];
        for (kind, name) in keys.into_iter().filter_map(|(kind, name)| Some((kind, name?))) {
            if places.iter().any(|(other, token)| *other == kind && *token == name) {
                advice.push(format!(
                    "{place} has a hash_policy on the {kind} {name:?}, which holds the token and is taken out before: no \
                     request hashes: use a header of `upstream.headers`, like the subject's"
                ));
            }
        }
    }
}

/// Whether a filter that counts requests stands behind `entry`.
fn limits_behind(manager: &Object, entry: &Object) -> bool {
    let filters = member(manager, "http_filters").and_then(Value::as_array).into_iter().flatten();
    let mut behind =
        filters.skip_while(|filter| !filter.as_object().is_some_and(|own| core::ptr::eq(own, entry)));
    behind.any(|filter| is(filter, "ratelimit") || is(filter, "local_ratelimit"))
}

/// A rate limit that counts by the token: that is gone by then, and what has no such field is not counted.
fn limited(holder: &Object, places: &[(&'static str, String)], place: &str, advice: &mut Vec<String>) {
    let limits = objects(member(holder, "rate_limits"));
    for action in limits.flat_map(|limit| objects(member(limit, "actions"))) {
        let keys = [
            ("header", "request_headers", "header_name"),
            ("query parameter", "query_parameters", "query_parameter_name"),
        ];
        let named = keys.into_iter().filter_map(|(kind, key, name)| {
            Some((kind, member(member(action, key)?.as_object()?, name)?.as_str()?))
        });
        for (kind, name) in named {
            if places.iter().any(|(other, token)| *other == kind && token.eq_ignore_ascii_case(name)) {
                advice.push(format!(
                    "{place} has a rate limit by the {kind} {name:?}, which holds the token and is taken out before: behind \
                     this filter no request counts: use a header of `upstream.headers`, like the subject's"
                ));
            }
        }
    }
}

/// The entry of `http_filters` that holds `plugin`.
fn entry_of<'d>(manager: &'d Object, plugin: &Object) -> Option<&'d Object> {
    objects(member(manager, "http_filters")).find(|entry| {
        let config = inside_matcher(entry).unwrap_or(entry);
        let config = member(config, "typed_config");
        let configs = [config, config.and_then(|config| config.get("value"))].into_iter().flatten();
        configs
            .filter_map(|config| config.get("config")?.as_object())
            .any(|config| core::ptr::eq(config, plugin))
    })
}

/// The filter inside `entry`, where a matcher stands around it.
fn inside_matcher(entry: &Object) -> Option<&Object> {
    member(member(entry, "typed_config")?.as_object()?, "extension_config")?.as_object()
}

fn switched_off(holder: &Object, name: &str, place: &str, advice: &mut Vec<String>) {
    let own = member(holder, "typed_per_filter_config").and_then(|configs| configs.get(name));
    if own.and_then(|own| own.get("disabled")) == Some(&Value::Bool(true)) {
        advice.push(format!(
            "{place} switches the filter off: requests there pass without a check, and with whatever identity headers a \
             client sends: leave that to a rule with `access: anonymous`"
        ));
    }
}

/// Fields that the filter sets or takes away, in lower case.
fn edited_fields(policy: &Value) -> Vec<String> {
    let upstream = policy.get("upstream");
    let claims = upstream.and_then(|upstream| upstream.get("claims_header")).and_then(Value::as_str);
    let headers = upstream.and_then(|upstream| upstream.get("headers")).and_then(Value::as_object);
    let mut names: Vec<&str> = headers.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    names.extend(claims);
    match places(policy) {
        Places::Usual => names.push("authorization"),
        Places::Told(places) => {
            names.extend(places.iter().filter_map(|place| place.get("header")?.as_str()));
            names.extend(places.iter().filter_map(|place| place.get("cookie")).map(|_| "cookie"));
        }
        Places::Kept => {}
    }
    names.iter().map(|name| name.to_ascii_lowercase()).collect()
}

/// Query parameters that the filter takes away, in lower case: close enough to be told.
fn edited_parameters(policy: &Value) -> Vec<String> {
    let Places::Told(places) = places(policy) else { return Vec::new() };
    let names = places.iter().filter_map(|place| place.get("query")?.as_str());
    names.map(str::to_ascii_lowercase).collect()
}

/// Where tokens are taken out: kind and name, in lower case.
fn token_places(policy: &Value) -> Vec<(&'static str, String)> {
    let Places::Told(places) = places(policy) else {
        return if matches!(places(policy), Places::Kept) {
            Vec::new()
        } else {
            vec![("header", "authorization".to_owned())]
        };
    };
    let kinds = [("header", "header"), ("query", "query parameter"), ("cookie", "cookie")];
    let named = |place: &Value| {
        kinds.into_iter().find_map(|(key, kind)| Some((kind, place.get(key)?.as_str()?.to_ascii_lowercase())))
    };
    places.iter().filter_map(named).collect()
}

/// Whether the token stays on every request that is judged by it: as the policy says, or each rule for itself.
pub(super) fn keeps_token(policy: &Value) -> bool {
    let all = policy.get("token").and_then(|token| token.get("forward")) == Some(&Value::Bool(true));
    let is_judged =
        |access: Option<&Value>| !matches!(access.and_then(Value::as_str), Some("anonymous" | "deny"));
    let judged = objects(policy.get("rules")).filter(|rule| is_judged(rule.get("access")));
    let mut kept = judged.map(|rule| rule.get("forward").and_then(Value::as_bool).unwrap_or(all)).peekable();
    let by_rules =
        kept.peek().is_some() && policy.get("unmatched").and_then(Value::as_str) != Some("authenticated");
    (all || by_rules) && kept.all(|kept| kept)
}

/// Where tokens are taken out.
enum Places<'p> {
    Usual,
    Told(&'p [Value]),
    Kept,
}

fn places(policy: &Value) -> Places<'_> {
    if keeps_token(policy) {
        return Places::Kept;
    }
    let places = policy.get("token").and_then(|token| token.get("from")?.as_array());
    places.map_or(Places::Usual, |places| Places::Told(places))
}

fn objects(list: Option<&Value>) -> impl Iterator<Item = &Object> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

fn named(what: &str, object: &Object, index: usize) -> String {
    match member(object, "name").and_then(Value::as_str) {
        Some(name) => format!("{what} {name:?}"),
        None => format!("{what} {index}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(policy: &Value, entry: Value, configuration: Value) -> String {
        told_beside(&json!({"name": "other"}), &limiter(), policy, entry, configuration)
    }

    fn limiter() -> Value {
        let kind = "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit";
        json!({"name": "limit", "typed_config": {"@type": kind}})
    }

    fn told_beside(
        in_front: &Value,
        behind: &Value,
        policy: &Value,
        mut entry: Value,
        configuration: Value,
    ) -> String {
        entry["name"] = json!("gate");
        entry["typed_config"] = json!({"config": {"name": "scopegate"}});
        let manager = json!({"http_filters": [in_front, entry, behind], "route_config": configuration});
        let plugin = manager["http_filters"][1]["typed_config"]["config"].as_object().unwrap();
        let mut advice = Vec::new();
        advise(manager.as_object().unwrap(), plugin, policy, &mut advice);
        advice.join("\n")
    }

    fn matching(name: &str, matched: &Value) -> Value {
        json!({"virtual_hosts": [{"name": "api", "routes": [{"name": name, "match": matched}]}]})
    }

    #[test]
    fn a_route_that_matches_on_what_the_filter_changes_is_told() {
        let policy = json!({"upstream": {"headers": {"x-auth-subject": "sub"}, "claims_header": "x-claims"}});
        for name in ["X-Auth-Subject", "x-claims", "authorization"] {
            let advice = told(&policy, json!({}), matching("one", &json!({"headers": [{"name": name}]})));
            assert!(
                advice.starts_with("route \"one\" matches on the header ") && advice.contains(name),
                "{advice}"
            );
        }
        let query = json!({"token": {"from": [{"query": "access_token"}, {"cookie": "session"}]}});
        let matched =
            json!({"query_parameters": [{"name": "access_token"}], "headers": [{"name": "cookie"}]});
        assert_eq!(told(&query, json!({}), matching("one", &matched)).lines().count(), 2);
    }

    #[test]
    fn a_route_that_matches_on_anything_else_is_not() {
        let (usual, matched) = (json!({}), json!({"headers": [{"name": ":method"}, {"name": "x-version"}]}));
        assert_eq!(told(&usual, json!({}), matching("one", &matched)), "");
        let kept = json!({"token": {"forward": true}});
        let matched = json!({"headers": [{"name": "authorization"}]});
        assert_eq!(told(&kept, json!({}), matching("one", &matched)), "");
    }

    #[test]
    fn a_route_that_hashes_by_the_token_is_told() {
        let hashing = |by: Value| json!({"virtual_hosts": [{"routes": [{"match": {}, "route": {"cluster": "app", "hash_policy": [by]}}]}]});
        let usual = json!({"upstream": {"headers": {"x-auth-subject": "sub"}}});
        let odd = json!({"token": {"from": [{"query": "Token"}, {"cookie": "session"}]}});
        let kept = json!({"token": {"forward": true}});
        let header = |name: &str| json!({"header": {"header_name": name}});
        for (policy, by, is_told) in [
            (&usual, header("Authorization"), true),
            (&usual, header("x-auth-subject"), false),
            (&odd, header("authorization"), false),
            (&odd, json!({"queryParameter": {"name": "Token"}}), true),
            (&odd, json!({"cookie": {"name": "session", "ttl": "0s"}}), true),
            (&odd, json!({"cookie": {"name": "sticky"}}), false),
            (&kept, header("authorization"), false),
            (&usual, json!({"connection_properties": {"source_ip": true}}), false),
        ] {
            let told = told(policy, json!({}), hashing(by.clone()));
            assert_eq!(told.starts_with("route 0 has a hash_policy on the "), is_told, "{by}: {told}");
        }
    }

    #[test]
    fn a_rate_limit_by_the_token_is_told() {
        let by = |name: &str| json!([{"actions": [{"request_headers": {"header_name": name, "descriptor_key": "k"}}]}]);
        let host =
            |name: &str| json!({"virtual_hosts": [{"name": "api", "rate_limits": by(name), "routes": []}]});
        let route = |name: &str| json!({"virtual_hosts": [{"routes": [{"match": {}, "route": {"rateLimits": by(name)}}]}]});
        let query = json!([{"actions": [{"query_parameters": {"query_parameter_name": "token", "descriptor_key": "k"}}]}]);
        let query = json!({"virtual_hosts": [{"routes": [{"match": {}, "route": {"rate_limits": query}}]}]});
        let (usual, kept) = (json!({}), json!({"token": {"forward": true}}));
        let odd = json!({"token": {"from": [{"query": "token"}]}});
        for (policy, configuration, is_told) in [
            (&usual, host("Authorization"), true),
            (&usual, route("authorization"), true),
            (&odd, query.clone(), true),
            (&usual, query, false),
            (&odd, route("authorization"), false),
            (&usual, route("x-tenant"), false),
            (&kept, route("authorization"), false),
            (&json!({"rules": [{"require": {}, "forward": true}]}), route("authorization"), false),
        ] {
            let told = told(policy, json!({}), configuration.clone());
            assert_eq!(told.contains(" has a rate limit by the "), is_told, "{configuration}: {told}");
        }
        // In front of this filter the token is still there.
        let other = json!({"name": "other"});
        assert_eq!(told_beside(&limiter(), &other, &usual, json!({}), host("Authorization")), "");
    }

    #[test]
    fn a_token_stays_where_each_rule_that_wants_one_says_so() {
        let (kept, taken) = (json!({"require": {}, "forward": true}), json!({"require": {}}));
        let anonymous = json!({"access": "anonymous"});
        for (policy, stays) in [
            (json!({"rules": [kept, anonymous]}), true),
            (json!({"rules": [kept, {"access": "deny"}]}), true),
            (json!({"rules": [kept, {"access": "optional"}]}), false),
            (json!({"rules": [kept, taken]}), false),
            (json!({"rules": [anonymous]}), false),
            (json!({"rules": [kept], "unmatched": "authenticated"}), false),
            (json!({"token": {"forward": true}, "rules": [taken]}), true),
            (json!({"token": {"forward": true}, "rules": [{"require": {}, "forward": false}]}), false),
            (json!({"token": {"forward": true}}), true),
            (json!({}), false),
        ] {
            assert_eq!(keeps_token(&policy), stays, "{policy}");
        }
    }

    #[test]
    fn whoever_switches_the_filter_off_is_told() {
        let off =
            json!({"gate": {"@type": "x/envoy.config.route.v3.FilterConfig", "disabled": true}, "other": {}});
        let other = json!({"other": {"disabled": true}, "gate": {"disabled": false}});
        let configuration = |of: &Value| {
            json!({"typedPerFilterConfig": of, "virtual_hosts": [
                {"name": "api", "typed_per_filter_config": of, "routes": [{"typed_per_filter_config": of, "route":
                    {"weightedClusters": {"clusters": [{"name": "app", "typedPerFilterConfig": of}]}}}]}]})
        };
        let advice = told(&json!({}), json!({}), configuration(&off));
        let places: Vec<_> =
            advice.lines().filter_map(|line| line.split_once(" switches")).map(|(place, _)| place).collect();
        let of_cluster = "route 0, for its weighted cluster \"app\"";
        assert_eq!(places, ["the route_config", "virtual host \"api\"", "route 0", of_cluster]);
        assert_eq!(told(&json!({}), json!({}), configuration(&other)), "");
        assert!(told(&json!({}), json!({"disabled": true}), json!({})).contains("checks nothing"));
    }

    #[test]
    fn a_matcher_around_the_filter_is_an_error_and_its_routes_are_looked_at() {
        let inner = json!({"typed_config": {"config": {"name": "scopegate"}}});
        let filter = json!({"name": "gate", "typed_config": {"extensionConfig": inner, "xds_matcher": {}}});
        let off = json!({"typed_per_filter_config": {"gate": {"disabled": true}}});
        let manager = json!({"http_filters": [filter], "route_config": off});
        let place = "/http_filters/0/typed_config/extensionConfig/typed_config/config";
        let plugin = manager.pointer(place).unwrap().as_object().unwrap();
        let mut advice = Vec::new();
        advise(manager.as_object().unwrap(), plugin, &json!({}), &mut advice);
        assert!(advice[0].starts_with("ERROR: a matcher stands around the filter: "), "{advice:?}");
        assert!(advice[1].starts_with("the route_config switches the filter off"), "{advice:?}");
    }
}
