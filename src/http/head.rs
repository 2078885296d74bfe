//! The head of a request, as the proxy saw it.

/// One header field. The name is in lower case, as HTTP/2 has it (RFC 9113 section 8.2.1); the value is what it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Field<'h> {
    /// The field's name in lower case.
    pub name: &'h [u8],
    /// The field's value; any bytes.
    pub value: &'h [u8],
}

/// Method, target and fields of one request, borrowed from whoever read them.
///
/// Has no `Debug`: it holds credentials.
#[derive(Clone, Default)]
pub struct RequestHead<'h> {
    /// The method, in the case in which it was sent.
    pub method: &'h [u8],
    /// The authority (`Host` field or `:authority`), port and all.
    pub authority: &'h [u8],
    /// The request target: path and query. Empty where the request has none (`CONNECT`).
    pub path: &'h [u8],
    /// `http` or `https`; empty where the proxy did not say.
    pub scheme: &'h [u8],
    fields: Vec<Field<'h>>,
}

impl<'h> RequestHead<'h> {
    /// A head made of name and value pairs, pseudo fields (`:method`, `:path`, …) among them; names in lower case.
    /// Of a pseudo field that stands twice the last one counts; a proxy lets none through.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (&'h [u8], &'h [u8])>) -> Self {
        let mut head = Self::with_room();
        pairs.into_iter().for_each(|(name, value)| head.push(name, value));
        head
    }

    /// A head without anything yet, with room for as many fields as requests usually have.
    pub fn with_room() -> Self {
        /// What a browser sends is less.
        const USUAL: usize = 32;
        Self { fields: Vec::with_capacity(USUAL), ..Self::default() }
    }

    /// Adds a field, or sets what a pseudo field says, as in [`Self::from_pairs`].
    #[inline]
    pub fn push(&mut self, name: &'h [u8], value: &'h [u8]) {
        match name.split_first() {
            Some((b':', b"method")) => self.method = value,
            Some((b':', b"authority")) => self.authority = value,
            Some((b':', b"path")) => self.path = value,
            Some((b':', b"scheme")) => self.scheme = value,
            _ => self.fields.push(Field { name, value }),
        }
    }

    /// All fields but the pseudo fields, in order.
    pub fn fields(&self) -> &[Field<'h>] {
        &self.fields
    }

    /// The values of all fields called `name` (lower case), in order.
    pub fn values(&self, name: &[u8]) -> impl Iterator<Item = &'h [u8]> {
        self.fields.iter().filter(move |field| field.name == name).map(|field| field.value)
    }

    /// The value of the first field called `name` (lower case).
    pub fn first(&self, name: &[u8]) -> Option<&'h [u8]> {
        self.values(name).next()
    }

    /// The value of the field called `name` (lower case), where there is just one.
    pub fn only(&self, name: &[u8]) -> Option<&'h [u8]> {
        let mut values = self.values(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// Whether this is a CORS preflight: `OPTIONS` with `Origin` and a non-empty `Access-Control-Request-Method`.
    pub fn is_preflight(&self) -> bool {
        let asks = self.first(b"access-control-request-method").is_some_and(|method| !method.is_empty());
        self.method == b"OPTIONS" && self.first(b"origin").is_some() && asks
    }

    /// Whether this is a gRPC request, which wants its status in trailers: just the media types that gRPC has, which
    /// are also those for which Envoy answers that way.
    pub fn is_grpc(&self) -> bool {
        self.first(b"content-type").is_some_and(|kind| {
            kind.strip_prefix(b"application/grpc")
                .is_some_and(|rest| matches!(rest.first(), None | Some(b'+')))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudo_fields_are_not_fields() {
        let head = RequestHead::from_pairs([(&b":method"[..], &b"GET"[..]), (b"a", b"1"), (b"a", b"2")]);
        assert_eq!(head.method, b"GET");
        assert_eq!(head.values(b"a").collect::<Vec<_>>(), [b"1", b"2"]);
        assert_eq!(head.first(b"b"), None);
        assert_eq!((head.only(b"a"), head.only(b"b")), (None, None), "two are not one");
    }

    #[test]
    fn a_preflight_has_all_of_its_three_parts() {
        let preflight = |method: &'static str, origin: &'static str, asks: &'static [u8]| {
            let pairs = [
                (":method", method.as_bytes()),
                (origin, b"https://a"),
                ("access-control-request-method", asks),
            ];
            RequestHead::from_pairs(pairs.map(|(name, value)| (name.as_bytes(), value))).is_preflight()
        };
        assert!(preflight("OPTIONS", "origin", b"GET"));
        assert!(!preflight("GET", "origin", b"GET"));
        assert!(!preflight("OPTIONS", "referer", b"GET"));
        assert!(!preflight("OPTIONS", "origin", b""));
        let without =
            RequestHead::from_pairs([(&b":method"[..], &b"OPTIONS"[..]), (b"origin", b"https://a")]);
        assert!(!without.is_preflight());
    }

    #[test]
    fn grpc_is_told_by_its_media_type() {
        let grpc =
            |kind: &'static str| RequestHead::from_pairs([(&b"content-type"[..], kind.as_bytes())]).is_grpc();
        assert!(grpc("application/grpc") && grpc("application/grpc+proto"));
        assert!(!grpc("application/grpc; a=b") && !grpc("application/grpc-web") && !grpc("application/json"));
    }
}
