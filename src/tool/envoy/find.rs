//! Every Wasm filter of ours in a document, wherever it stands.

use serde_json::Value;

use super::configuration::{self, Configuration};
use crate::base::json::Object;
use crate::document::member_place;

/// A filter of ours.
pub struct Filter<'d> {
    /// Where it stands: the way through the document to an Envoy filter (without the `typed_config`s on it), or to the
    /// configuration in a resource of Istio or Envoy Gateway.
    pub place: String,
    /// The policy.
    pub configuration: Configuration<'d>,
    /// What it stands in.
    pub host: Host<'d>,
}

/// What a filter stands in, for advice.
#[derive(Clone, Copy)]
pub enum Host<'d> {
    /// Envoy's own configuration: the `PluginConfig`, and the connection manager around the filter where there is one.
    Envoy {
        /// The `PluginConfig`.
        plugin: &'d Object,
        /// The `HttpConnectionManager`.
        manager: Option<&'d Object>,
    },
    /// The `spec` of an Istio `WasmPlugin`.
    Istio(&'d Object),
    /// One entry of `spec.wasm` in an Envoy Gateway `EnvoyExtensionPolicy`.
    Gateway(&'d Object),
}

const WASM_FILTER: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";
pub(super) const MANAGER: &str =
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

/// All filters of ours in `document`. Another author's Wasm filters are passed over.
pub fn find(document: &Value) -> Vec<Filter<'_>> {
    let mut search = Search { found: Vec::new() };
    search.walk(document, &Place::Root, None);
    search.found
}

/// Whether `document` is a file of a proxy rather than a policy, whether or not it holds a filter of ours.
pub fn is_of_a_proxy(document: &Value) -> bool {
    const SIGNS: &[&str] = &[
        "static_resources",
        "staticResources",
        "dynamic_resources",
        "dynamicResources",
        "resources",
        "filter_chains",
        "filterChains",
        "http_filters",
        "httpFilters",
        "typed_config",
        "typedConfig",
        "apiVersion",
        "kind",
        "@type",
    ];
    document.as_object().is_none_or(|object| SIGNS.iter().any(|sign| object.contains_key(*sign)))
}

/// The member `name` (snake_case), which protobuf's JSON also writes in camelCase.
pub(super) fn member<'d>(object: &'d Object, name: &str) -> Option<&'d Value> {
    object.get(name).or_else(|| object.get(&camel(name))).filter(|value| !value.is_null())
}

/// Whether `entry` is Envoy's own filter `name`.
pub(super) fn is(entry: &Value, name: &str) -> bool {
    let kind =
        typed_config(entry).and_then(|config| member(config, "type_url").or_else(|| config.get("@type")));
    let name = format!("envoy.extensions.filters.http.{name}.");
    kind.and_then(Value::as_str).is_some_and(|kind| kind.contains(&name))
}

/// The configuration of the filter in `entry`.
pub(super) fn typed_config(entry: &Value) -> Option<&Object> {
    member(entry.as_object()?, "typed_config")?.as_object()
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |text, word| {
        let mut letters = word.chars();
        let head = letters.next().map(|letter| letter.to_ascii_uppercase());
        text + &head.into_iter().chain(letters).collect::<String>()
    })
}

/// The way from the document's root, as a list that lives on the stack.
enum Place<'p> {
    Root,
    Member(&'p Place<'p>, &'p str),
    Index(&'p Place<'p>, usize),
}

impl Place<'_> {
    fn text(&self) -> String {
        match self {
            Self::Root => String::new(),
            // Every extension stands in one of these; they would only make the way longer.
            Self::Member(parent, "typed_config" | "typedConfig") => parent.text(),
            Self::Member(parent, name) => member_place(&parent.text(), name),
            Self::Index(parent, index) => format!("{}[{index}]", parent.text()),
        }
    }
}

struct Search<'d> {
    found: Vec<Filter<'d>>,
}

