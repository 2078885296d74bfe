//! What an access log would write of tokens: of a refused request Envoy logs the head as it came.

use serde_json::Value;

use super::find::member;
use crate::base::json::Object;

/// Advice about the access logs of `manager`, where `policy` takes tokens from what they write.
pub(super) fn advise(manager: &Object, policy: &Value, advice: &mut Vec<String>) {
    let places = policy.get("token").and_then(|token| token.get("from")).and_then(Value::as_array);
    let in_query = places.into_iter().flatten().any(|place| place.get("query").is_some());
    for log in member(manager, "access_log").and_then(Value::as_array).into_iter().flatten() {
        let written = Written::by(log);
        if in_query && written.query {
            advice.push(
                "the access log writes the query, which may hold a token: write `%PATH(NQ)%` in its format"
                    .to_owned(),
            );
        }
        if let Some(field) = written.credential {
            advice.push(format!(
                "the access log writes the field {field}, which holds tokens: leave it out of its format"
            ));
        }
    }
}

#[derive(Default)]
struct Written {
    query: bool,
    credential: Option<&'static str>,
}

impl Written {
    fn by(log: &Value) -> Self {
        let config = log.as_object().and_then(|log| member(log, "typed_config")).and_then(Value::as_object);
        let Some(config) = config else { return Self::default() };
        let kind = config.get("@type").and_then(Value::as_str).unwrap_or_default();
        let formats = ["log_format", "format", "json_format", "typed_json_format"];
        let mut formats = formats.iter().filter_map(|name| member(config, name)).peekable();
        if formats.peek().is_none() {
            // Envoy's own format has the path with its query.
            let own = ["FileAccessLog", "StdoutAccessLog", "StderrAccessLog"];
            return Self { query: own.iter().any(|name| kind.ends_with(name)), credential: None };
        }
        let text = formats.map(Value::to_string).collect::<String>().to_ascii_uppercase();
        let has = |commands: &[&str]| commands.iter().any(|command| text.contains(command));
        Self {
            query: has(&["%REQ(:PATH", "?:PATH", "%REQ(X-ENVOY-ORIGINAL-PATH", "%PATH%", "%PATH(WQ"]),
            credential: ["authorization", "cookie", "dpop"]
                .into_iter()
                .find(|name| text.contains(&format!("%REQ({}", name.to_ascii_uppercase()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(from: &Value, config: Value) -> String {
        let manager = json!({"access_log": [{"name": "log", "typed_config": config}]});
        let mut advice = Vec::new();
        advise(manager.as_object().unwrap(), &json!({"token": {"from": from}}), &mut advice);
        advice.join("\n")
    }

    fn format(text: &str) -> Value {
        json!({"@type": "x/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
            "log_format": {"text_format_source": {"inline_string": text}}})
    }

    #[test]
    fn a_query_with_tokens_in_it_is_not_to_be_logged() {
        let (query, header) = (json!([{"query": "access_token"}]), json!([{"header": "authorization"}]));
        let own = json!({"@type": "x/envoy.extensions.access_loggers.file.v3.FileAccessLog", "path": "/dev/stdout"});
        let usual = format("%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%");
        for log in [own, usual, format("%req(:path)%"), format("%PATH%"), format("%PATH(WQ:PATH)%")] {
            assert!(told(&query, log.clone()).contains("the query"), "{log}");
            assert_eq!(told(&header, log), "");
        }
        assert_eq!(told(&query, format("%PATH(NQ)% %RESPONSE_CODE%")), "");
        assert_eq!(
            told(
                &query,
                json!({"@type": "x/envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig"})
            ),
            ""
        );
    }

    #[test]
    fn a_field_with_tokens_in_it_is_not_to_be_logged() {
        let from = json!([{"header": "authorization"}]);
        assert!(told(&from, format("%REQ(Authorization)%")).contains("the field authorization"));
        let json_format =
            json!({"@type": "x/FileAccessLog", "log_format": {"json_format": {"c": "%REQ(cookie):20%"}}});
        assert!(told(&from, json_format).contains("the field cookie"));
        assert_eq!(told(&from, format("%REQ(USER-AGENT)%")), "");
    }
}
