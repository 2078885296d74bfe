//! See `scopegate_fuzz::introspection`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| scopegate_fuzz::introspection::run(input));
