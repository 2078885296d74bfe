//! The numbers of Proxy-Wasm ABI 0.2.1 in host calls and callbacks. `tests/native/skin/numbers.rs` holds them to those of
//! the crate `proxy-wasm`, which has them as enums: a status that is not among its own is a panic there, and a number here.

use super::host::Level;

/// `Status::Ok`.
pub const OK: u32 = 0;
/// `Status::NotFound`; also that of a host function that does not exist.
pub const NOT_FOUND: u32 = 1;

/// `Action::Continue`.
pub const CONTINUE: u32 = 0;
/// `Action::Pause`.
pub const PAUSE: u32 = 1;

/// `BufferType::HttpCallResponseBody`.
pub const CALL_RESPONSE_BODY: u32 = 4;
/// `BufferType::PluginConfiguration`.
pub const PLUGIN_CONFIGURATION: u32 = 7;

/// `MapType::HttpRequestHeaders`.
pub const REQUEST_HEADERS: u32 = 0;
/// `MapType::HttpRequestTrailers`.
pub const REQUEST_TRAILERS: u32 = 1;
/// `MapType::HttpCallResponseHeaders`.
pub const CALL_RESPONSE_HEADERS: u32 = 6;

/// `StreamType::HttpRequest`.
pub const HTTP_REQUEST: u32 = 0;

/// `MetricType::Counter`.
pub const COUNTER: u32 = 0;
/// `MetricType::Gauge`.
pub const GAUGE: u32 = 1;

/// `LogLevel::Debug`.
pub const DEBUG: u32 = 1;
/// `LogLevel::Info`.
pub const INFO: u32 = 2;
/// `LogLevel::Warn`.
pub const WARN: u32 = 3;
/// `LogLevel::Error`.
pub const ERROR: u32 = 4;
/// `LogLevel::Critical`, for what keeps the filter from working.
pub const CRITICAL: u32 = 5;

/// The `LogLevel` of `level`.
pub const fn level(level: Level) -> u32 {
    match level {
        Level::Debug => DEBUG,
        Level::Info => INFO,
        Level::Warn => WARN,
        Level::Error => ERROR,
    }
}

/// Whether the proxy writes lines of `level`, where `threshold` is the lowest `LogLevel` that it writes.
pub const fn is_written(level: Level, threshold: u32) -> bool {
    self::level(level) >= threshold
}
