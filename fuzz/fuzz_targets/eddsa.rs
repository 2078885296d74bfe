//! See `scopegate_fuzz::eddsa`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| scopegate_fuzz::eddsa::run(input));
