//! One worker of the host: an instance of the module with a policy, and its requests, each to its end.

use std::borrow::Cow;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{env, fs, mem};

use proxy_wasm_host::abi::v0_2_1::types::{Action, LogLevel};
use proxy_wasm_host::abi::v0_2_1::{
    CallScope, ContextId, Guest, GuestError, Host, HttpCallResponse, PluginConfig, QueueId, Started,
    StreamKind, VmServices,
};
use proxy_wasm_host::{Engine, HeaderMap, Limits, Module, VecHeaderMap};
use scopegate::base::time::UnixTime;
use scopegate::tool::request::{Reply, Request};
use serde_json::Value;

use crate::root;
use crate::services::{Lines, Moved, Outbox, Sharing, Waiting, lock};
use crate::streams::{Fate, Stream, Streams};

/// How often the host does something for a request before it counts as one that never ends.
const ROUNDS: usize = 10_000;

/// How long one callback may take, on a machine that is busy with other things.
const CALLBACK: Duration = Duration::from_secs(60);

/// The module, compiled.
pub(crate) struct Program {
    host: Host,
    module: Module,
}

impl Program {
    /// The module that `SCOPEGATE_WASM` names, or the one that `build.sh` left.
    pub(crate) fn load() -> Result<Self, String> {
        let usual = root().join("target/scopegate.wasm");
        let place = env::var_os("SCOPEGATE_WASM").map_or(usual, |place| Path::new(&place).to_path_buf());
        let bytes = fs::read(&place).map_err(|error| format!("{}: {error}", place.display()))?;
        let engine = Engine::new().map_err(|error| error.to_string())?;
        let module = Module::new(&engine, &bytes).map_err(|error| error.to_string())?;
        let host = Host::new(&engine).map_err(|error| error.to_string())?;
        Ok(Self { host, module })
    }
}

/// What the workers of one host share.
pub(crate) struct Process {
    pub(crate) clock: Arc<Moved>,
    pub(crate) lines: Arc<Lines>,
    /// The queues that something was put into and whose roots have not been told.
    wakes: Arc<Mutex<Vec<QueueId>>>,
    services: VmServices,
}

impl Process {
    /// A host at the time `now`, whose modules see the variables `environment`.
    pub(crate) fn new(sharing: Sharing, now: UnixTime, environment: &[(String, &str)]) -> Self {
        let (clock, lines, wakes) = (Arc::new(Moved::default()), Arc::new(Lines::default()), Arc::default());
        clock.set(now);
        let variable =
            |(name, value): &(String, &str)| (name.clone().into_bytes(), value.as_bytes().to_vec());
        let services = VmServices::new(lines.clone())
            .with_clock(clock.clone())
            .with_vm_id("scopegate")
            .with_environment(environment.iter().map(variable).collect())
            .with_shared(sharing.services(Arc::clone(&wakes)));
        Self { clock, lines, wakes, services }
    }
}

/// One instance of the module.
pub(crate) struct Worker<'p> {
    process: &'p Process,
    guest: Guest,
    root: ContextId,
    pub(crate) streams: Streams,
    pub(crate) outbox: Arc<Outbox>,
}

/// Plays the issuers: the answer to a question for this path and query, `None` where nobody is there.
pub(crate) type Ask<'a> = &'a mut dyn FnMut(&str) -> Option<Reply>;

impl<'p> Worker<'p> {
    /// A worker under `policy`. An error is what the module said of it.
    pub(crate) fn start(program: &Program, process: &'p Process, policy: &Value) -> Result<Self, String> {
        let outbox = Arc::new(Outbox::default());
        let services = process.services.clone().with_callouts(outbox.clone());
        let limits = Limits::new().with_cpu_time(CALLBACK);
        let failed = |error: GuestError| format!("{error:?}");
        let mut guest = Guest::new(&program.host, &program.module, services, &limits).map_err(failed)?;
        let plugin = PluginConfig::new().with_name("scopegate").with_configuration(policy.to_string());
        match guest.start(plugin).map_err(failed)? {
            Started::Serving(root) => Ok(Self { process, guest, root, streams: Streams::default(), outbox }),
            Started::Refused { .. } => Err(format!("{:?}", lock(&process.lines.0))),
        }
    }

