//! HPACK, the compression of header fields in HTTP/2 (RFC 7541): the decoder of one direction of one connection.
//!
//! `P` is what the host keeps beside each field, so that it makes its own objects of one once.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::huffman;
use crate::memo::Memo;
use crate::static_table::STATIC_TABLE;

const FIELD_OVERHEAD: usize = 32; // what a field counts beyond its octets: RFC 7541, 4.1, and RFC 9113, 6.5.2
const MOST_CONTINUATION: u32 = 5; // octets of an integer after its prefix: up to 35 bits

/// A header field.
pub struct Field<P> {
    pub name: Box<[u8]>,
    pub value: Box<[u8]>,
    pub host: P,
}

impl<P> Field<P> {
    fn count(&self) -> usize {
        self.name.len() + self.value.len() + FIELD_OVERHEAD
    }
}

/// Why a block cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It cannot be decoded: the connection must end.
    Malformed(String),
    /// Its fields count `size` bytes, which is over the limit; the table has followed the whole of it.
    TooLarge { size: usize },
}

/// How a block was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reading {
    /// It has changed the dynamic table.
    pub changed: bool,
    /// Where the first literal starts that was not known, and how many fields stand before it.
    pub varies: Option<(usize, usize)>,
}

fn malformed<T>(reason: &str) -> Result<T, Fault> {
    Err(Fault::Malformed(reason.to_owned()))
}

fn cut_short<T>() -> Result<T, Fault> {
    malformed(
        "HPACK: the peer's header block is cut short, or refers to a field that is in neither table",
    )
}

/// Decodes header blocks in the order they arrive. After `Malformed` it is of no more use.
pub struct Decoder<P> {
    statics: Arc<[Arc<Field<P>>]>,
    table: VecDeque<Arc<Field<P>>>,
    used: usize,
    capacity: usize,
    limit: usize,
    owed: Option<usize>, // the size that the next block must shrink the table to
    most: usize,
    literals: Memo<Field<P>>,
}

impl<P: Default> Decoder<P> {
    /// The fields that every decoder knows; to be shared by all of a process.
    pub fn statics() -> Arc<[Arc<Field<P>>]> {
        let made = |(name, value): &(&[u8], &[u8])| {
            Arc::new(Field {
                name: (*name).into(),
                value: (*value).into(),
                host: P::default(),
            })
        };
        STATIC_TABLE.iter().map(made).collect()
    }

    /// `table_size` limits the dynamic table, `list_size` a decoded list, both in octets as the RFCs count them.
    pub fn new(statics: Arc<[Arc<Field<P>>]>, table_size: usize, list_size: usize) -> Self {
        Decoder {
            statics,
            table: VecDeque::new(),
            used: 0,
            capacity: table_size,
            limit: table_size,
            owed: None,
            most: list_size,
            literals: Memo::new(),
        }
    }

    /// The limit of a list.
    pub fn most(&self) -> usize {
        self.most
    }

    /// Takes over our SETTINGS_HEADER_TABLE_SIZE when the peer acknowledges it; whether the next block must shrink
    /// the table (RFC 7541, section 4.2).
    pub fn set_table_size(&mut self, size: usize) -> bool {
        self.limit = size;
        let shrinks = size < self.capacity;
        if shrinks {
            self.owed = Some(self.owed.map_or(size, |owed| owed.min(size)));
        }
        shrinks
    }

    /// Appends the fields of a block to `fields`, which is empty.
    pub fn decode(
        &mut self,
        block: &[u8],
        fields: &mut Vec<Arc<Field<P>>>,
    ) -> Result<Reading, Fault> {
        let (mut at, end) = (0, block.len());
        let mut reading = Reading::default();
        let mut begun = false;
        let mut size = 0;
        if let Some(owed) = self.owed
            && block.first().is_none_or(|octet| octet & 0xE0 != 0x20)
        {
            return malformed(&format!(
                "HPACK: the peer's header block must begin by shrinking the dynamic table to {owed} bytes"
            ));
        }
        while at < end {
            let octet = block[at];
            let field = if octet > 0x80 {
                let index = integer(block, &mut at, 0x7F)?;
                self.indexed(index)?.clone()
            } else if octet & 0x40 != 0 || octet < 0x20 {
                let first = at;
                let (field, known) = self.literal(block, &mut at)?;
                if !known && reading.varies.is_none() {
                    reading.varies = Some((first, fields.len()));
                }
                if octet & 0x40 != 0 {
                    reading.changed = true;
                    self.insert(field.clone());
                }
                field
            } else if (0x20..0x40).contains(&octet) && !begun {
                self.resize(block, &mut at)?;
                reading.changed = true;
                continue;
            } else {
                return malformed(
                    "HPACK: the peer's header block holds index 0, or a table size update after a field",
                );
            };
            begun = true;
            size += field.count();
            if size > self.most {
                fields.clear(); // and its rest is read for the table alone
            } else {
                fields.push(field);
            }
        }
        if size > self.most {
            return Err(Fault::TooLarge { size });
        }
        Ok(reading)
    }

