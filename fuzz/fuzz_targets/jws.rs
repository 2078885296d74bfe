//! See `scopegate_fuzz::jws`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| scopegate_fuzz::jws::run(input));
