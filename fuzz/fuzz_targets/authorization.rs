//! See `scopegate_fuzz::authorization`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| scopegate_fuzz::authorization::run(input));
