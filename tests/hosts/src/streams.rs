//! The requests that are under way in one worker, as the host lends them to the module.

use std::collections::BTreeMap;

use proxy_wasm_host::abi::v0_2_1::types::{MapType, Status, StreamType};
use proxy_wasm_host::abi::v0_2_1::{
    Access, Callback, ContextId, ForeignCall, Invocation, LocalResponse, StreamState,
};
use proxy_wasm_host::{HeaderMap, VecHeaderMap};
use scopegate::tool::request::Request;

use crate::text;

/// Every stream of a worker: a callback of the root may act on each of them.
#[derive(Default)]
pub(crate) struct Streams {
    open: BTreeMap<ContextId, Stream>,
    /// The functions that the module asked for by name. This host has none.
    pub(crate) foreign: Vec<String>,
    /// What the module did that no host may be asked to do.
    pub(crate) wrongs: Vec<String>,
}

/// Where a request is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// Its head is with the module still.
    Begun,
    /// Kept back until the module says more.
    Waits,
    /// Sent on.
    GoesOn,
    /// Answered in the upstream's place.
    Answered,
}

/// One request.
pub(crate) struct Stream {
    pub(crate) fate: Fate,
    pub(crate) head: VecHeaderMap,
    pub(crate) trailers: VecHeaderMap,
    /// What was answered, where it was.
    pub(crate) answer: Option<LocalResponse<'static>>,
    /// The properties that the module has set.
    published: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What the host knows of the request besides: the path, with dots between the parts, and the value.
    properties: BTreeMap<&'static str, Vec<u8>>,
    /// What the host says when it is asked for the head, where it does not hand it over for this.
    pub(crate) broken: Option<(Access, Status)>,
}

impl Stream {
    /// `request`, as it comes in.
    pub(crate) fn new(request: &Request) -> Self {
        let pseudo = [
            (":method", &request.method),
            (":scheme", &request.scheme),
            (":authority", &request.authority),
            (":path", &request.path),
        ];
        let pseudo = pseudo.map(|(name, value)| (name.as_bytes().to_vec(), value.clone().into_bytes()));
        let fields = request.headers.iter().map(|(name, value)| (name.clone().into_bytes(), value.clone()));
        Self {
            fate: Fate::Begun,
            head: pseudo.into_iter().chain(fields).collect(),
            trailers: VecHeaderMap::default(),
            answer: None,
            published: BTreeMap::new(),
            properties: properties(request),
            broken: None,
        }
    }

    /// What the module has published under `name`.
    pub(crate) fn published(&self, name: &str) -> Option<String> {
        let value = self.published.get(name.as_bytes())?;
        Some(text(value))
    }
}

fn properties(request: &Request) -> BTreeMap<&'static str, Vec<u8>> {
    let text = |text: &Option<String>| text.clone().map(String::into_bytes);
    let digits = |digest: [u8; 32]| digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let certificate = request.client_cert_sha256.map(|digest| digits(digest).into_bytes());
    let known = [
        ("xds.route_name", text(&request.route.name)),
        ("xds.route_metadata.filter_metadata.scopegate.rule", text(&request.route.rule)),
        ("connection.tls_version", request.is_over_tls().then(|| b"TLSv1.3".to_vec())),
        ("connection.sha256_peer_certificate_digest", certificate),
    ];
    known.into_iter().filter_map(|(path, value)| Some((path, value?))).collect()
}

impl Streams {
    pub(crate) fn insert(&mut self, id: ContextId, stream: Stream) {
        self.open.insert(id, stream);
    }

    pub(crate) fn remove(&mut self, id: ContextId) -> Option<Stream> {
        self.open.remove(&id)
    }

    pub(crate) fn get(&self, id: ContextId) -> &Stream {
        &self.open[&id]
    }

    pub(crate) fn get_mut(&mut self, id: ContextId) -> &mut Stream {
        self.open.get_mut(&id).unwrap()
    }

    fn wrong(&mut self, call: Invocation, what: &str) -> Status {
        self.wrongs.push(format!("{what} of context {} in {:?}", call.context, call.callback));
        Status::BadArgument
    }
}

impl StreamState for Streams {
    /// The head can be edited until the request goes on or is answered, the trailers while they are handed over.
    fn header_map(
        &mut self,
        call: Invocation,
        access: Access,
        map: MapType,
    ) -> Result<&mut dyn HeaderMap, Status> {
        let in_trailers = call.callback == Some(Callback::RequestTrailers);
        let stream = self.open.get(&call.context).ok_or(Status::NotFound)?;
        let is_open = matches!(stream.fate, Fate::Begun | Fate::Waits);
        if let Some((broken, status)) = stream.broken
            && broken == access
        {
            return Err(status);
        }
        match map {
            MapType::HttpRequestHeaders if is_open => Ok(&mut self.get_mut(call.context).head),
            MapType::HttpRequestTrailers if in_trailers => Ok(&mut self.get_mut(call.context).trailers),
            _ => Err(self.wrong(call, &format!("{access:?} of {map:?}"))),
        }
    }

    fn continue_stream(&mut self, call: Invocation, stream: StreamType) -> Result<(), Status> {
        let fate = self.open.get(&call.context).ok_or(Status::NotFound)?.fate;
        if stream != StreamType::HttpRequest || fate != Fate::Waits {
            return Err(self.wrong(call, &format!("continuation, {fate:?},")));
        }
        self.get_mut(call.context).fate = Fate::GoesOn;
        Ok(())
    }

    fn send_local_response(&mut self, call: Invocation, response: LocalResponse<'_>) -> Result<(), Status> {
        let fate = self.open.get(&call.context).ok_or(Status::NotFound)?.fate;
        if matches!(fate, Fate::GoesOn | Fate::Answered) {
            return Err(self.wrong(call, &format!("answer, {fate:?},")));
        }
        let stream = self.get_mut(call.context);
        stream.fate = Fate::Answered;
        stream.answer = Some(response.into_owned());
        Ok(())
    }

    fn property(&mut self, call: Invocation, path: &[&[u8]], out: &mut Vec<u8>) -> Result<(), Status> {
        let path = path.join(&b'.');
        let stream = self.open.get(&call.context).ok_or(Status::NotFound)?;
        let found = std::str::from_utf8(&path).ok().and_then(|path| stream.properties.get(path));
        out.extend(found.ok_or(Status::NotFound)?);
        Ok(())
    }

    fn set_property(&mut self, call: Invocation, path: &[&[u8]], value: &[u8]) -> Result<(), Status> {
        let stream = self.open.get_mut(&call.context).ok_or(Status::NotFound)?;
        stream.published.insert(path.join(&b'.'), value.to_vec());
        Ok(())
    }

    fn call_foreign_function(
        &mut self,
        _: Invocation,
        request: ForeignCall<'_>,
        _: &mut Vec<u8>,
    ) -> Result<(), Status> {
        self.foreign.push(text(&request.name));
        Err(Status::NotFound)
    }
}
