//! Trailers of requests. A server may merge them into the header fields (RFC 9110 section 6.5.1), and nothing in them is
//! judged: what it could take for an identity or a token does not get there.

use super::host::{HeaderFields, Host, HostFault};
use crate::policy::Policy;

/// Takes the fields out of the selected request's trailers that `policy` lets nobody send there.
///
/// # Errors
/// The proxy does not hand the trailers over, or keeps a field.
pub(super) fn strip(host: &impl Host, policy: &Policy) -> Result<(), HostFault> {
    const UNREADABLE: HostFault = HostFault { call: "request_trailers", status: 0 };
    let fields = host.request_trailers()?;
    let mut forbidden = Vec::new();
    fields.each(|name, _| {
        if policy.forbids_trailer(name) {
            forbidden.push(name);
        }
    })?;
    for name in forbidden {
        let name = core::str::from_utf8(name).map_err(|_| UNREADABLE)?;
        host.remove_trailer(name)?;
    }
    Ok(())
}
