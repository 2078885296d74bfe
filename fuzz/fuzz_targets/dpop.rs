//! See `scopegate_fuzz::dpop`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| scopegate_fuzz::dpop::run(input));