    fn indexed(&self, index: usize) -> Result<&Arc<Field<P>>, Fault> {
        let found = if index == 0 {
            None
        } else if index <= self.statics.len() {
            self.statics.get(index - 1)
        } else {
            self.table.get(index - self.statics.len() - 1)
        };
        found.map_or_else(cut_short, Ok)
    }

    /// The literal field at `at`, and whether it was known.
    fn literal(&mut self, block: &[u8], at: &mut usize) -> Result<(Arc<Field<P>>, bool), Fault> {
        let first = *at;
        let mask = if block[first] & 0x40 != 0 { 0x3F } else { 0x0F };
        let index = integer(block, at, mask)?;
        if index == 0 {
            skip_string(block, at)?;
        }
        let value_at = *at;
        let coded = block.get(value_at).is_some_and(|octet| *octet >= 0x80);
        let length = integer(block, at, 0x7F)?;
        let value_from = *at;
        *at += length;
        let Some(value) = block.get(value_from..*at) else {
            return malformed(
                "HPACK: a string in the peer's header block is longer than the rest of the block",
            );
        };
        let lasting = index <= self.statics.len(); // what an index of the dynamic table names moves
        let octets = &block[first..*at];
        if lasting && let Some(field) = self.literals.get(octets) {
            return Ok((field.clone(), true));
        }
        let name: Box<[u8]> = if index != 0 {
            self.indexed(index)?.name.clone()
        } else {
            let mut from = first + 1;
            let coded = block[from] >= 0x80;
            integer(block, &mut from, 0x7F)?;
            text(&block[from..value_at], coded)?
        };
        let field = Arc::new(Field {
            name,
            value: text(value, coded)?,
            host: P::default(),
        });
        if lasting {
            self.literals.keep(octets, field.clone());
        }
        Ok((field, false))
    }

    fn insert(&mut self, field: Arc<Field<P>>) {
        self.used += field.count();
        self.table.push_front(field);
        self.evict();
    }

    fn evict(&mut self) {
        while self.used > self.capacity
            && let Some(field) = self.table.pop_back()
        {
            self.used -= field.count();
        }
    }

    fn resize(&mut self, block: &[u8], at: &mut usize) -> Result<(), Fault> {
        let size = integer(block, at, 0x1F)?;
        let limit = self.owed.map_or(self.limit, |owed| owed.min(self.limit));
        if size > limit {
            return malformed(&format!(
                "HPACK: the peer set the dynamic table to {size} bytes, and at most {limit} are allowed at this point"
            ));
        }
        self.owed = None;
        self.capacity = size;
        self.evict();
        Ok(())
    }
}

/// The integer whose prefix fills the bits `mask` of the octet at `at` (RFC 7541, 5.1).
fn integer(block: &[u8], at: &mut usize, mask: u8) -> Result<usize, Fault> {
    let Some(octet) = block.get(*at) else {
        return cut_short();
    };
    *at += 1;
    let prefix = octet & mask;
    let mut value = usize::from(prefix);
    if prefix < mask {
        return Ok(value);
    }
    for shift in 0..MOST_CONTINUATION {
        let Some(octet) = block.get(*at) else {
            return cut_short();
        };
        *at += 1;
        value += usize::from(octet & 0x7F) << (7 * shift);
        if *octet < 0x80 {
            return Ok(value);
        }
    }
    malformed("HPACK: an integer in the peer's header block is too long")
}

fn skip_string(block: &[u8], at: &mut usize) -> Result<(), Fault> {
    let length = integer(block, at, 0x7F)?;
    *at += length;
    Ok(())
}

fn text(octets: &[u8], coded: bool) -> Result<Box<[u8]>, Fault> {
    if !coded {
        return Ok(octets.into());
    }
    let mut text = Vec::new();
    if huffman::decode(octets, &mut text) {
        Ok(text.into())
    } else {
        malformed(
            "HPACK: a Huffman-coded string of the peer does not end in at most seven padding bits, all ones",
        )
    }
}
