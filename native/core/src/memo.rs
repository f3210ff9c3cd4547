//! What literal fields were decoded to: what a good peer repeats is found by its octets.

use std::sync::Arc;

const SLOTS: usize = 64;
const MOST_OCTETS: usize = 16_384;
pub const LONGEST: usize = 2048;

struct Slot<F> {
    octets: Box<[u8]>,
    field: Arc<F>,
}

/// A field has one place, by its octets: another with the same takes it. Bounded in number and in octets.
pub struct Memo<F> {
    slots: Vec<Option<Slot<F>>>,
    octets: usize,
}

impl<F> Default for Memo<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F> Memo<F> {
    pub const fn new() -> Self {
        Memo {
            slots: Vec::new(),
            octets: 0,
        }
    }

    /// The field that these octets were decoded to.
    pub fn get(&self, octets: &[u8]) -> Option<&Arc<F>> {
        match self.slots.get(place(octets)) {
            Some(Some(slot)) if *slot.octets == *octets => Some(&slot.field),
            _ => None,
        }
    }

    pub fn keep(&mut self, octets: &[u8], field: Arc<F>) {
        if octets.len() > LONGEST {
            return;
        }
        if self.octets + octets.len() > MOST_OCTETS {
            self.slots.clear();
            self.octets = 0;
        }
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, || None);
        }
        self.octets += octets.len();
        let kept = Slot {
            octets: octets.into(),
            field,
        };
        if let Some(before) = self.slots[place(octets)].replace(kept) {
            self.octets -= before.octets.len();
        }
    }
}

/// Eight octets at a time, multiplied and folded: good enough to spread, and who makes all collide only gains misses.
fn place(octets: &[u8]) -> usize {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut hash = octets.len() as u64;
    let mut chunks = octets.chunks_exact(8);
    for chunk in &mut chunks {
        let word = u64::from_le_bytes(chunk.try_into().unwrap_or_default());
        hash = (hash.rotate_left(23) ^ word).wrapping_mul(FACTOR);
    }
    for octet in chunks.remainder() {
        hash = (hash.rotate_left(7) ^ u64::from(*octet)).wrapping_mul(FACTOR);
    }
    (hash >> 58) as usize
}
