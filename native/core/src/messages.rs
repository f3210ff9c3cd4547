//! Runs of DATA frames of one stream in a read, taken apart into gRPC's messages.
//!
//! A run ends before the first frame that asks for more than to be taken: that is padded, empty or the last, that has
//! a message which is compressed or too large, or that brings a flow-control window to where it is to be refilled.

use std::ops::Range;

use crate::frames::{self, DATA};

const MESSAGE_HEAD: usize = 5;

/// Where a stream's messages are: what has come of a message's head, or how much its body still lacks; how long that is,
/// and the octets of whole messages that nobody has read yet, with their heads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    head: [u8; MESSAGE_HEAD],
    had: usize,
    pub missing: usize,
    length: usize,
    held: usize,
}

impl Place {
    /// None where this cannot be: a head that is whole is never kept, and none is begun while a body lacks something.
    pub fn new(head: &[u8], partial: usize, missing: usize, held: usize) -> Option<Self> {
        if head.len() >= MESSAGE_HEAD || (missing > 0 && !head.is_empty()) {
            return None;
        }
        let mut place = Place {
            missing,
            length: partial + missing,
            held,
            ..Place::default()
        };
        place.head[..head.len()].copy_from_slice(head);
        place.had = head.len();
        Some(place)
    }

    /// The octets of a head that has not come whole.
    pub fn head(&self) -> &[u8] {
        &self.head[..self.had]
    }
}

/// What ends a run.
pub struct Bounds {
    /// Frames.
    pub frames: usize,
    /// Octets of a frame's content.
    pub frame: usize,
    /// Octets of a message.
    pub message: usize,
    /// Messages that may become whole.
    pub messages: usize,
    /// Octets of DATA.
    pub room: usize,
    pub window: Window,
}

/// A stream's flow-control window: what the peer may send, and what it should be able to send.
pub struct Window {
    pub left: usize,
    pub target: usize,
}

impl Window {
    /// Whether it cannot take `size` octets, or is to be refilled once they have come, with so many held, and as many
    /// missing of the next message; as `Receiving.replenish` has it.
    fn ends(&self, size: usize, held: usize, missing: usize) -> bool {
        let Some(left) = self.left.checked_sub(size) else {
            return true;
        };
        if left > self.target.div_ceil(2) && left >= missing {
            return false;
        }
        let desired = self.target.saturating_sub(held).max(missing);
        desired >= left + self.target / 2 || (left < missing && missing <= desired)
    }
}

/// A run that was taken.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Where it ends, how many frames it was, and the octets of their content.
    pub end: usize,
    pub frames: usize,
    pub size: usize,
    /// Pieces of messages, in order; `whole` has for each message that became whole the number of pieces up to its end.
    pub pieces: Vec<Range<usize>>,
    pub whole: Vec<usize>,
}

/// Takes the DATA frames of a stream that stand in a row in `read` from `at` on.
pub fn take(read: &[u8], at: usize, stream_id: u32, place: &mut Place, bounds: &Bounds) -> Run {
    let mut run = Run {
        end: at,
        ..Run::default()
    };
    while run.frames < bounds.frames {
        let Some(frame) = frames::frame(read, run.end) else {
            break;
        };
        let length = frame.content.len();
        let size = run.size + length;
        if frame.kind != DATA
            || frame.flags != 0
            || frame.stream_id != stream_id
            || length == 0
            || length > bounds.frame
            || size > bounds.room
        {
            break;
        }
        let before = (place.clone(), run.pieces.len(), run.whole.len());
        let plain = take_frame(read, &frame.content, place, &mut run, bounds);
        if !plain || bounds.window.ends(size, place.held, place.missing) {
            *place = before.0;
            run.pieces.truncate(before.1);
            run.whole.truncate(before.2);
            break;
        }
        run.end = frame.content.end;
        run.frames += 1;
        run.size = size;
    }
    run
}

/// Takes the content of one frame; false where something in it is not plain.
fn take_frame(
    read: &[u8],
    content: &Range<usize>,
    place: &mut Place,
    run: &mut Run,
    bounds: &Bounds,
) -> bool {
    let mut start = content.start;
    while start < content.end {
        if place.missing == 0 {
            let taken = (MESSAGE_HEAD - place.had).min(content.end - start);
            place.head[place.had..place.had + taken].copy_from_slice(&read[start..start + taken]);
            place.had += taken;
            start += taken;
            if place.had < MESSAGE_HEAD {
                return true;
            }
            let [compressed, length @ ..] = place.head;
            let length = u32::from_be_bytes(length) as usize;
            if compressed != 0 || length > bounds.message {
                return false;
            }
            place.had = 0;
            place.missing = length;
            place.length = length;
        } else {
            let taken = place.missing.min(content.end - start);
            run.pieces.push(start..start + taken);
            place.missing -= taken;
            start += taken;
        }
        if place.missing == 0 {
            if run.whole.len() == bounds.messages {
                return false;
            }
            run.whole.push(run.pieces.len());
            place.held += MESSAGE_HEAD + place.length;
        }
    }
    true
}
