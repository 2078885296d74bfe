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

/// Header fields as a proxy hands them over: bytes in a form of its own.
pub trait HeaderFields {
    /// Hands each field to `take`, name in lower case and value, in their order, pseudo fields among them.
    ///
    /// # Errors
    /// They end early: those that were handed over are not all.
    fn each<'f>(&'f self, take: impl FnMut(&'f [u8], &'f [u8])) -> Result<(), HostFault>;
}

/// What came back for a callout.
#[derive(Default)]
pub struct CalloutReply {
    /// The status of the response.
    pub status: u16,
    /// Its fields, names in lower case, without pseudo fields.
    pub fields: Vec<(String, Vec<u8>)>,
    /// Its body, no more of it than was asked for.
    pub body: Vec<u8>,
}

/// A number that the proxy gives to a context: a stream, or the root.
pub type ContextId = u32;

/// A number that the proxy gives to a callout.
pub type CallToken = u32;

/// A proxy. Calls act on the context that is selected: the one whose callback runs, until [`Host::select`].
pub trait Host {
    /// Header fields in the proxy's form.
    type Fields: HeaderFields;

    /// The time.
    fn now(&self) -> UnixTime;

    /// Writes a log line.
    fn log(&self, level: Level, line: &str);

    /// Whether lines of `level` are written at all.
    fn logs(&self, level: Level) -> bool;

    /// All fields of the request, pseudo fields among them.
    ///
    /// # Errors
    /// The proxy does not hand them over.
    fn request_fields(&self) -> Result<Self::Fields, HostFault>;

    /// All fields of the request's trailers, while they are being handed over.
    ///
    /// # Errors
    /// The proxy does not hand them over.
    fn request_trailers(&self) -> Result<Self::Fields, HostFault>;

    /// Takes every field `name` out of the request's trailers, while they are being handed over.
    ///
    /// # Errors
    /// It was refused.
    fn remove_trailer(&self, name: &str) -> Result<(), HostFault>;

    /// The name of the route that the proxy chose for the request; `None` where it has none.
    fn route(&self) -> Option<Vec<u8>>;

    /// The rule that this route's metadata names; `None` where it names none.
    fn rule_of_route(&self) -> Option<Vec<u8>>;

    /// Whether the request came over TLS.
    fn is_tls(&self) -> bool;

    /// The client certificate of the request's connection, which its sender has proven to hold: the SHA-256 of its DER
    /// form. `None` where there is none.
    fn client_certificate(&self) -> Option<[u8; 32]>;

    /// The `Origin` field of the request, to be had also where the others are not.
    fn origin(&self) -> Option<Vec<u8>>;

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

    /// The reply that is being handed over, with at most `longest` bytes of its body; `None` where there is none that
    /// can be read.
    fn reply(&self, longest: usize) -> Option<CalloutReply>;

    /// Has the root called back soon, from whatever context this is.
    fn wake_root(&self);

    /// Has the root called back every `milliseconds`.
    fn tick_every(&self, milliseconds: u32);

    /// Adds to the counter `name`.
    fn count(&self, name: &str, by: u64);

    /// Sets the gauge `name`.
    fn gauge(&self, name: &str, value: u64);
}
