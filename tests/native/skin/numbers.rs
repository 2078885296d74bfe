//! Our numbers are those of the crate that its users know.

use proxy_wasm::types::{Action, BufferType, LogLevel, MapType, MetricType, Status, StreamType};
use scopegate::filter::host::Level;
use scopegate::filter::numbers;

#[test]
fn numbers_of_the_abi_are_those_of_the_proxy_wasm_crate() {
    for (ours, theirs) in [
        (numbers::OK, Status::Ok as u32),
        (numbers::NOT_FOUND, Status::NotFound as u32),
        (numbers::CONTINUE, Action::Continue as u32),
        (numbers::PAUSE, Action::Pause as u32),
        (numbers::CALL_RESPONSE_BODY, BufferType::HttpCallResponseBody as u32),
        (numbers::PLUGIN_CONFIGURATION, BufferType::PluginConfiguration as u32),
        (numbers::REQUEST_HEADERS, MapType::HttpRequestHeaders as u32),
        (numbers::REQUEST_TRAILERS, MapType::HttpRequestTrailers as u32),
        (numbers::CALL_RESPONSE_HEADERS, MapType::HttpCallResponseHeaders as u32),
        (numbers::HTTP_REQUEST, StreamType::HttpRequest as u32),
        (numbers::COUNTER, MetricType::Counter as u32),
        (numbers::GAUGE, MetricType::Gauge as u32),
        (numbers::DEBUG, LogLevel::Debug as u32),
        (numbers::INFO, LogLevel::Info as u32),
        (numbers::WARN, LogLevel::Warn as u32),
        (numbers::ERROR, LogLevel::Error as u32),
        (numbers::CRITICAL, LogLevel::Critical as u32),
    ] {
        assert_eq!(ours, theirs);
    }
}

#[test]
fn lines_of_the_proxys_level_and_above_are_written() {
    let levels = [Level::Debug, Level::Info, Level::Warn, Level::Error];
    for (threshold, written) in [
        (LogLevel::Trace, 4),
        (LogLevel::Debug, 4),
        (LogLevel::Info, 3),
        (LogLevel::Warn, 2),
        (LogLevel::Error, 1),
        (LogLevel::Critical, 0),
    ] {
        let found: Vec<_> =
            levels.into_iter().filter(|level| numbers::is_written(*level, threshold as u32)).collect();
        assert_eq!(found, levels[4 - written..], "{threshold:?}");
    }
}
