//! See `scopegate_fuzz::gate`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| scopegate_fuzz::gate::run(input));
