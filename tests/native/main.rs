//! What needs nothing but the crate and its tool: policies, the engine, the skin, the command line, saved inputs.
#![cfg(test)]

mod config;
mod corpus;
mod dialects;
mod dpop;
mod examples;
mod gate;
mod quiet;
mod signed_answers;
mod skin;
mod tool;
