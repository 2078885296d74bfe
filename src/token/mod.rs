//! What OAuth says about signed objects and HTTP messages.
//!
//! - knows: claims, scopes, grants, introspection, challenges
//! - must not know: rules, caches, the proxy
//! - in: a verified payload or an issuer's answer, and what is expected; out: a grant, or what is wrong with the token
//! - RFC 6749, 6750, 7519, 7662, 7800, 8705, 9068, 9449

pub mod binding;
pub mod challenge;
pub mod claims;
pub mod credential;
pub mod dpop;
pub mod expect;
pub mod fault;
pub mod grant;
pub mod introspection;
pub mod jwt;
pub mod kind;
pub mod scope;
