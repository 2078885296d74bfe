//! See `scopegate_fuzz::jwks`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| scopegate_fuzz::jwks::run(input));
