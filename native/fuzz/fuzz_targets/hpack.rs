//! Header blocks in a row, as `BothDecodersTarget` of tests/wire/fuzz reads them from an input.

#![no_main]

use libfuzzer_sys::fuzz_target;
use prism_wire_core::hpack::{Decoder, Fault};

const LIST_SIZES: [usize; 4] = [3000, 200, 16_384, 64];
const TABLE_SIZES: [usize; 6] = [0, 31, 64, 100, 4096, 8192];

fuzz_target!(|data: &[u8]| {
    let Some((options, mut rest)) = data.split_first() else {
        return;
    };
    let most = LIST_SIZES[usize::from(options >> 1 & 3)];
    let mut decoder = Decoder::<()>::new(Decoder::<()>::statics(), 4096, most);
    while let Some((length, after)) = rest.split_first() {
        if *length == 255 {
            let size = after.first().copied().unwrap_or_default();
            decoder.set_table_size(TABLE_SIZES[usize::from(size) % TABLE_SIZES.len()]);
            rest = after.get(1..).unwrap_or_default();
            continue;
        }
        let (block, after) = after.split_at(after.len().min(usize::from(*length)));
        rest = after;
        for _ in 0..1 + (options & 1) {
            let mut fields = Vec::new();
            match decoder.decode(block, &mut fields) {
                Ok(reading) => {
                    let octets = |octets: &[u8]| octets.len();
                    let size: usize = fields
                        .iter()
                        .map(|field| octets(&field.name) + octets(&field.value) + 32)
                        .sum();
                    assert!(size <= most);
                    if let Some((at, before)) = reading.varies {
                        assert!(at < block.len() && before < fields.len());
                    }
                }
                Err(Fault::TooLarge { size }) => assert!(size > most && fields.is_empty()),
                Err(Fault::Malformed(_)) => return,
            }
        }
    }
});
