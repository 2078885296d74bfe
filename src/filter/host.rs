//! What the skin needs from a proxy. Every call can fail, and none may panic.

use core::fmt;

use crate::base::time::UnixTime;
use crate::http::message::{Callout, HeaderEdits, Response};

/// How much an operator wants to know about a log line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// About single requests.
    Debug,
    /// Configuration and keys have changed.
    Info,
    /// An operator should look.
    Warn,
    /// An operator must act.
    Error,
}

/// The proxy said no.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HostFault {
    /// What it was asked to do.
    pub call: &'static str,
    /// The status it gave.
    pub status: u32,
}

impl fmt::Display for HostFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the proxy answered {} to {}", self.status, self.call)
    }
}

/// A number that the proxy gives to a context: a stream, or the root.
pub type ContextId = u32;

/// A number that the proxy gives to a callout.
pub type CallToken = u32;

/// A proxy. Calls act on the context that is selected: the one whose callback runs, until [`Host::select`].
pub trait Host {
    /// The time.
    fn now(&self) -> UnixTime;

    /// Writes a log line.
    fn log(&self, level: Level, line: &str);

    /// Whether lines of `level` are written at all.
    fn logs(&self, level: Level) -> bool;

    /// All fields of the request, pseudo fields among them, as the ABI's block of pairs.
    ///
    /// # Errors
    /// The proxy does not hand them over.
    fn request_fields(&self) -> Result<Vec<u8>, HostFault>;

    /// All fields of the request's trailers, while they are being handed over, as such a block.
    ///
    /// # Errors
    /// The proxy does not hand them over.
    fn request_trailers(&self) -> Result<Vec<u8>, HostFault>;

    /// Takes every field `name` out of the request's trailers, while they are being handed over.
    ///
    /// # Errors
    /// It was refused.
    fn remove_trailer(&self, name: &str) -> Result<(), HostFault>;

    /// A property of the request; `None` when it has none, whatever the reason.
    fn property(&self, path: &[&str]) -> Option<Vec<u8>>;

    /// Publishes `value` as filter state under `name`; nothing depends on its success.
    fn publish(&self, name: &str, value: &str);

    /// Edits the request's fields.
    ///
    /// # Errors
    /// An edit was refused; those before it are done.
    fn edit(&self, edits: &HeaderEdits) -> Result<(), HostFault>;

    /// Lets the request go on. Nothing else may be done with it afterwards.
    ///
    /// # Errors
    /// It is gone.
    fn resume(&self) -> Result<(), HostFault>;

    /// Answers the request; `details` go to the access log. Nothing else may be done with it afterwards.
    ///
    /// # Errors
    /// It is gone.
    fn respond(&self, response: &Response, details: &str) -> Result<(), HostFault>;

    /// Selects a context.
    ///
    /// # Errors
    /// It is gone.
    fn select(&self, context: ContextId) -> Result<(), HostFault>;

    /// Sends a callout; its reply comes to the root.
    ///
    /// # Errors
    /// It was not sent and no reply will come.
    fn call(&self, callout: &Callout) -> Result<CallToken, HostFault>;

    /// The fields of the reply that is being handed over, as the ABI's block of pairs.
    ///
    /// # Errors
    /// There is none.
    fn reply_fields(&self) -> Result<Vec<u8>, HostFault>;

    /// At most `longest` bytes of that reply's body.
    ///
    /// # Errors
    /// There is none.
    fn reply_body(&self, longest: usize) -> Result<Vec<u8>, HostFault>;

    /// Has the root called back soon, from whatever context this is.
    fn wake_root(&self);

    /// Has the root called back every `milliseconds`.
    fn tick_every(&self, milliseconds: u32);

    /// Adds to the counter `name`.
    fn count(&self, name: &str, by: u64);

    /// Sets the gauge `name`.
    fn gauge(&self, name: &str, value: u64);
}
