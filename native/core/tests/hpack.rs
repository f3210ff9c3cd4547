//! The decoder on the examples of RFC 7541, appendix C, and on what must be refused.

use std::sync::Arc;

use prism_wire_core::hpack::{Decoder, Fault, Field};

type Fields = Vec<(String, String)>;

fn decoder(table_size: usize, list_size: usize) -> Decoder<()> {
    Decoder::new(Decoder::<()>::statics(), table_size, list_size)
}

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .bytes()
        .filter(|digit| !digit.is_ascii_whitespace())
        .collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn shown(fields: &[Arc<Field<()>>]) -> Fields {
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
    fields
        .iter()
        .map(|field| (text(&field.name), text(&field.value)))
        .collect()
}

fn decode(decoder: &mut Decoder<()>, block: &[u8]) -> Result<Fields, Fault> {
    let mut fields = Vec::new();
    decoder.decode(block, &mut fields)?;
    Ok(shown(&fields))
}

fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn assert_malformed(decoder: &mut Decoder<()>, block: &[u8], gist: &str) {
    match decode(decoder, block) {
        Err(Fault::Malformed(reason)) => assert!(reason.contains(gist), "{reason}"),
        other => panic!("{block:02x?}: {other:?}"),
    }
}

/// Appendix C.3, and C.4: the same with Huffman code.
#[test]
fn requests_with_and_without_huffman_code() {
    let plain = [
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ];
    let coded = [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ];
    let authority = (":authority", "www.example.com");
    let get = (":method", "GET");
    let begin = [get, (":scheme", "http"), (":path", "/"), authority];
    for blocks in [plain, coded] {
        let mut decoder = decoder(4096, 16_384);
        let mut next = |block: &str| decode(&mut decoder, &octets(block)).unwrap();
        assert_eq!(next(blocks[0]), fields(&begin));
        let second = [begin.as_slice(), &[("cache-control", "no-cache")]].concat();
        assert_eq!(next(blocks[1]), fields(&second));
        let path = (":path", "/index.html");
        let custom = ("custom-key", "custom-value");
        let third = [get, (":scheme", "https"), path, authority, custom];
        assert_eq!(next(blocks[2]), fields(&third));
    }
}

#[test]
fn responses_evict_from_a_small_table() {
    let mut decoder = decoder(256, 16_384);
    let block = octets(
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 \
         474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
    );
    let date = ("date", "Mon, 21 Oct 2013 20:13:21 GMT");
    let location = ("location", "https://www.example.com");
    let first = [
        (":status", "302"),
        ("cache-control", "private"),
        date,
        location,
    ];
    assert_eq!(decode(&mut decoder, &block).unwrap(), fields(&first));
    let block = octets("4803 3330 37c1 c0bf"); // its status evicts the first one
    let second = [
        (":status", "307"),
        ("cache-control", "private"),
        date,
        location,
    ];
    assert_eq!(decode(&mut decoder, &block).unwrap(), fields(&second));
    assert_malformed(&mut decoder, &[0xC2], "in neither table");
}

#[test]
fn what_is_malformed_is_refused() {
    for (block, gist) in [
        ("80", "index 0"),
        ("be", "in neither table"),
        ("ff", "cut short"),
        ("ffff ffff ffff ff01", "too long"),
        ("40", "cut short"),
        ("4001 61", "cut short"),
        ("4001 6105 61", "longer than the rest"),
        ("0001 6181 00", "seven padding bits"),
        ("8220", "index 0, or a table size update after a field"),
        ("3fe2 1f", "at most 4096"),
    ] {
        assert_malformed(&mut decoder(4096, 16_384), &octets(block), gist);
    }
}

#[test]
fn a_smaller_table_must_be_acknowledged_first() {
    let mut decoder = decoder(4096, 16_384);
    assert!(decoder.set_table_size(100));
    assert_malformed(&mut decoder, &[0x82], "to 100 bytes");
    assert_eq!(
        decode(&mut decoder, &octets("3f45 82")).unwrap(),
        fields(&[(":method", "GET")])
    );
    assert!(!decoder.set_table_size(4096));
}

#[test]
fn a_list_too_large_is_counted_whole_and_keeps_the_table_in_step() {
    let mut decoder = decoder(4096, 100);
    let block = [&octets("4001 6101 31")[..], &[0x82; 10]].concat();
    let size = 34 + 10 * (":method".len() + "GET".len() + 32);
    assert_eq!(decode(&mut decoder, &block), Err(Fault::TooLarge { size }));
    assert_eq!(
        decode(&mut decoder, &[0xBE]).unwrap(),
        fields(&[("a", "1")])
    );
}

#[test]
fn literals_that_refer_to_the_table_are_not_remembered() {
    let mut decoder = decoder(4096, 16_384);
    decode(&mut decoder, &octets("4001 6101 31")).unwrap();
    let block = octets("0f2f 0132"); // the name of index 62
    assert_eq!(decode(&mut decoder, &block).unwrap(), fields(&[("a", "2")]));
    decode(&mut decoder, &octets("4001 6201 31")).unwrap();
    assert_eq!(decode(&mut decoder, &block).unwrap(), fields(&[("b", "2")]));
}
