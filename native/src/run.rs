//! Runs of plain unary responses in a read.

use prism_wire_core::frames;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

/// The plain unary responses that stand in a row in `read` from `at` on, `most` of them at most, each with these very
/// blocks for its head and its trailers, and where they end: each `(stream_id, message)`.
#[pyfunction]
pub fn take_responses<'py>(
    py: Python<'py>,
    read: &Bound<'py, PyBytes>,
    at: usize,
    most: usize,
    head: &[u8],
    trailers: &[u8],
    largest: usize,
) -> PyResult<(usize, Bound<'py, PyList>)> {
    let octets = read.as_bytes();
    let mut at = at;
    let taken = PyList::empty(py);
    for _ in 0..most {
        let Some(response) = frames::response(octets, at, head, trailers, largest) else {
            break;
        };
        taken.append((
            response.stream_id,
            PyBytes::new(py, &octets[response.message.clone()]),
        ))?;
        at = response.end;
    }
    Ok((at, taken))
}
