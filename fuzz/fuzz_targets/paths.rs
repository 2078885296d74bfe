//! See `scopegate_fuzz::paths`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| scopegate_fuzz::paths::run(input));
