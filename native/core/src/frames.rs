//! Runs of whole unary requests and responses in a read: each in the plainest frames that there are.
//!
//! Whatever is not plain ends a run, and is read by the general way.

use std::ops::Range;

const HEAD: usize = 9;
const MESSAGE_HEAD: usize = 5;
pub(crate) const DATA: u8 = 0;
const HEADERS: u8 = 1;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

pub(crate) struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream_id: u32,
    pub content: Range<usize>,
}

/// The whole frame at `at`; None where the read ends before it does.
pub(crate) fn frame(read: &[u8], at: usize) -> Option<Frame> {
    let head = read.get(at..at + HEAD)?;
    let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
    let start = at + HEAD;
    if start + length > read.len() {
        return None;
    }
    let stream_id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7FFF_FFFF;
    Some(Frame {
        kind: head[3],
        flags: head[4],
        stream_id,
        content: start..start + length,
    })
}

/// The one message that a DATA frame is the whole of; `largest` is what the frame may hold.
fn message(read: &[u8], frame: &Frame, flags: u8, largest: usize) -> Option<Range<usize>> {
    let content = &frame.content;
    if frame.kind != DATA
        || frame.flags != flags
        || content.len() < MESSAGE_HEAD
        || content.len() > largest
    {
        return None;
    }
    let head = &read[content.start..content.start + MESSAGE_HEAD];
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    (head[0] == 0 && length == content.len() - MESSAGE_HEAD)
        .then(|| content.start + MESSAGE_HEAD..content.end)
}

/// A unary request in two frames.
pub struct Request {
    pub stream_id: u32,
    pub block: Range<usize>,
    pub message: Range<usize>,
    pub end: usize,
}

/// The request at `at`, if it opens the stream after `last_id` and is whole and plain.
pub fn request(
    read: &[u8],
    at: usize,
    last_id: u32,
    largest_frame: usize,
    largest: usize,
) -> Option<Request> {
    let head = frame(read, at)?;
    let follows =
        head.stream_id & 1 == 1 && head.stream_id > last_id && head.stream_id - last_id <= 2;
    if head.kind != HEADERS
        || head.flags != END_HEADERS
        || !follows
        || head.content.len() > largest_frame
    {
        return None;
    }
    let data = frame(read, head.content.end)?;
    if data.stream_id != head.stream_id {
        return None;
    }
    let message = message(read, &data, END_STREAM, largest)?;
    Some(Request {
        stream_id: head.stream_id,
        block: head.content,
        message,
        end: data.content.end,
    })
}

/// A unary response in three frames.
pub struct Response {
    pub stream_id: u32,
    pub message: Range<usize>,
    pub end: usize,
}

/// The response at `at`, if it is whole and has these very blocks for its head and its trailers.
pub fn response(
    read: &[u8],
    at: usize,
    head_block: &[u8],
    trailers_block: &[u8],
    largest: usize,
) -> Option<Response> {
    let head = frame(read, at)?;
    if head.kind != HEADERS
        || head.flags != END_HEADERS
        || read[head.content.clone()] != *head_block
    {
        return None;
    }
    let data = frame(read, head.content.end)?;
    let message = message(read, &data, 0, largest)?;
    let trailers = frame(read, data.content.end)?;
    let ends = trailers.kind == HEADERS && trailers.flags == END_HEADERS | END_STREAM;
    let same = data.stream_id == head.stream_id && trailers.stream_id == head.stream_id;
    if !ends || !same || read[trailers.content.clone()] != *trailers_block {
        return None;
    }
    Some(Response {
        stream_id: head.stream_id,
        message,
        end: trailers.content.end,
    })
}
