//! A proxy that notes what it is told, and says no when it is asked to; and a skin on it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use scopegate::base::time::UnixTime;
use scopegate::config;
use scopegate::filter::host::{CallToken, CalloutReply, ContextId, Host, HostFault, Level};
use scopegate::filter::pairs::{self, Block};
use scopegate::filter::skin::{Hold, Skin};
use scopegate::gate::Gate;
use scopegate::gate::shared::SharedSlots;
use scopegate::http::message::{Callout, HeaderEdits, Response};
use scopegate::jose::backend::Accelerator;
use scopegate::jose::hash::HashName;
use scopegate::policy::Policy;
use serde_json::{Value, json};

use super::{FIRST_CALL, ROOT, START};

/// What a proxy was told to do, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Act {
    Select(ContextId),
    Edit(Vec<String>, Vec<(String, String)>),
    RemoveTrailer(String),
    Resume,
    /// The status, the gRPC status, and the details.
    Respond(u16, Option<u8>, String),
    Call(String),
    WakeRoot,
    Tick(u32),
}

#[derive(Default)]
pub(crate) struct Proxy {
    pub(crate) fields: RefCell<Vec<u8>>,
    pub(crate) trailers: RefCell<Vec<u8>>,
    pub(crate) reply: RefCell<(u16, Vec<u8>)>,
    /// How much of a reply's body was read last.
    pub(crate) read: Cell<usize>,
    pub(crate) acts: RefCell<Vec<Act>>,
    /// The fields of the last answer.
    pub(crate) answered: RefCell<Vec<String>>,
    /// Every call by its name, those among them that only look something up.
    pub(crate) calls: RefCell<Vec<&'static str>>,
    /// What the workers share, by slot, with its version.
    pub(crate) slots: RefCell<HashMap<u32, (Vec<u8>, u32)>>,
    pub(crate) log: RefCell<Vec<(Level, String)>>,
    /// Whether lines about single requests are written.
    pub(crate) verbose: Cell<bool>,
    /// The filter state, each entry as often as it was published.
    pub(crate) published: RefCell<Vec<(String, String)>>,
    pub(crate) counted: RefCell<Vec<(String, u64)>>,
    pub(crate) gauges: RefCell<Vec<(String, u64)>>,
    /// Where callouts went, in order; the number of the first is 77.
    pub(crate) sent: RefCell<Vec<String>>,
    /// The time since the start, in seconds, and in milliseconds besides.
    pub(crate) now: Cell<i64>,
    pub(crate) millis: Cell<i64>,
    pub(crate) gone: RefCell<Vec<ContextId>>,
    /// The certificate of the connection.
    pub(crate) certificate: Cell<Option<[u8; 32]>>,
    /// The page that asks.
    pub(crate) origin: Cell<Option<&'static str>>,
    /// The calls that fail.
    pub(crate) broken: RefCell<Vec<&'static str>>,
}

impl Proxy {
    pub(crate) fn act(&self, call: &'static str, act: Act) -> Result<(), HostFault> {
        self.called(call);
        if self.broken.borrow().contains(&call) {
            return Err(HostFault { call, status: 2 });
        }
        self.acts.borrow_mut().push(act);
        Ok(())
    }

    pub(crate) fn acts(&self) -> Vec<Act> {
        self.acts.take()
    }

    pub(crate) fn called(&self, call: &'static str) {
        self.calls.borrow_mut().push(call);
    }
}

/// The proxy as the skin and its test both hold it.
pub(crate) struct Shared(Rc<Proxy>);

impl Host for Shared {
    type Fields = Block;

    fn now(&self) -> UnixTime {
        self.0.called("now");
        UnixTime::from_millis((START + self.0.now.get()) * 1000 + self.0.millis.get())
    }

    fn log(&self, level: Level, line: &str) {
        self.0.called("log");
        self.0.log.borrow_mut().push((level, line.to_owned()));
    }

    fn logs(&self, level: Level) -> bool {
        self.0.called("logs");
        level > Level::Debug || self.0.verbose.get()
    }

