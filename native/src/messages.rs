//! Runs of DATA frames of one stream in a read.

use std::ops::Range;

use prism_wire_core::messages::{self, Bounds, Place, Window};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

/// `(after, frames, size, messages, part, head, missing)`.
type Taken<'py> = (
    usize,
    usize,
    usize,
    Bound<'py, PyList>,
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
    usize,
);

/// The DATA frames of a stream that stand in a row in `read` from `at` on, as far as they only are to be taken: where they
/// end, how many, their octets, and of their messages those that became whole (the first without what has come of it
/// before), what there is of another, and what is known of that: octets of its head, or how many its body lacks.
#[pyfunction]
#[expect(clippy::too_many_arguments)] // plain numbers, in a call for every read
pub fn take_data<'py>(
    py: Python<'py>,
    read: &Bound<'py, PyBytes>,
    at: usize,
    stream_id: u32,
    place: (&[u8], usize, usize, usize),
    most: usize,
    largest_frame: usize,
    largest: usize,
    most_messages: usize,
    room: usize,
    window: usize,
    target: usize,
) -> PyResult<Option<Taken<'py>>> {
    let octets = read.as_bytes();
    let (head, partial, missing, held) = place;
    let bounds = Bounds {
        frames: most,
        frame: largest_frame,
        message: largest,
        messages: most_messages,
        room,
        window: Window {
            left: window,
            target,
        },
    };
    let Some(mut place) = Place::new(head, partial, missing, held) else {
        return Ok(None);
    };
    let run = messages::take(octets, at, stream_id, &mut place, &bounds);
    if run.frames == 0 {
        return Ok(None);
    }
    let whole = PyList::empty(py);
    let mut from = 0;
    for to in run.whole {
        whole.append(joined(py, octets, &run.pieces[from..to])?)?;
        from = to;
    }
    Ok(Some((
        run.end,
        run.frames,
        run.size,
        whole,
        joined(py, octets, &run.pieces[from..])?,
        PyBytes::new(py, place.head()),
        place.missing,
    )))
}

/// These pieces in a row, copied once.
fn joined<'py>(
    py: Python<'py>,
    octets: &[u8],
    pieces: &[Range<usize>],
) -> PyResult<Bound<'py, PyBytes>> {
    if let [piece] = pieces {
        return Ok(PyBytes::new(py, &octets[piece.clone()]));
    }
    let size = pieces.iter().map(Range::len).sum::<usize>();
    // `PyBytes::new_with` fills what it makes with zeros first, which takes half as long as to copy.
    // SAFETY: the object is new and nobody else's, and its `size` octets are all written before it is handed on: no piece
    // is longer than what is left, as they are what `size` is the sum of.
    unsafe {
        let made: Bound<'py, PyBytes> = Bound::from_owned_ptr_or_err(
            py,
            ffi::PyBytes_FromStringAndSize(std::ptr::null(), size as ffi::Py_ssize_t),
        )?
        .cast_into_unchecked();
        let mut to = ffi::PyBytes_AsString(made.as_ptr()).cast::<u8>();
        for piece in pieces {
            let piece = &octets[piece.clone()];
            std::ptr::copy_nonoverlapping(piece.as_ptr(), to, piece.len());
            to = to.add(piece.len());
        }
        Ok(made)
    }
}
