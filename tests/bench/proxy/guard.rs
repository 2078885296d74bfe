//! Who is compared: listeners by what they guard their routes with.

/// What a listener guards its routes with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Guard {
    /// Nothing.
    Open,
    /// Nothing; and an upstream answers instead of the proxy.
    Forwarding,
    /// A Wasm filter that does nothing.
    Empty,
    /// Ours.
    Scopegate,
    /// Ours, with so small a memory that no token of many is ever found in it.
    Forgetful,
    /// Ours, asking the issuer.
    Asking,
    /// Ours, with so many rules.
    Ruled(usize),
    /// Envoy's own filters, with a cache.
    Native,
    /// Envoy's own filters.
    NativeUncached,
    /// Envoy's own filters with a cache, and so many rules.
    NativeRuled(usize),
    /// Envoy's own filter that asks a service.
    ExtAuthz,
}

impl Guard {
    pub(crate) fn name(self) -> String {
        match self {
            Self::Open => "no filter".to_owned(),
            Self::Forwarding => "no filter, to an upstream".to_owned(),
            Self::Empty => "empty Wasm filter".to_owned(),
            Self::Scopegate => "scopegate".to_owned(),
            Self::Forgetful => "scopegate, first sight".to_owned(),
            Self::Asking => "scopegate, introspecting".to_owned(),
            Self::Ruled(rules) => format!("scopegate, {rules} rules"),
            Self::Native => "jwt_authn, cached".to_owned(),
            Self::NativeUncached => "jwt_authn, uncached".to_owned(),
            Self::NativeRuled(rules) => format!("jwt_authn, cached, {rules} rules"),
            Self::ExtAuthz => "ext_authz over HTTP".to_owned(),
        }
    }

    /// Whether it is scopegate.
    pub(crate) const fn is_ours(self) -> bool {
        matches!(self, Self::Scopegate | Self::Forgetful | Self::Asking | Self::Ruled(_))
    }

    /// Whether it is what an operator would use instead.
    pub(crate) const fn is_theirs(self) -> bool {
        matches!(self, Self::Native | Self::NativeUncached | Self::NativeRuled(_) | Self::ExtAuthz)
    }

    /// Whether it looks at tokens at all.
    pub(crate) const fn checks(self) -> bool {
        self.is_ours() || self.is_theirs()
    }
}