impl<'d> Search<'d> {
    fn walk(&mut self, value: &'d Value, place: &Place<'_>, manager: Option<&'d Object>) {
        match value {
            Value::Object(object) => self.object(object, place, manager),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.walk(item, &Place::Index(place, index), manager);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn object(&mut self, object: &'d Object, place: &Place<'_>, manager: Option<&'d Object>) {
        let text = |name| object.get(name).and_then(Value::as_str);
        match text("kind") {
            Some("WasmPlugin") => return self.wasm_plugin(object, place),
            Some("EnvoyExtensionPolicy") => return self.extension_policy(object, place),
            _ => {}
        }
        // A TypedStruct names the type of the members of its `value`.
        let (kind, inner, place) = match (member(object, "type_url"), object.get("value")) {
            (Some(Value::String(kind)), Some(Value::Object(inner))) => (Some(kind.as_str()), inner, place),
            _ => (text("@type"), object, place),
        };
        let is = |name: &str| kind.is_some_and(|kind| kind.ends_with(name));
        if is(WASM_FILTER) {
            self.wasm_filter(inner, place, manager);
            return;
        }
        let manager = if is(MANAGER) { Some(inner) } else { manager };
        for (name, value) in inner {
            self.walk(value, &Place::Member(place, name), manager);
        }
    }

    fn wasm_filter(&mut self, filter: &'d Object, place: &Place<'_>, manager: Option<&'d Object>) {
        let Some(plugin) = filter.get("config").and_then(Value::as_object) else { return };
        let configuration = configuration::of_any(member(plugin, "configuration"));
        let names = [member(plugin, "name"), member(plugin, "root_id")];
        let code = member(plugin, "vm_config").and_then(|vm| vm.get("code"));
        let code = code.map(Value::to_string).unwrap_or_default();
        if is_ours(&configuration, names, &code) {
            let host = Host::Envoy { plugin, manager };
            self.found.push(Filter { place: place.text(), configuration, host });
        }
    }

    fn wasm_plugin(&mut self, resource: &'d Object, place: &Place<'_>) {
        let Some(spec) = resource.get("spec").and_then(Value::as_object) else { return };
        let name = resource.get("metadata").and_then(|metadata| metadata.get("name"));
        let configuration = configuration::of_struct(spec.get("pluginConfig"), "pluginConfig");
        let url = spec.get("url").map(Value::to_string).unwrap_or_default();
        if is_ours(&configuration, [name, spec.get("pluginName")], &url) {
            let place = Place::Member(&Place::Member(place, "spec"), "pluginConfig").text();
            self.found.push(Filter { place, configuration, host: Host::Istio(spec) });
        }
    }

    fn extension_policy(&mut self, resource: &'d Object, place: &Place<'_>) {
        let entries = resource.get("spec").and_then(|spec| spec.get("wasm")).and_then(Value::as_array);
        let place = Place::Member(place, "spec");
        let place = Place::Member(&place, "wasm");
        for (index, entry) in entries.into_iter().flatten().enumerate() {
            let Some(entry) = entry.as_object() else { continue };
            let configuration = configuration::of_struct(entry.get("config"), "config");
            let code = entry.get("code").map(Value::to_string).unwrap_or_default();
            if is_ours(&configuration, [entry.get("name"), entry.get("rootID")], &code) {
                let place = Place::Member(&Place::Index(&place, index), "config").text();
                self.found.push(Filter { place, configuration, host: Host::Gateway(entry) });
            }
        }
    }
}

/// Whether a Wasm filter is one of ours: its name or its code says so, or its configuration looks like a policy.
fn is_ours(configuration: &Configuration<'_>, names: [Option<&Value>; 2], code: &str) -> bool {
    const NAME: &str = "scopegate";
    let named = names.into_iter().flatten().filter_map(Value::as_str).any(|name| name.contains(NAME));
    named
        || code.contains(NAME)
        || match configuration {
            Configuration::Policy(policy) => {
                ["issuers", "rules"].iter().any(|name| policy.get(name).is_some())
            }
            Configuration::Unreadable(_) => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn filter(configuration: Value) -> Value {
        json!({"name": "auth", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {"name": "x", "configuration": configuration},
        }})
    }

    fn structure() -> Value {
        json!({"@type": "type.googleapis.com/google.protobuf.Struct", "value": {"rules": []}})
    }

    fn places(document: &Value) -> Vec<String> {
        find(document).into_iter().map(|filter| filter.place).collect()
    }

    #[test]
    fn a_filter_is_found_wherever_it_stands() {
        let manager = json!({"typed_config": {
            "@type": format!("type.googleapis.com/{MANAGER}"),
            "http_filters": [{"name": "other"}, filter(structure())],
        }});
        let bootstrap =
            json!({"static_resources": {"listeners": [{"filter_chains": [{"filters": [manager]}]}]}});
        assert_eq!(
            places(&bootstrap),
            ["static_resources.listeners[0].filter_chains[0].filters[0].http_filters[1]"]
        );
        assert!(matches!(find(&bootstrap)[0].host, Host::Envoy { manager: Some(_), .. }));
        let typed_struct = json!({"patch": {"value": {"typed_config": {
            "@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
            "type_url": format!("type.googleapis.com/{WASM_FILTER}"),
            "value": {"config": {"configuration": structure()}},
        }}}});
        assert_eq!(places(&typed_struct), ["patch.value"]);
    }

    #[test]
    fn resources_of_istio_and_of_envoy_gateway_are_found_also_in_a_list() {
        let plugin = json!({"kind": "WasmPlugin", "metadata": {"name": "scopegate"}, "spec": {}});
        let policy =
            json!({"kind": "EnvoyExtensionPolicy", "spec": {"wasm": [{}, {"config": {"issuers": {}}}]}});
        let list = json!({"kind": "List", "items": [plugin, policy]});
        assert_eq!(places(&list), ["items[0].spec.pluginConfig", "items[1].spec.wasm[1].config"]);
    }

    #[test]
    fn another_authors_filter_is_passed_over() {
        let other = json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": "a: b"});
        assert_eq!(places(&json!({"http_filters": [filter(other)]})), [] as [&str; 0]);
    }

    #[test]
    fn a_policy_is_not_a_file_of_a_proxy() {
        assert!(
            !is_of_a_proxy(&json!({"issuers": {}, "rules": []})) && !is_of_a_proxy(&json!({"isuers": {}}))
        );
        assert!(is_of_a_proxy(&json!({"static_resources": {}})) && is_of_a_proxy(&json!([])));
    }

    #[test]
    fn members_are_found_in_both_spellings() {
        let object = json!({"vmConfig": 1, "fail_open": 2, "name": null});
        let object = object.as_object().unwrap();
        assert_eq!(
            (member(object, "vm_config"), member(object, "fail_open")),
            (Some(&json!(1)), Some(&json!(2)))
        );
        assert_eq!(member(object, "name"), None);
    }
}
