//! The proxy's callbacks.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel};

use super::accelerator::HostSignatures;
use super::envoy::Envoy;
use super::skin::{Hold, Skin};
use super::slots::SharedData;
use super::{abi, configuration};
use crate::config;
use crate::gate::Gate;
use crate::policy::Policy;

proxy_wasm::main! {{
    // The SDK logs what it does itself; that is of no use to an operator.
    proxy_wasm::set_log_level(LogLevel::Warn);
    proxy_wasm::set_root_context(|id| Box::new(Root { id, skin: None }));
}}

/// One configured filter in one worker.
struct Root {
    id: u32,
    skin: Option<Rc<Skin<Envoy>>>,
}

/// One request.
struct Stream {
    id: u32,
    skin: Rc<Skin<Envoy>>,
}

impl Root {
    fn skin_for(&self, policy: Policy) -> Result<Rc<Skin<Envoy>>, &'static str> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|_| "the proxy has no random numbers")?;
        let (own, queue) = seed.split_first_chunk::<16>().ok_or("the proxy has no random numbers")?;
        let common = SharedData::agree(*own);
        let gate = Gate::new(Rc::new(policy), *own, Rc::new(HostSignatures::default()))
            .sharing(Rc::new(SharedData), common)
            .signing_with(Rc::new(HostSignatures::default()));
        Ok(Rc::new(Skin::new(Envoy::new(queue), self.id, gate)))
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, fields: usize, _body_size: usize, _trailers: usize) {
        if let Some(skin) = &self.skin {
            skin.reply(token, fields);
        }
    }
}

impl RootContext for Root {
    /// A pure function of the configuration and the VM's environment variables: a worker that refuses what the others
    /// took would be left without the filter, and let everything through.
    fn on_configure(&mut self, _size: usize) -> bool {
        let document = abi::buffer(abi::PLUGIN_CONFIGURATION, usize::MAX)
            .map_err(|fault| fault.to_string())
            .and_then(|bytes| configuration::document(&bytes).map_err(str::to_owned));
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
        match self.skin_for(policy) {
            Ok(skin) => {
                skin.tick();
                self.skin = Some(skin);
            }
            // Not a fault of the configuration: until there are random numbers every request is answered with 503.
            Err(problem) => abi::log(CRITICAL, &format!("scopegate: {problem}")),
        }
        true
    }

    fn on_tick(&mut self) {
        if let Some(skin) = &self.skin {
            skin.tick();
        }
    }

    fn on_queue_ready(&mut self, queue: u32) {
        if let Some(skin) = &self.skin
            && skin.host().is_awake(queue)
        {
            skin.woken();
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        match &self.skin {
            Some(skin) => Some(Box::new(Stream { id, skin: Rc::clone(skin) })),
            None => Some(Box::new(Unconfigured)),
        }
    }
}

/// The ABI's level for what keeps the filter from working.
const CRITICAL: u32 = 5;

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _fields: usize, _end_of_stream: bool) -> Action {
        action(self.skin.request(self.id))
    }

    // With `allow_on_headers_stop_iteration` a pause at the head does not hold back what follows.
    fn on_http_request_body(&mut self, _size: usize, _end_of_stream: bool) -> Action {
        action(self.skin.rest(self.id))
    }

    fn on_http_request_trailers(&mut self, _fields: usize) -> Action {
        action(self.skin.rest(self.id))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.skin.gone(self.id);
    }
}

const fn action(hold: Hold) -> Action {
    match hold {
        Hold::Release => Action::Continue,
        Hold::Keep => Action::Pause,
    }
}

/// A request that comes before there is a policy.
struct Unconfigured;

impl Context for Unconfigured {}

impl HttpContext for Unconfigured {
    fn on_http_request_headers(&mut self, _fields: usize, _end_of_stream: bool) -> Action {
        let retry_after = super::pairs::write(&[("retry-after", "1")]);
        let details = "scopegate_not_configured";
        if let Err(fault) = abi::send_local_response(503, details, "", &retry_after, None) {
            abi::log(CRITICAL, &fault.to_string());
        }
        Action::Pause
    }

    fn on_http_request_body(&mut self, _size: usize, _end_of_stream: bool) -> Action {
        Action::Pause
    }

    fn on_http_request_trailers(&mut self, _fields: usize) -> Action {
        Action::Pause
    }
}
