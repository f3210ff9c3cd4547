//! Runs of DATA in one read, begun at any octet, from any place in a message.

#![no_main]

use libfuzzer_sys::fuzz_target;
use prism_wire_core::messages::{Bounds, Place, Window, take};

fuzz_target!(|input: &[u8]| {
    let Some((numbers, read)) = input.split_at_checked(12) else {
        return;
    };
    let number = |at: usize| usize::from(numbers[at]) << (numbers[11] & 7);
    let had = &read[..read.len().min(usize::from(numbers[0] & 7))];
    let Some(mut place) = Place::new(had, number(1), number(2), number(3)) else {
        return;
    };
    let mut at = had.len();
    while at < read.len() {
        let bounds = Bounds {
            frames: usize::from(numbers[4]),
            frame: number(5),
            message: number(6),
            messages: usize::from(numbers[7]),
            room: number(8),
            window: Window {
                left: number(9),
                target: number(10),
            },
        };
        let before = place.clone();
        let run = take(read, at, u32::from(numbers[11] >> 3), &mut place, &bounds);
        assert!(run.frames <= bounds.frames && run.whole.len() <= bounds.messages);
        assert!(run.size <= bounds.room && run.size <= bounds.window.left);
        assert_eq!(run.end, at + run.size + 9 * run.frames);
        assert!(run.end <= read.len());
        if run.frames == 0 {
            assert_eq!(place, before);
            at += 1;
            continue;
        }
        let mut last = at;
        for piece in &run.pieces {
            assert!(piece.start >= last && piece.end > piece.start && piece.end <= run.end);
            last = piece.end;
        }
        let mut whole = 0;
        for up_to in &run.whole {
            assert!(*up_to >= whole && *up_to <= run.pieces.len());
            whole = *up_to;
        }
        assert!(place.missing <= bounds.message.max(number(2)));
        at = run.end;
    }
});
