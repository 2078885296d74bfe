//! Policy tests: a policy, requests, what issuers answer, and what is expected of each request.
//!
//! - knows: the test file, the tokens made for it, how an expectation is compared with what was seen
//! - must not know: who judges the requests; [`native`] lets the engine do it, `tests/envoy` a whole Envoy
//! - in: a file of YAML and the time; out: a [`Suite`]
//!
//! [`load()`] reads a file for one point in time, since its tokens are dated relative to it:
//!
//! ```yaml
//! policy: ./policy.yaml            # a path relative to this file, or the policy itself
//! now: 1760000000                  # optional; the clock of the native run
//! keys: {corp-1: ES256}            # made afresh; the name is the kid
//! tokens:
//!   good: {key: corp-1, header: {typ: at+jwt}, claims: {iss: "https://idp.example.com", exp: {in: 5m}, iat: {ago: 1m}}}
//!   # also: alg (overrules the header only), sign: false (no signature), tamper: true (a wrong one), raw: "text"
//! answers:                         # by the path of the question, the query cut; a test may override single paths
//!   /jwks: {keys: [corp-1]}        # or {json: …}, {status:, headers:, body:}, {error: timeout | reset | refused},
//!   /seq: [{json: {}}, {status: 500}] # or several, one after the other; the last one repeats
//! tests:
//!   - name: a phrase
//!     request: {method: GET, authority: api.example.com, path: /orders, token: good, headers: [[x-a, b]]}
//!     expect: {outcome: admit, upstream: {set: {x-auth-subject: alice}, absent: [authorization]}}
//! ```
//!
//! `{in: 5m}` and `{ago: 5m}` stand for a NumericDate relative to the time that the suite was loaded for, also in tests
//! to which `at: {in: 10m}` gives another clock. `"${token:NAME}"` in a request stands for the text of a token, a list
//! `keys` of key names in the policy or an answer for public JWKs, and `{thumbprint: NAME}` in a token or an answer for
//! a key's thumbprint. With `dpop: {key: NAME}` beside `token` in a request the token is presented with a proof, as DPoP
//! has it; `header` and `claims` there change what a good proof says.

mod answers;
mod compare;
mod dates;
mod expect;
mod load;
pub mod native;
mod proofs;
mod tokens;

pub use answers::{Answers, Issuers};
pub(super) use dates::resolve as resolve_dates;

pub use compare::{Observed, mismatches};
pub use expect::{Expectation, Outcome, Upstream};
pub use load::{Case, DEFAULT_NOW, LoadError, Suite, load, parse};
