//! See `scopegate_fuzz::rsa`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| scopegate_fuzz::rsa::run(input));
