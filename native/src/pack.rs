//! The frames of a plain unary request or reply, as one piece.

use std::borrow::Cow;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

fn put_head(out: &mut [u8], length: usize, kind: u8, flags: u8, stream_id: u32) {
    out[..3].copy_from_slice(&(length as u32).to_be_bytes()[1..]);
    out[3] = kind;
    out[4] = flags;
    out[5..9].copy_from_slice(&stream_id.to_be_bytes());
}

struct Writer<'out> {
    out: &'out mut [u8],
    at: usize,
}

impl Writer<'_> {
    fn put(&mut self, octets: &[u8]) {
        self.out[self.at..self.at + octets.len()].copy_from_slice(octets);
        self.at += octets.len();
    }

    fn frame(&mut self, length: usize, kind: u8, flags: u8, stream_id: u32) {
        put_head(
            &mut self.out[self.at..self.at + 9],
            length,
            kind,
            flags,
            stream_id,
        );
        self.at += 9;
    }

    fn message(&mut self, message: &[u8], flags: u8, stream_id: u32) {
        self.frame(message.len() + 5, DATA, flags, stream_id);
        self.put(&[0]);
        self.put(&(message.len() as u32).to_be_bytes());
        self.put(message);
    }
}

/// Packs plain unary calls; `head` and `trailers` are the blocks of every reply.
#[pyclass(frozen, module = "prism_native")]
pub struct Packer {
    head: Box<[u8]>,
    trailers: Box<[u8]>,
}

#[pymethods]
impl Packer {
    #[new]
    fn new(head: &[u8], trailers: &[u8]) -> Self {
        Packer {
            head: head.into(),
            trailers: trailers.into(),
        }
    }

    /// HEADERS, DATA and trailers of the reply that is `message` and OK; it must fit into one DATA frame.
    fn reply<'py>(
        &self,
        py: Python<'py>,
        stream_id: u32,
        message: Cow<'_, [u8]>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let size = 3 * 9 + self.head.len() + 5 + message.len() + self.trailers.len();
        PyBytes::new_with(py, size, |out| {
            let mut writer = Writer { out, at: 0 };
            writer.frame(self.head.len(), HEADERS, END_HEADERS, stream_id);
            writer.put(&self.head);
            writer.message(&message, 0, stream_id);
            writer.frame(
                self.trailers.len(),
                HEADERS,
                END_HEADERS | END_STREAM,
                stream_id,
            );
            writer.put(&self.trailers);
            Ok(())
        })
    }
}

/// HEADERS and DATA of the request whose header block is these three parts in a row; each must fit into a frame.
#[pyfunction]
pub fn pack_request<'py>(
    py: Python<'py>,
    stream_id: u32,
    method: &[u8],
    timeout: &[u8],
    metadata: &[u8],
    message: Cow<'_, [u8]>,
) -> PyResult<Bound<'py, PyBytes>> {
    let block = method.len() + timeout.len() + metadata.len();
    PyBytes::new_with(py, 2 * 9 + block + 5 + message.len(), |out| {
        let mut writer = Writer { out, at: 0 };
        writer.frame(block, HEADERS, END_HEADERS, stream_id);
        writer.put(method);
        writer.put(timeout);
        writer.put(metadata);
        writer.message(&message, END_STREAM, stream_id);
        Ok(())
    })
}
