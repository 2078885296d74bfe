//! scopegate enforces OAuth 2.0 access tokens inside Envoy.
//!
//! A **decision engine with a thin proxy-wasm skin**: bytes of configuration become an immutable policy once; a
//! request head goes in, a step comes out. Nothing in the engine calls the proxy, reads a clock or logs. <!-- shown by tests/layers.rs::nothing_below_the_skins_reaches_outside -->
//!
//! ```text
//! config bytes ──► config ──► policy (immutable)
//!                               │
//! request head ─► rule ─► credential ─► unverified JWS ─► verified payload ─► grant ─► permit ─► header edits
//!                               │              └── opaque ─► callout ─► reply ─► grant ┘  │
//!                               └────────── denial ─► response ◄── outage ◄───────────────┘
//! ```
//!
//! # Layers
//!
//! A module imports only from layers above it in this table, and never from a sibling on its own line;
//! `tests/layers.rs` reads the table and checks every import. <!-- shown by tests/layers.rs::imports_run_one_way -->
//! No file of a module imports another that imports it, but for those that are listed there. <!-- shown by tests/layers.rs::no_file_imports_one_that_imports_it -->
//!
//! | layer | modules | knows |
//! | --- | --- | --- |
//! | L0 | `base`, `manual` | values without a domain; prose |
//! | L1 | `http`, `jose`, `document` | messages as plain data; signed objects; what somebody wrote, with its places |
//! | L2 | `token` | what OAuth says about both |
//! | L3 | `policy` | what the operator wants, compiled |
//! | L4 | `config`, `gate` | bytes to policy; the engine: sequencing, waiting, remembering |
//! | L5 | `filter`, `tool` | the skins: Envoy, and the command line |
//!
//! # Words of our own
//!
//! Other names are those of the RFCs and of the field; [`token`], [`jose`] and [`http`] name the sections.
//!
//! | word | means |
//! | --- | --- |
//! | gate | what judges requests under one policy: [`gate::Gate`] |
//! | skin | what carries out a gate's verdicts in one worker of a proxy: [`filter::skin::Skin`] |
//! | permit | the proof that a request may go on: [`policy::Permit`] |
//! | denial, outage | the request is not allowed; whether it is allowed could not be found out |
//! | parked, woken | a request waits for an issuer; what it waited for is there |
//! | place | where a token may stand in a request: a header, a query parameter, a cookie |
//! | reading | one of the ways in which servers understand a host or a path |
//! | dialect | how one kind of issuer is asked about tokens, and answers |
//! | standing | whether its issuer called a token active lately |
//! | site | a listener of the tests' Envoy, with a policy, an issuer and an application of its own |
//!
//! # Why it is so
//!
//! [`manual::policy`], [`manual::envoy`] and [`manual::promises`] say what it does, for those who use it; [`manual::threats`]
//! has the attacks that we know, what stops them and which test notices; [`manual::defaults`] the reasons for each default;
//! [`manual::operations`] counters, log lines and what to do; [`manual::figures`] what it costs.
//!
//! # Where to change what
//!
//! - a new signature algorithm: one row in `jose::algorithm`, one arm in `jose::verify`
//! - a new way to ask an issuer: one file in `token::introspection`
//! - a new requirement of a rule: `policy::requirement`, and its key in `config`
//! - a new reason or status: `token::fault` or `policy::denial`, and its row in `gate::refuse`

pub mod base;
pub mod config;
pub mod document;
pub mod filter;
pub mod gate;
pub mod http;
pub mod jose;
pub mod manual;
pub mod policy;
pub mod token;
#[cfg(not(target_arch = "wasm32"))]
pub mod tool;
