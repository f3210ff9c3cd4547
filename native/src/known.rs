//! What the wire's Python made of a header field, kept beside it: `prism/wire/grpc/fields.py` is the only reader.

use std::sync::{Arc, OnceLock};

use prism_wire_core::memo::Memo;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyString, PyTuple};

/// Kinds of field, as `fields.py` numbers them.
mod kind {
    pub const METHOD: u8 = 0;
    pub const SCHEME: u8 = 1;
    pub const PATH: u8 = 2;
    pub const AUTHORITY: u8 = 3;
    pub const CUSTOM: u8 = 5;
    pub const NOTHING: u8 = 7;
    pub const CONTENT_TYPE: u8 = 8;
    pub const TIMEOUT: u8 = 9;
    pub const ACCEPT_ENCODING: u8 = 11;
}

/// What a field is to the head of a plain call.
pub enum Meaning {
    Method,
    Scheme,
    Path(Py<PyString>),
    Authority,
    Custom(Py<PyTuple>),
    Nothing,
    Grpc,
    Timeout(Py<PyFloat>),
    AcceptEncoding(bool),
    /// No plain call has it.
    Unusual,
}

/// The objects that Python has of a field, each made once.
#[derive(Default)]
pub struct Shown {
    pair: OnceLock<Py<PyTuple>>,
    meaning: OnceLock<Meaning>,
}

pub type Field = prism_wire_core::hpack::Field<Shown>;

/// The field as `(name, value)`.
pub fn pair<'py>(py: Python<'py>, field: &Field) -> PyResult<Bound<'py, PyTuple>> {
    if let Some(made) = field.host.pair.get() {
        return Ok(made.bind(py).clone());
    }
    let made = PyTuple::new(
        py,
        [
            PyBytes::new(py, &field.name),
            PyBytes::new(py, &field.value),
        ],
    )?;
    Ok(field
        .host
        .pair
        .get_or_init(|| made.unbind())
        .bind(py)
        .clone())
}

/// Names of which values were read before, so that the next plain value need not be asked for.
pub struct Names {
    custom: Memo<Py<PyString>>,
}

impl Names {
    pub const fn new() -> Self {
        Names {
            custom: Memo::new(),
        }
    }

    /// What the field is, asked of `known` once.
    pub fn meaning<'field>(
        &mut self,
        py: Python<'_>,
        field: &'field Field,
        known: &Bound<'_, PyAny>,
    ) -> PyResult<&'field Meaning> {
        if let Some(made) = field.host.meaning.get() {
            return Ok(made);
        }
        let made = match self.plain(py, field)? {
            Some(made) => made,
            None => self.ask(py, field, known)?,
        };
        Ok(field.host.meaning.get_or_init(|| made))
    }

    /// A value that means itself, under a name that is the application's.
    fn plain(&self, py: Python<'_>, field: &Field) -> PyResult<Option<Meaning>> {
        let Some(key) = self.custom.get(&field.name) else {
            return Ok(None);
        };
        let value = &field.value;
        let edges = value.first() == Some(&b' ') || value.last() == Some(&b' ');
        if edges || !value.iter().all(|octet| (0x20..0x7F).contains(octet)) {
            return Ok(None);
        }
        let Ok(text) = std::str::from_utf8(value) else {
            return Ok(None);
        };
        let pair = PyTuple::new(py, [key.bind(py).clone(), PyString::new(py, text)])?;
        Ok(Some(Meaning::Custom(pair.unbind())))
    }

    fn ask(
        &mut self,
        py: Python<'_>,
        field: &Field,
        known: &Bound<'_, PyAny>,
    ) -> PyResult<Meaning> {
        let (kind, value): (u8, Bound<'_, PyAny>) = known.get_item(pair(py, field)?)?.extract()?;
        let made = read(kind, &value)?;
        if let Meaning::Custom(pair) = &made
            && !field.name.ends_with(b"-bin")
        {
            let key = pair.bind(py).get_item(0)?.cast_into::<PyString>()?.unbind();
            self.custom.keep(&field.name, Arc::new(key));
        }
        Ok(made)
    }
}

fn read(kind: u8, value: &Bound<'_, PyAny>) -> PyResult<Meaning> {
    Ok(match kind {
        kind::METHOD if value.extract::<&str>()? == "POST" => Meaning::Method,
        kind::SCHEME if value.len()? > 0 => Meaning::Scheme,
        kind::PATH if value.len()? > 0 => Meaning::Path(value.cast::<PyString>()?.clone().unbind()),
        kind::AUTHORITY => Meaning::Authority,
        kind::CUSTOM => Meaning::Custom(value.cast::<PyTuple>()?.clone().unbind()),
        kind::NOTHING => Meaning::Nothing,
        kind::CONTENT_TYPE if value.is_exact_instance_of::<PyBool>() => Meaning::Grpc,
        kind::TIMEOUT if value.extract::<f64>()? >= 0.0 => {
            Meaning::Timeout(value.cast::<PyFloat>()?.clone().unbind())
        }
        kind::ACCEPT_ENCODING => Meaning::AcceptEncoding(value.extract()?),
        _ => Meaning::Unusual,
    })
}
