//! Decodes the Huffman-coded strings of header fields (RFC 7541, section 5.2 and appendix B), four bits at a time.

use std::sync::OnceLock;

/// The code is canonical: within a length, symbols count up; so the lengths say it all.
const SYMBOLS_BY_LENGTH: [(u32, &[u8]); 21] = [
    (5, b"012aceiost"),
    (6, b" %-./3456789=A_bdfghlmnpru"),
    (7, b":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"),
    (8, b"&*,;XZ"),
    (10, b"!\"()?"),
    (11, b"'+|"),
    (12, b"#>"),
    (13, b"\x00$@[]~"),
    (14, b"^}"),
    (15, b"<`{"),
    (19, b"\\\xc3\xd0"),
    (20, b"\x80\x82\x83\xa2\xb8\xc2\xe0\xe2"),
    (21, b"\x99\xa1\xa7\xac\xb0\xb1\xb3\xd1\xd8\xd9\xe3\xe5\xe6"),
    (22, b"\x81\x84\x85\x86\x88\x92\x9a\x9c\xa0\xa3\xa4\xa9\xaa\xad\xb2\xb5\xb9\xba\xbb\xbd\xbe\xc4\xc6\xe4\xe8\xe9"),
    (23, b"\x01\x87\x89\x8a\x8b\x8c\x8d\x8f\x93\x95\x96\x97\x98\x9b\x9d\x9e\xa5\xa6\xa8\xae\xaf\xb4\xb6\xb7\xbc\xbf\xc5\xe7\xef"),
    (24, b"\x09\x8e\x90\x91\x94\x9f\xab\xce\xd7\xe1\xec\xed"),
    (25, b"\xc7\xcf\xea\xeb"),
    (26, b"\xc0\xc1\xc8\xc9\xca\xcd\xd2\xd5\xda\xdb\xee\xf0\xf2\xf3\xff"),
    (27, b"\xcb\xcc\xd3\xd4\xd6\xdd\xde\xdf\xf1\xf4\xf5\xf6\xf7\xf8\xfa\xfb\xfc\xfd\xfe"),
    (28, b"\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f\x10\x11\x12\x13\x14\x15\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x7f\xdc\xf9"),
    (30, b"\x0a\x0d\x16"),
];

const END_OF_STRING_LENGTH: u32 = 30;
const MISSING: u16 = u16::MAX;

/// What four more bits lead to from a place in the code tree.
#[derive(Clone, Copy)]
struct Step {
    next: u16,
    symbol: u8,
    emits: bool,
    fails: bool,
}

struct Machine {
    steps: Vec<[Step; 16]>,
    may_end: Vec<bool>,
}

/// A node of the code tree: its children, each a node, or a symbol beyond all nodes.
struct Tree {
    children: Vec<[u16; 2]>,
}

const FIRST_SYMBOL: u16 = 1 << 10;
const END_OF_STRING: u16 = FIRST_SYMBOL + 256;

impl Tree {
    fn new() -> Self {
        let mut tree = Tree {
            children: vec![[MISSING; 2]],
        };
        let (mut code, mut before) = (0u32, SYMBOLS_BY_LENGTH[0].0);
        for (length, symbols) in SYMBOLS_BY_LENGTH {
            code <<= length - before;
            before = length;
            for symbol in symbols {
                tree.insert(code, length, FIRST_SYMBOL + u16::from(*symbol));
                code += 1;
            }
        }
        tree.insert(
            (1 << END_OF_STRING_LENGTH) - 1,
            END_OF_STRING_LENGTH,
            END_OF_STRING,
        );
        tree
    }

    fn insert(&mut self, code: u32, length: u32, leaf: u16) {
        let mut node = 0;
        for shift in (1..length).rev() {
            let bit = (code >> shift & 1) as usize;
            let child = self.children[node][bit];
            node = if child == MISSING {
                self.children.push([MISSING; 2]);
                let made = self.children.len() - 1;
                self.children[node][bit] = made as u16;
                made
            } else {
                usize::from(child)
            };
        }
        self.children[node][(code & 1) as usize] = leaf;
    }

    fn step(&self, from: usize, nibble: usize) -> Step {
        let mut step = Step {
            next: 0,
            symbol: 0,
            emits: false,
            fails: false,
        };
        let mut node = from;
        for shift in (0..4).rev() {
            let child = self.children[node][nibble >> shift & 1];
            if child < FIRST_SYMBOL {
                node = usize::from(child);
            } else if child < END_OF_STRING {
                step.symbol = (child - FIRST_SYMBOL) as u8;
                step.emits = true;
                node = 0;
            } else {
                step.fails = true;
                return step;
            }
        }
        step.next = node as u16;
        step
    }
}

impl Machine {
    fn new() -> Self {
        let tree = Tree::new();
        let steps = (0..tree.children.len())
            .map(|from| std::array::from_fn(|nibble| tree.step(from, nibble)))
            .collect();
        let mut may_end = vec![false; tree.children.len()];
        let mut node = 0;
        for _ in 0..8 {
            may_end[node] = true; // up to seven bits of padding, all ones
            node = usize::from(tree.children[node][1]);
        }
        Machine { steps, may_end }
    }
}

/// Appends the text of a whole string; its length is at most 8/5 of the coded one.
///
/// Answers false where the padding is longer than seven bits or not all ones, or the end-of-string symbol occurs.
pub fn decode(coded: &[u8], text: &mut Vec<u8>) -> bool {
    static MACHINE: OnceLock<Machine> = OnceLock::new();
    let machine = MACHINE.get_or_init(Machine::new);
    let mut at = 0usize;
    text.reserve(coded.len() * 8 / 5);
    for octet in coded {
        for nibble in [octet >> 4, octet & 0x0F] {
            let step = machine.steps[at][usize::from(nibble)];
            if step.fails {
                return false;
            }
            if step.emits {
                text.push(step.symbol);
            }
            at = usize::from(step.next);
        }
    }
    machine.may_end[at]
}
