//! The parts of Prism's wire that are worth native code, free of Python.
//!
//! The Python beside it (`prism/wire`) is the reference: what this reads, refuses and bounds is what that does.

pub mod frames;
pub mod hpack;
pub mod huffman;
pub mod memo;
pub mod messages;
mod static_table;
