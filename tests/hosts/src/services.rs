//! What the host does for the module besides its requests: time, log lines, callouts, and what workers share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use proxy_wasm_host::abi::v0_2_1::types::{LogLevel, MetricType, Status};
use proxy_wasm_host::abi::v0_2_1::{
    CalloutId, Callouts, Clock, ContextId, HttpCall, HttpCallRefusal, InMemoryStore, Invocation, LogContext,
    LogSink, MetricId, QueueId, SharedServices, SharedValue, SystemClock,
};
use scopegate::base::time::UnixTime;

use crate::text;

/// Whatever is in `mutex`: a test that panicked elsewhere has said so already.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The time that the module is shown, in nanoseconds.
#[derive(Default)]
pub(crate) struct Moved(AtomicU64);

impl Moved {
    pub(crate) fn set(&self, now: UnixTime) {
        self.0.store(u64::try_from(now.as_millis()).unwrap() * 1_000_000, Ordering::SeqCst);
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_nanos()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for Moved {
    fn realtime_nanos(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn monotonic_nanos(&self) -> u64 {
        SystemClock.monotonic_nanos()
    }
}

/// The lines that the module has logged.
#[derive(Default)]
pub(crate) struct Lines(pub(crate) Mutex<Vec<(LogLevel, String)>>);

impl LogSink for Lines {
    fn log(&self, _: LogContext<'_>, level: LogLevel, message: &[u8]) {
        lock(&self.0).push((level, text(message)));
    }
}

/// The callouts of one worker that wait for an answer.
#[derive(Default)]
pub(crate) struct Outbox {
    waiting: Mutex<Vec<Waiting>>,
    /// What the host says to every callout, where it sends none.
    pub(crate) refuse: Mutex<Option<HttpCallRefusal>>,
}

/// One of them.
pub(crate) struct Waiting {
    pub(crate) context: ContextId,
    pub(crate) callout: CalloutId,
    /// Path and query.
    pub(crate) target: String,
}

impl Outbox {
    /// The one that waits longest, which is taken out.
    pub(crate) fn next(&self) -> Option<Waiting> {
        let mut waiting = lock(&self.waiting);
        if waiting.is_empty() { None } else { Some(waiting.remove(0)) }
    }
}

impl Callouts for Outbox {
    fn http_call(
        &self,
        call: Invocation,
        callout: CalloutId,
        request: HttpCall<'_>,
    ) -> Result<(), HttpCallRefusal> {
        if let Some(refusal) = *lock(&self.refuse) {
            return Err(refusal);
        }
        let path = request.headers.iter().find(|(name, _)| name.as_ref() == b":path");
        let target = path.map(|(_, path)| text(path));
        let target = target.ok_or(HttpCallRefusal::Failed)?;
        lock(&self.waiting).push(Waiting { context: call.context, callout, target });
        Ok(())
    }
}

/// How much of what workers share the host has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sharing {
    /// Data, metrics, and queues by which a stream wakes the root.
    WithQueues,
    /// No queues: only ticks wake the root.
    TicksAlone,
    /// Neither data nor metrics nor queues.
    Nothing,
}

impl Sharing {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::WithQueues, Self::TicksAlone, Self::Nothing];

    /// As a part of a test's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::WithQueues => "with_queues",
            Self::TicksAlone => "with_ticks_alone",
            Self::Nothing => "with_nothing_shared",
        }
    }

    /// Such services; `wakes` is told of each queue that something was put into.
    pub(crate) fn services(self, wakes: Arc<Mutex<Vec<QueueId>>>) -> Arc<dyn SharedServices> {
        match self {
            Self::WithQueues => {
                let observer = Arc::new(move |item: proxy_wasm_host::abi::v0_2_1::QueueEnqueued<'_>| {
                    lock(&wakes).push(item.queue);
                });
                Arc::new(InMemoryStore::new().with_enqueue_observer(observer))
            }
            Self::TicksAlone => Arc::new(WithoutQueues(InMemoryStore::new())),
            Self::Nothing => Arc::new(Nothing),
        }
    }
}

struct Nothing;

impl SharedServices for Nothing {}

/// Everything but queues.
struct WithoutQueues(InMemoryStore);

impl SharedServices for WithoutQueues {
    fn get_shared_data(&self, call: Invocation, vm: &[u8], key: &[u8]) -> Result<SharedValue, Status> {
        self.0.get_shared_data(call, vm, key)
    }

    fn set_shared_data(
        &self,
        call: Invocation,
        vm: &[u8],
        key: &[u8],
        value: &[u8],
        cas: Option<u32>,
    ) -> Result<(), Status> {
        self.0.set_shared_data(call, vm, key, value, cas)
    }

    fn define_metric(
        &self,
        call: Invocation,
        vm: &[u8],
        kind: MetricType,
        name: &[u8],
    ) -> Result<MetricId, Status> {
        self.0.define_metric(call, vm, kind, name)
    }

    fn record_metric(&self, call: Invocation, metric: MetricId, value: u64) -> Result<(), Status> {
        self.0.record_metric(call, metric, value)
    }

    fn increment_metric(&self, call: Invocation, metric: MetricId, delta: i64) -> Result<(), Status> {
        self.0.increment_metric(call, metric, delta)
    }

    fn get_metric(&self, call: Invocation, metric: MetricId) -> Result<u64, Status> {
        self.0.get_metric(call, metric)
    }
}
