//! Runs of DATA: what is taken, and what ends them.

use prism_wire_core::messages::{Bounds, Place, Run, Window, take};

fn frame(kind: u8, flags: u8, stream_id: u32, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    let head = [length[1], length[2], length[3], kind, flags];
    [&head, stream_id.to_be_bytes().as_slice(), content].concat()
}

fn data(content: &[u8]) -> Vec<u8> {
    frame(0, 0, 1, content)
}

fn message(octets: &[u8]) -> Vec<u8> {
    let length = u32::try_from(octets.len()).unwrap().to_be_bytes();
    [&[0], length.as_slice(), octets].concat()
}

fn bounds() -> Bounds {
    Bounds {
        frames: 100,
        frame: 100,
        message: 100,
        messages: 100,
        room: 1000,
        window: Window {
            left: 1000,
            target: 1000,
        },
    }
}

fn fresh() -> Place {
    Place::new(b"", 0, 0, 0).unwrap()
}

fn messages(read: &[u8], run: &Run) -> Vec<Vec<u8>> {
    let mut from = 0;
    run.whole
        .iter()
        .map(|to| {
            let pieces = &run.pieces[from..*to];
            from = *to;
            pieces
                .iter()
                .flat_map(|each| &read[each.clone()])
                .copied()
                .collect()
        })
        .collect()
}

#[test]
fn messages_in_any_frames() {
    let said = [
        message(b"one"),
        message(b""),
        message(b"three"),
        message(b"four"),
    ]
    .concat();
    for size in 1..said.len() + 1 {
        let read: Vec<u8> = said.chunks(size).flat_map(data).collect();
        let mut place = fresh();
        let run = take(&read, 0, 1, &mut place, &bounds());
        assert_eq!((run.end, run.size), (read.len(), said.len()), "{size}");
        assert_eq!(run.frames, said.len().div_ceil(size));
        let expected: [&[u8]; 4] = [b"one", b"", b"three", b"four"];
        assert_eq!(messages(&read, &run), expected);
        assert_eq!((place.head(), place.missing), (&b""[..], 0));
    }
}

#[test]
fn a_run_goes_on_where_the_last_one_ended() {
    let said = [message(b"one"), message(b"three")].concat();
    for cut in 1..said.len() {
        let read = data(&said[..cut]);
        let mut place = fresh();
        let run = take(&read, 0, 1, &mut place, &bounds());
        let partial = run.pieces[run.whole.last().copied().unwrap_or(0)..]
            .iter()
            .map(|each| each.len())
            .sum();
        let mut place = Place::new(place.head(), partial, place.missing, 0).unwrap();
        let more = data(&said[cut..]);
        let rest = take(&more, 0, 1, &mut place, &bounds());
        assert_eq!(run.whole.len() + rest.whole.len(), 2, "{cut}");
        assert_eq!((place.head(), place.missing), (&b""[..], 0));
    }
    assert!(Place::new(b"12345", 0, 0, 0).is_none());
    assert!(Place::new(b"1", 0, 1, 0).is_none());
}

#[test]
fn what_is_not_plain_ends_a_run() {
    let plain = data(&message(b"abc"));
    for other in [
        frame(0, 1, 1, &message(b"abc")),   // the last
        frame(0, 8, 1, &message(b"abc")),   // padded
        frame(0, 0, 3, &message(b"abc")),   // of another stream
        frame(1, 4, 1, &message(b"abc")),   // no DATA
        frame(0, 0, 1, b""),                // empty
        frame(0, 0, 1, b"\x01\0\0\0\x01x"), // compressed
        frame(0, 0, 1, b"\x02\0\0\0\x01x"),
        frame(0, 0, 1, b"\0\0\0\0\x65"), // a message that is too large
        frame(0, 0, 1, &[0; 101]),       // a frame that is
        plain[..plain.len() - 1].to_vec(), // cut off
    ] {
        let read = [plain.as_slice(), &other].concat();
        let mut place = fresh();
        let run = take(&read, 0, 1, &mut place, &bounds());
        assert_eq!((run.end, run.frames), (plain.len(), 1), "{other:02x?}");
        assert_eq!(
            (run.pieces.len(), run.whole.len(), place.missing),
            (1, 1, 0)
        );
        assert_eq!(place.head(), b"");
    }
}

#[test]
fn bounds_end_a_run() {
    let read = [data(&message(b"abc")), data(&message(b"defg"))].concat();
    let taken = |bounds: Bounds| take(&read, 0, 1, &mut fresh(), &bounds).frames;
    assert_eq!(taken(bounds()), 2);
    assert_eq!(
        taken(Bounds {
            frames: 1,
            ..bounds()
        }),
        1
    );
    assert_eq!(
        taken(Bounds {
            messages: 1,
            ..bounds()
        }),
        1
    );
    assert_eq!(
        taken(Bounds {
            messages: 0,
            ..bounds()
        }),
        0
    );
    assert_eq!(
        taken(Bounds {
            frame: 8,
            ..bounds()
        }),
        1
    );
    assert_eq!(
        taken(Bounds {
            message: 3,
            ..bounds()
        }),
        1
    );
    assert_eq!(
        taken(Bounds {
            room: 16,
            ..bounds()
        }),
        1
    );
    assert_eq!(
        taken(Bounds {
            room: 17,
            ..bounds()
        }),
        2
    );
}

#[test]
fn a_window_that_is_to_be_refilled_ends_a_run() {
    let read = [data(&message(b"abc")), data(&message(b"defg"))].concat();
    let taken = |left, target, held| {
        let mut place = Place::new(b"", 0, 0, held).unwrap();
        let window = Window { left, target };
        take(&read, 0, 1, &mut place, &Bounds { window, ..bounds() }).frames
    };
    assert_eq!(taken(7, 7, 0), 0); // more than it has
    assert_eq!(taken(16, 16, 0), 1);
    assert_eq!(taken(17, 17, 0), 2); // used up, and held by messages that are not read: nothing may be refilled
    assert_eq!(taken(17, 40, 0), 0); // read before, and not refilled yet
    assert_eq!(taken(17, 40, 23), 2); // held
    let lacking = data(&[b"\0\0\0\0\x60", [b'x'; 20].as_slice()].concat());
    let window = Window {
        left: 90,
        target: 100,
    };
    let run = take(&lacking, 0, 1, &mut fresh(), &Bounds { window, ..bounds() });
    assert_eq!(run.frames, 0); // the message lacks more than the window has left
}
