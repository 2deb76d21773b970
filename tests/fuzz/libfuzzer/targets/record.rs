#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| relay_mcp_fuzz::record::check(bytes));
