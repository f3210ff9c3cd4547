//! The Huffman code of RFC 7541, appendix B.

use prism_wire_core::huffman::decode;

fn text(coded: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    decode(coded, &mut text).then_some(text)
}

#[test]
fn the_examples_of_the_rfc() {
    let coded = [
        0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff,
    ];
    assert_eq!(text(&coded).unwrap(), b"www.example.com");
    assert_eq!(
        text(&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf]).unwrap(),
        b"no-cache"
    );
    assert_eq!(text(&[0x64, 0x02]).unwrap(), b"302");
    assert_eq!(text(&[]).unwrap(), b"");
}

#[test]
fn the_longest_codes() {
    assert_eq!(text(&[0xff, 0xff, 0xff, 0xf3]).unwrap(), b"\n"); // 30 bits, and two of padding
    assert_eq!(text(&[0xff, 0xff, 0xff, 0xfb]).unwrap(), b"\x16");
}

#[test]
fn padding_is_at_most_seven_ones() {
    assert_eq!(text(&[0x07]).unwrap(), b"0");
    assert_eq!(text(&[0x00]), None); // '0', and three bits that are not ones
    assert_eq!(text(&[0x07, 0xff]), None); // eleven bits
    assert_eq!(text(&[0xff]), None); // eight
    assert_eq!(text(&[0xff, 0xff, 0xff, 0xff]), None); // the end-of-string symbol
}