    fn request_fields(&self) -> Result<Block, HostFault> {
        self.0.called("request_fields");
        if self.0.broken.borrow().contains(&"request_fields") {
            return Err(HostFault { call: "request_fields", status: 2 });
        }
        Ok(Block::new(self.0.fields.borrow().clone()))
    }

    fn route(&self) -> Option<Vec<u8>> {
        self.0.called("route");
        None
    }

    fn rule_of_route(&self) -> Option<Vec<u8>> {
        self.0.called("rule_of_route");
        None
    }

    fn is_tls(&self) -> bool {
        self.0.called("is_tls");
        false
    }

    fn client_certificate(&self) -> Option<[u8; 32]> {
        self.0.called("client_certificate");
        self.0.certificate.get()
    }

    fn origin(&self) -> Option<Vec<u8>> {
        self.0.called("origin");
        self.0.origin.get().map(|origin| origin.as_bytes().to_vec())
    }

    fn request_trailers(&self) -> Result<Block, HostFault> {
        self.0.called("request_trailers");
        if self.0.broken.borrow().contains(&"request_trailers") {
            return Err(HostFault { call: "request_trailers", status: 1 });
        }
        Ok(Block::new(self.0.trailers.borrow().clone()))
    }

    fn remove_trailer(&self, name: &str) -> Result<(), HostFault> {
        self.0.act("remove_trailer", Act::RemoveTrailer(name.to_owned()))
    }

    fn publish(&self, name: &str, value: &str) {
        self.0.called("publish");
        self.0.published.borrow_mut().push((name.to_owned(), value.to_owned()));
    }

    fn edit(&self, edits: &HeaderEdits) -> Result<(), HostFault> {
        self.0.act(
            "edit",
            Act::Edit(
                edits.remove.iter().map(|name| name.to_string()).collect(),
                edits.set.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
            ),
        )
    }

    fn resume(&self) -> Result<(), HostFault> {
        self.0.act("resume", Act::Resume)
    }

    fn respond(&self, response: &Response, details: &str) -> Result<(), HostFault> {
        let fields = response.fields.iter().map(|(name, value)| format!("{name}: {}", value.as_str()));
        *self.0.answered.borrow_mut() = fields.collect();
        self.0.act("respond", Act::Respond(response.status, response.grpc_status, details.to_owned()))
    }

    fn select(&self, context: ContextId) -> Result<(), HostFault> {
        if self.0.gone.borrow().contains(&context) {
            return Err(HostFault { call: "select", status: 2 });
        }
        self.0.act("select", Act::Select(context))
    }

    fn call(&self, callout: &Callout) -> Result<CallToken, HostFault> {
        self.0.act("call", Act::Call(callout.cluster.clone()))?;
        let mut sent = self.0.sent.borrow_mut();
        sent.push(format!("{}{}", callout.authority, callout.path.expose()));
        Ok(FIRST_CALL + sent.len() as CallToken - 1)
    }

    fn reply(&self, longest: usize) -> Option<CalloutReply> {
        self.0.called("reply");
        let (status, body) = &*self.0.reply.borrow();
        let body: Vec<_> = body.iter().copied().take(longest).collect();
        self.0.read.set(body.len());
        let fields = vec![("content-type".to_owned(), b"application/json".to_vec())];
        Some(CalloutReply { status: *status, fields, body })
    }

    fn wake_root(&self) {
        self.0.called("wake_root");
        self.0.acts.borrow_mut().push(Act::WakeRoot);
    }

    fn tick_every(&self, milliseconds: u32) {
        self.0.called("tick_every");
        self.0.acts.borrow_mut().push(Act::Tick(milliseconds));
    }

    fn gauge(&self, name: &str, value: u64) {
        self.0.called("gauge");
        self.0.gauges.borrow_mut().push((name.to_owned(), value));
    }

    fn count(&self, name: &str, by: u64) {
        self.0.called("count");
        self.0.counted.borrow_mut().push((name.to_owned(), by));
    }
}

impl SharedSlots for Shared {
    fn read(&self, slot: u32) -> Option<(Vec<u8>, u32)> {
        self.0.called("shared_data");
        self.0.slots.borrow().get(&slot).cloned()
    }

