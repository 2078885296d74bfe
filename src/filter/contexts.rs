//! What the host's contexts stand for: a root for each configured filter in this worker, a stream for each request.

use std::cell::RefCell;
use std::rc::Rc;

use super::accelerator::HostSignatures;
use super::envoy::Envoy;
use super::host::{CallToken, ContextId};
use super::numbers::{CRITICAL, PLUGIN_CONFIGURATION};
use super::skin::{Hold, Skin};
use super::slots::SharedData;
use super::{abi, configuration};
use crate::base::table::Table;
use crate::config;
use crate::gate::Gate;
use crate::policy::Policy;

/// A policy at work; none before there is a good configuration.
type Configured = Option<Rc<Skin<Envoy>>>;

thread_local! {
    // A worker's VM has one thread.
    static CONTEXTS: RefCell<Contexts> = RefCell::default();
}

#[derive(Default)]
struct Contexts {
    roots: Table<ContextId, Configured>,
    /// A request stays with the policy that was in force when it began.
    streams: Table<ContextId, Configured>,
}

/// Does `work` on the contexts, which are never borrowed while the host is called: it may call back.
fn with<T>(work: impl FnOnce(&mut Contexts) -> T) -> Option<T> {
    CONTEXTS.with(|contexts| contexts.try_borrow_mut().ok().map(|mut contexts| work(&mut contexts)))
}

fn root(context: ContextId) -> Configured {
    with(|contexts| contexts.roots.get(&context).cloned()).flatten().flatten()
}

fn stream(context: ContextId) -> Configured {
    with(|contexts| contexts.streams.get(&context).cloned()).flatten().flatten()
}

/// A new context: a stream of the root `parent`, or a root where `parent` is 0.
pub(super) fn create(context: ContextId, parent: ContextId) {
    with(|contexts| {
        if parent == 0 {
            contexts.roots.insert(context, None);
        } else {
            let skin = contexts.roots.get(&parent).cloned().flatten();
            contexts.streams.insert(context, skin);
        }
    });
}

/// The context is gone.
pub(super) fn delete(context: ContextId) {
    let gone = with(|contexts| match contexts.streams.remove(&context) {
        Some(skin) => skin,
        None => {
            contexts.roots.remove(&context);
            None
        }
    });
    if let Some(skin) = gone.flatten() {
        skin.gone(context);
    }
}

/// Takes the configuration of a root; whether it is good. A pure function of the configuration and the VM's
/// environment variables: a worker that refuses what the others took would be left without the filter, and let
/// everything through.
pub(super) fn configure(context: ContextId) -> bool {
    let document = abi::buffer(PLUGIN_CONFIGURATION, usize::MAX)
        .map_err(|fault| fault.to_string())
        .and_then(|bytes| configuration::document(&bytes));
    let document = match document {
        Ok(document) => document,
        Err(problem) => {
            abi::log(CRITICAL, &format!("scopegate: {problem}"));
            return false;
        }
    };
    let policy = match config::compile(&document, &|name| std::env::var(name).ok()) {
        Ok(policy) => policy,
        Err(problems) => {
            for problem in problems {
                abi::log(CRITICAL, &format!("scopegate: {problem}"));
            }
            return false;
        }
    };
    match skin_for(policy, context) {
        Ok(skin) => {
            with(|contexts| contexts.roots.insert(context, Some(Rc::clone(&skin))));
            skin.start();
        }
        // Not a fault of the configuration: until there are random numbers every request is answered with 503.
        Err(problem) => abi::log(CRITICAL, &format!("scopegate: {problem}")),
    }
    true
}

/// The policies that are in force in this VM, the newest first.
fn running() -> Vec<Rc<Skin<Envoy>>> {
    let running = with(|contexts| {
        let skins = contexts.roots.iter().filter_map(|(root, skin)| Some((*root, Rc::clone(skin.as_ref()?))));
        let mut skins: Vec<_> = skins.collect();
        skins.sort_by_key(|(root, _)| core::cmp::Reverse(*root));
        skins.into_iter().map(|(_, skin)| skin).collect()
    });
    running.unwrap_or_default()
}

fn skin_for(policy: Policy, root: ContextId) -> Result<Rc<Skin<Envoy>>, &'static str> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|_| "the proxy has no random numbers")?;
    let (own, queue) = seed.split_first_chunk::<16>().ok_or("the proxy has no random numbers")?;
    let common = SharedData::agree(*own);
    let gate = Gate::new(Rc::new(policy), *own, Rc::new(HostSignatures::default()))
        .sharing(Rc::new(SharedData), common)
        .signing_with(Rc::new(HostSignatures::default()));
    // Of whichever policies are in force in this VM: the one before this, and those of other listeners.
    let running = running();
    let formers: Vec<_> = running.iter().filter_map(|skin| skin.gate()).collect();
    let gate = gate.taking_over(formers.iter().map(|former| &**former));
    Ok(Rc::new(Skin::new(Envoy::new(queue), root, gate)))
}

/// Time has passed for a root.
pub(super) fn tick(context: ContextId) {
    if let Some(skin) = root(context) {
        skin.tick();
    }
}

/// Something is in `queue`, which the root may have registered.
pub(super) fn queue_ready(context: ContextId, queue: u32) {
    if let Some(skin) = root(context)
        && skin.host().is_awake(queue)
    {
        skin.woken();
    }
}

/// The reply to a root's `call` is there, with so many fields; without any it has failed.
pub(super) fn reply(context: ContextId, call: CallToken, fields: usize) {
    if let Some(skin) = root(context) {
        skin.reply(call, fields);
    }
}

/// The head of a request is there.
pub(super) fn request_head(context: ContextId) -> Hold {
    match stream(context) {
        Some(skin) => skin.request(context),
        None => unconfigured(),
    }
}

/// A part of a request's body. With `allow_on_headers_stop_iteration` a pause at the head does not hold it back, nor the
/// trailers.
pub(super) fn request_rest(context: ContextId) -> Hold {
    stream(context).map_or(Hold::Keep, |skin| skin.rest(context))
}

/// The trailers of a request.
pub(super) fn request_trailers(context: ContextId) -> Hold {
    stream(context).map_or(Hold::Keep, |skin| skin.trailers(context))
}

/// Answers a request that comes before there is a policy.
fn unconfigured() -> Hold {
    let retry_after = super::pairs::write(&[("retry-after", "1")]);
    if let Err(fault) = abi::send_local_response(503, "scopegate_not_configured", "", &retry_after, None) {
        abi::log(CRITICAL, &fault.to_string());
    }
    Hold::Keep
}
