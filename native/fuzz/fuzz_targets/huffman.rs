//! One Huffman-coded string.

#![no_main]

use libfuzzer_sys::fuzz_target;
use prism_wire_core::huffman::decode;

fuzz_target!(|data: &[u8]| {
    let mut text = Vec::new();
    decode(data, &mut text);
    assert!(text.len() <= data.len() * 8 / 5);
});