    fn write(&self, slot: u32, bytes: &[u8], version: Option<u32>) -> bool {
        self.0.called("set_shared_data");
        let mut slots = self.0.slots.borrow_mut();
        let good = slots.get(&slot).map(|(_, version)| *version) == version;
        if good {
            slots.insert(slot, (bytes.to_vec(), version.unwrap_or(0) + 1));
        }
        good
    }
}

impl Accelerator for Shared {
    fn verify(&self, _: HashName, _: &[u8], _: &[u8], _: &[u8]) -> Option<bool> {
        self.0.called("verify_signature");
        None
    }
}

pub(crate) struct World {
    pub(crate) proxy: Rc<Proxy>,
    pub(crate) skin: Skin<Shared>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::under(&Self::policy())
    }

    /// The policy of most tests here: an issuer that is asked, an open path, and a token everywhere else.
    pub(crate) fn policy() -> Value {
        json!({
            "issuers": {"idp": {"audiences": "any", "introspection": {
                "uri": "https://idp.example.com/introspect", "cluster": "idp", "client": {"method": "none"}}}},
            "rules": [{"name": "open", "match": {"paths": ["/open"]}, "access": "anonymous"}, {"name": "all", "require": {}}],
            "upstream": {"headers": {"x-auth-subject": "sub"}},
        })
    }

    /// A worker among several, under `policy`.
    pub(crate) fn under(policy: &Value) -> Self {
        let policy = config::compile(policy, &|_| None).unwrap();
        let proxy = Rc::new(Proxy::default());
        let skin = Self::worker(&proxy, policy, 3);
        Self { proxy, skin }
    }

    /// Another worker beside this one, under `policy`.
    pub(crate) fn beside(&self, policy: &Value) -> Self {
        let policy = config::compile(policy, &|_| None).unwrap();
        let skin = Self::worker(&self.proxy, policy, 4);
        Self { proxy: Rc::clone(&self.proxy), skin }
    }

    fn worker(proxy: &Rc<Proxy>, policy: Policy, own: u8) -> Skin<Shared> {
        let shared = || Shared(Rc::clone(proxy));
        let gate =
            Gate::new(Rc::new(policy), [own; 16], Rc::new(shared())).sharing(Rc::new(shared()), [9; 16]);
        Skin::new(shared(), ROOT, gate)
    }

    pub(crate) fn request(&self, stream: ContextId, path: &str, token: Option<&str>) -> Hold {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let mut fields = vec![
            (":method", "GET"),
            (":authority", "api.example.com"),
            (":path", path),
            ("x-auth-subject", "root"),
        ];
        fields.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
        *self.proxy.fields.borrow_mut() = pairs::write(&fields);
        self.skin.request(stream)
    }

    /// The callout that was sent last is answered so.
    pub(crate) fn reply(&self, body: &Value) {
        self.reply_with(200, &body.to_string());
    }

    pub(crate) fn reply_with(&self, status: u16, body: &str) {
        let last = self.proxy.sent.borrow().len() as CallToken - 1;
        self.reply_to(FIRST_CALL + last, status, body);
    }

    pub(crate) fn reply_to(&self, call: CallToken, status: u16, body: &str) {
        *self.proxy.reply.borrow_mut() = (status, body.as_bytes().to_vec());
        self.skin.reply(call, 2);
    }

    /// A tick, so many milliseconds after the time before.
    pub(crate) fn tick_after(&self, millis: i64) {
        self.proxy.millis.set(self.proxy.millis.get() + millis);
        self.skin.tick();
    }

    /// What was counted so far, once it has been handed over.
    pub(crate) fn counted(&self) -> Vec<(String, u64)> {
        self.proxy.now.set(self.proxy.now.get() + 1);
        self.skin.tick();
        self.proxy.counted.take()
    }

    /// How often a line of this level was written that has `text` in it.
    pub(crate) fn told(&self, level: Level, text: &str) -> usize {
        self.proxy.log.borrow().iter().filter(|(at, line)| *at == level && line.contains(text)).count()
    }
}
