//! The proxy, through its host functions.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::abi;
use super::host::{CallToken, CalloutReply, ContextId, HeaderFields, Host, HostFault, Level};
use super::numbers;
use super::pairs::{self, Block};
use crate::base::time::UnixTime;
use crate::base::{base64url, hex};
use crate::http::message::{Callout, HeaderEdits, Response};

/// One worker of the proxy.
pub(super) struct Envoy {
    /// The queue by which a stream wakes the root; `None` where the host has no queues.
    queue: Option<u32>,
    /// Metrics that are defined already.
    metrics: RefCell<HashMap<String, u32>>,
}

impl Envoy {
    /// The proxy, with a queue of a name that nobody else can have. To be called by the root.
    pub(super) fn new(seed: &[u8]) -> Self {
        let queue = abi::register_queue(&format!("scopegate.{}", base64url::encode(seed))).ok();
        Self { queue, metrics: RefCell::default() }
    }

    /// Whether `queue` is ours; takes out what woke us then.
    pub(super) fn is_awake(&self, queue: u32) -> bool {
        /// Of our own there is one at a time; whoever else writes into the queue does not keep us at it.
        const MOST: usize = 64;
        let ours = self.queue == Some(queue);
        if ours {
            let full = |_: &usize| abi::dequeue(queue).is_ok_and(|value| !value.is_empty());
            let _taken = (0..MOST).take_while(full).count();
        }
        ours
    }
}

impl Envoy {
    /// Has `change` made to the metric `name`, which is defined first where it is not yet.
    fn measure(&self, kind: u32, name: &str, change: impl FnOnce(u32) -> Result<(), HostFault>) {
        let Ok(mut metrics) = self.metrics.try_borrow_mut() else { return };
        let metric = match metrics.get(name) {
            Some(metric) => *metric,
            None => {
                let Ok(metric) = abi::define_metric(kind, name) else { return };
                metrics.insert(name.to_owned(), metric);
                metric
            }
        };
        if let Err(fault) = change(metric) {
            self.log(Level::Debug, &fault.to_string());
        }
    }
}

impl Host for Envoy {
    type Fields = Block;

    #[allow(clippy::disallowed_methods, reason = "the skin is where time comes from")]
    fn now(&self) -> UnixTime {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        UnixTime::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn log(&self, level: Level, line: &str) {
        abi::log(numbers::level(level), line);
    }

    fn logs(&self, level: Level) -> bool {
        abi::log_level().is_ok_and(|threshold| numbers::is_written(level, threshold))
    }

    fn request_fields(&self) -> Result<Block, HostFault> {
        abi::fields(numbers::REQUEST_HEADERS).map(Block::new)
    }

    fn request_trailers(&self) -> Result<Block, HostFault> {
        abi::fields(numbers::REQUEST_TRAILERS).map(Block::new)
    }

    fn remove_trailer(&self, name: &str) -> Result<(), HostFault> {
        abi::remove_field(numbers::REQUEST_TRAILERS, name)
    }

    fn route(&self) -> Option<Vec<u8>> {
        abi::property(&["xds", "route_name"]).ok()
    }

    fn rule_of_route(&self) -> Option<Vec<u8>> {
        abi::property(&["xds", "route_metadata", "filter_metadata", "scopegate", "rule"]).ok()
    }

    fn is_tls(&self) -> bool {
        abi::property(&["connection", "tls_version"]).is_ok_and(|version| !version.is_empty())
    }

    /// Envoy tells the digest in hexadecimal digits, and does so whenever there is a certificate; that the client holds
    /// its key is a part of every handshake that has one, whether or not an authority vouches for it (RFC 8705 section
    /// 2.2), and of the one that a resumed session began with.
    fn client_certificate(&self) -> Option<[u8; 32]> {
        hex::decode(&abi::property(&["connection", "sha256_peer_certificate_digest"]).ok()?)
    }

    fn origin(&self) -> Option<Vec<u8>> {
        abi::property(&["request", "headers", "origin"]).ok()
    }

    fn publish(&self, name: &str, value: &str) {
        if let Err(fault) = abi::set_property(name, value) {
            self.log(Level::Debug, &fault.to_string());
        }
    }

    fn edit(&self, edits: &HeaderEdits) -> Result<(), HostFault> {
        for name in &edits.remove {
            abi::remove_field(numbers::REQUEST_HEADERS, name)?;
        }
        for (name, value) in &edits.set {
            abi::replace_request_field(name, value)?;
        }
        Ok(())
    }

    fn resume(&self) -> Result<(), HostFault> {
        abi::continue_request()
    }

    fn respond(&self, response: &Response, details: &str) -> Result<(), HostFault> {
        let fields: Vec<(&str, &str)> =
            response.fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        abi::send_local_response(
            response.status,
            details,
            &response.body,
            &pairs::write(&fields),
            response.grpc_status,
        )
    }

    fn select(&self, context: ContextId) -> Result<(), HostFault> {
        abi::set_effective_context(context)
    }

    fn call(&self, callout: &Callout) -> Result<CallToken, HostFault> {
        let mut fields = vec![
            (":method", callout.method),
            (":scheme", callout.scheme),
            (":authority", callout.authority.as_str()),
            (":path", callout.path.expose().as_str()),
        ];
        fields.extend(callout.sent_fields());
        let timeout = u32::try_from(callout.timeout.as_millis()).unwrap_or(u32::MAX);
        abi::http_call(&callout.cluster, &pairs::write(&fields), callout.body.expose(), timeout)
    }

    fn reply(&self, longest: usize) -> Option<CalloutReply> {
        let block = Block::new(abi::fields(numbers::CALL_RESPONSE_HEADERS).ok()?);
        let mut status = None;
        let mut fields = Vec::new();
        let take = |name: &[u8], value: &[u8]| match core::str::from_utf8(name) {
            Ok(":status") => status = core::str::from_utf8(value).ok().and_then(|text| text.parse().ok()),
            Ok(name) => fields.push((name.to_ascii_lowercase(), value.to_vec())),
            Err(_) => {}
        };
        block.each(take).ok()?;
        // A reply without a body has no buffer to read.
        let body = abi::buffer(numbers::CALL_RESPONSE_BODY, longest).unwrap_or_default();
        Some(CalloutReply { status: status?, fields, body })
    }

    fn wake_root(&self) {
        if let Some(queue) = self.queue
            && let Err(fault) = abi::enqueue(queue, b"!")
        {
            self.log(Level::Warn, &fault.to_string());
        }
    }

    fn tick_every(&self, milliseconds: u32) {
        /// Without a queue only ticks wake the root.
        const WITHOUT_QUEUE: u32 = 5;
        let period = if self.queue.is_some() { milliseconds } else { WITHOUT_QUEUE };
        if let Err(fault) = abi::set_tick_period(period) {
            self.log(Level::Error, &fault.to_string());
        }
    }

    fn count(&self, name: &str, by: u64) {
        let by = i64::try_from(by).unwrap_or(i64::MAX);
        self.measure(numbers::COUNTER, name, |metric| abi::increment(metric, by));
    }

    fn gauge(&self, name: &str, value: u64) {
        self.measure(numbers::GAUGE, name, |metric| abi::record(metric, value));
    }
}