    /// Has the module called back; whatever else it does than to return fails the test.
    fn call<R>(&mut self, act: impl FnOnce(&mut CallScope<'_, Streams>) -> Result<R, GuestError>) -> R {
        let (answer, streams) = self.guest.with(mem::take(&mut self.streams), act);
        self.streams = streams;
        answer.unwrap_or_else(|error| panic!("{error:?}\n{:?}", lock(&self.process.lines.0)))
    }

    /// A request comes in: its head is given to the module.
    pub(crate) fn open(&mut self, request: &Request) -> ContextId {
        self.open_stream(Stream::new(request), request.body.is_empty())
    }

    /// As [`Self::open`]; with `whole` nothing follows the head.
    pub(crate) fn open_stream(&mut self, stream: Stream, whole: bool) -> ContextId {
        let root = self.root;
        let fields = u32::try_from(stream.head.len()).unwrap();
        let (id, action) = self.call(|scope| {
            let id = scope.on_context_create(Some(root))?;
            scope.expect_stream_kind(id, StreamKind::Http)?;
            scope.stream_mut().insert(id, stream);
            Ok((id, scope.on_request_headers(id, fields, whole)?))
        });
        let stream = self.streams.get_mut(id);
        match (action, stream.fate) {
            (Action::Continue, Fate::Begun) => stream.fate = Fate::GoesOn,
            (Action::Pause, Fate::Begun) => stream.fate = Fate::Waits,
            (Action::Pause, Fate::Answered) => {}
            (Action::Continue | Action::Pause, fate) => panic!("{action:?} of a head that is {fate:?}"),
        }
        id
    }

    /// The whole body is there, which is as long as `size`. Whether the module lets it go on.
    pub(crate) fn body(&mut self, id: ContextId, size: usize) -> bool {
        let size = u32::try_from(size).unwrap();
        self.call(|scope| scope.on_request_body(id, size, true)) == Action::Continue
    }

    /// Trailers are there. Whether the module lets them go on.
    pub(crate) fn trailers(&mut self, id: ContextId, trailers: &[(&str, &str)]) -> bool {
        let owned = |(name, value): &(&str, &str)| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        self.streams.get_mut(id).trailers = trailers.iter().map(owned).collect::<VecHeaderMap>();
        let count = u32::try_from(trailers.len()).unwrap();
        self.call(|scope| scope.on_request_trailers(id, count)) == Action::Continue
    }

    /// A tick of the root's timer.
    pub(crate) fn tick(&mut self) {
        let root = self.root;
        self.call(|scope| scope.on_tick(root));
    }

    /// Tells the root of the queues that something was put into. Whether there were any.
    pub(crate) fn wake(&mut self) -> bool {
        let mine = {
            let mut wakes = lock(&self.process.wakes);
            let is_mine = |queue: &QueueId| self.guest.queue_registrants(*queue).contains(&self.root);
            let (mine, others): (Vec<_>, Vec<_>) = wakes.drain(..).partition(is_mine);
            *wakes = others;
            mine
        };
        let root = self.root;
        for queue in &mine {
            self.call(|scope| scope.on_queue_ready(root, *queue));
        }
        !mine.is_empty()
    }

    /// Answers the question that waits longest. Whether there was one.
    pub(crate) fn answer(&mut self, ask: Ask<'_>) -> bool {
        let Some(Waiting { context, callout, target }) = self.outbox.next() else { return false };
        let response = match ask(&target) {
            Some(Reply::Answered { status, headers, body }) => received(status, headers, body),
            Some(Reply::Failed(_)) | None => HttpCallResponse::failed(),
        };
        self.call(|scope| scope.on_http_call_response(context, callout, response));
        true
    }

    /// Does what is to be done without time going on.
    pub(crate) fn work(&mut self, ask: Ask<'_>) {
        for _ in 0..ROUNDS {
            if !self.wake() && !self.answer(ask) {
                return;
            }
        }
        panic!("the questions have no end");
    }

    /// Drives the request to its end. Time goes on only where nothing else helps.
    pub(crate) fn settle(&mut self, id: ContextId, ask: Ask<'_>) -> Fate {
        for _ in 0..ROUNDS {
            self.work(ask);
            let fate = self.fate(id);
            if fate != Fate::Waits {
                return fate;
            }
            self.tick();
            self.work(ask);
            if self.fate(id) == Fate::Waits {
                let period = self.guest.tick_period(self.root);
                self.process.clock.advance(period.expect("requests wait and the module wants no ticks"));
            }
        }
        panic!("no verdict: {:?}", lock(&self.process.lines.0));
    }

    pub(crate) fn fate(&self, id: ContextId) -> Fate {
        self.streams.get(id).fate
    }

    /// The request is over, or its client is gone.
    pub(crate) fn close(&mut self, id: ContextId) -> Stream {
        let orphaned = self.call(|scope| {
            scope.on_done(id)?;
            scope.on_log(id)?;
            scope.on_delete(id)
        });
        assert!(orphaned.is_empty(), "a question ended with a request: {orphaned:?}");
        self.streams.remove(id).unwrap()
    }

    /// The module did nothing that it must not, and logged no error but those of issuers.
    pub(crate) fn is_sound(&self) -> Result<(), String> {
        let lines = lock(&self.process.lines.0);
        let is_ours =
            |(level, line): &&(LogLevel, String)| *level >= LogLevel::Error && !line.starts_with("issuer ");
        let errors: Vec<_> = lines.iter().filter(is_ours).collect();
        let verified = self.streams.foreign.iter().filter(|name| *name == "verify_signature").count();
        match (&self.streams.wrongs, self.guest.is_poisoned()) {
            (wrongs, false) if wrongs.is_empty() && errors.is_empty() && verified < 2 => Ok(()),
            (wrongs, poisoned) => Err(format!(
                "{wrongs:?}, poisoned: {poisoned}, verify_signature asked for {verified} times, {errors:?}"
            )),
        }
    }
}

fn received(status: u16, headers: Vec<(String, Vec<u8>)>, body: Vec<u8>) -> HttpCallResponse<'static> {
    let status = (Cow::Borrowed(&b":status"[..]), Cow::Owned(status.to_string().into_bytes()));
    let headers = headers.into_iter().map(|(name, value)| (Cow::Owned(name.into_bytes()), Cow::Owned(value)));
    HttpCallResponse::received([status].into_iter().chain(headers).collect()).with_body(body)
}
