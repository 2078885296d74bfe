#![cfg(test)]
fn main() {}
