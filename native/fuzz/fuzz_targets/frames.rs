//! Runs of requests and responses in one read; where no run begins, the next octet is tried.

#![no_main]

use libfuzzer_sys::fuzz_target;
use prism_wire_core::frames::{request, response};

const LARGEST: usize = 16_384;

fuzz_target!(|read: &[u8]| {
    let (mut at, mut last_id) = (0, 0);
    while at < read.len() {
        let Some(found) = request(read, at, last_id, LARGEST, LARGEST) else {
            at += 1;
            continue;
        };
        assert!(found.stream_id > last_id && found.stream_id & 1 == 1);
        assert_eq!(found.block.start, at + 9);
        assert_eq!(found.message.start, found.block.end + 9 + 5);
        assert_eq!(found.message.end, found.end);
        assert!(found.end <= read.len());
        (at, last_id) = (found.end, found.stream_id);
    }
    let (head, rest) = read.split_at(read.len().min(2));
    let mut at = 0;
    while at < rest.len() {
        let block = |length: u8| &rest[at..rest.len().min(at + usize::from(length & 7))];
        let Some((first, last)) = head.first().zip(head.last()) else {
            return;
        };
        let after_head = at + 9;
        let blocks = (rest.get(after_head..).unwrap_or_default(), block(*last));
        let head_block = &blocks.0[..blocks.0.len().min(usize::from(first & 7))];
        let Some(found) = response(rest, at, head_block, blocks.1, LARGEST) else {
            at += 1;
            continue;
        };
        assert!(found.message.start >= after_head && found.message.end <= found.end);
        assert!(found.end <= rest.len());
        at = found.end;
    }
});
