//! Runs of plain calls: what is taken, and what ends them.

use prism_wire_core::frames::{request, response};

fn frame(kind: u8, flags: u8, stream_id: u32, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    let head = [length[1], length[2], length[3], kind, flags];
    [&head, stream_id.to_be_bytes().as_slice(), content].concat()
}

fn message(octets: &[u8]) -> Vec<u8> {
    let length = u32::try_from(octets.len()).unwrap().to_be_bytes();
    [&[0], length.as_slice(), octets].concat()
}

fn call(stream_id: u32) -> Vec<u8> {
    [
        frame(1, 4, stream_id, b"block"),
        frame(0, 1, stream_id, &message(b"abc")),
    ]
    .concat()
}

fn reply(stream_id: u32) -> Vec<u8> {
    [
        frame(1, 4, stream_id, b"head"),
        frame(0, 0, stream_id, &message(b"abc")),
        frame(1, 5, stream_id, b"end"),
    ]
    .concat()
}

#[test]
fn requests_in_a_row() {
    let read = [call(1), call(3)].concat();
    let first = request(&read, 0, 0, 100, 100).unwrap();
    assert_eq!(
        (first.stream_id, &read[first.block], &read[first.message]),
        (1, &b"block"[..], &b"abc"[..])
    );
    let second = request(&read, first.end, 1, 100, 100).unwrap();
    assert_eq!((second.stream_id, second.end), (3, read.len()));
    assert!(request(&read, second.end, 3, 100, 100).is_none());
}

#[test]
fn a_request_that_is_not_whole_is_left() {
    let read = call(1);
    for end in 0..read.len() {
        assert!(request(&read[..end], 0, 0, 100, 100).is_none(), "{end}");
    }
}

#[test]
fn a_request_that_is_not_plain_is_left() {
    let two = |head: Vec<u8>, data: Vec<u8>| [head, data].concat();
    let (head, data) = (frame(1, 4, 1, b"block"), frame(0, 1, 1, &message(b"abc")));
    for read in [
        two(frame(1, 5, 1, b"block"), data.clone()), // no message
        two(frame(1, 0, 1, b"block"), data.clone()), // to be continued
        two(frame(1, 12, 1, b"block"), data.clone()), // padded
        two(frame(2, 4, 1, b"block"), data.clone()),
        two(head.clone(), frame(0, 0, 1, &message(b"abc"))), // more to come
        two(head.clone(), frame(0, 9, 1, &message(b"abc"))),
        two(head.clone(), frame(0, 1, 3, &message(b"abc"))), // of another stream
        two(head.clone(), frame(0, 1, 1, b"\x01\0\0\0\0")),  // compressed
        two(head.clone(), frame(0, 1, 1, b"\0\0\0\0\x01")),  // cut short
        two(head.clone(), frame(0, 1, 1, b"\0\0\0\0\0\0")),  // more than one
        two(head.clone(), frame(0, 1, 1, b"\0\0\0\0")),
    ] {
        assert!(request(&read, 0, 0, 100, 100).is_none(), "{read:02x?}");
    }
    let read = two(head, data);
    assert!(request(&read, 0, 1, 100, 100).is_none()); // an old stream
    assert!(request(&call(5), 0, 1, 100, 100).is_none()); // one is passed over
    assert!(request(&call(2), 0, 1, 100, 100).is_none()); // a server's stream
    assert!(request(&read, 0, 0, 4, 100).is_none()); // the block is too large
    assert!(request(&read, 0, 0, 100, 7).is_none()); // the message is
}

#[test]
fn responses_in_a_row() {
    let read = [reply(5), reply(3)].concat();
    let first = response(&read, 0, b"head", b"end", 100).unwrap();
    assert_eq!((first.stream_id, &read[first.message]), (5, &b"abc"[..]));
    let second = response(&read, first.end, b"head", b"end", 100).unwrap();
    assert_eq!((second.stream_id, second.end), (3, read.len()));
    for end in 0..first.end {
        assert!(response(&read[..end], 0, b"head", b"end", 100).is_none());
    }
    assert!(response(&read, 0, b"heap", b"end", 100).is_none());
    assert!(response(&read, 0, b"head", b"and", 100).is_none());
    assert!(response(&read, 0, b"head", b"end", 7).is_none());
}
