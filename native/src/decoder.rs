//! The decoder of header blocks, and of the heads of plain requests straight from their blocks.

use std::sync::{Arc, OnceLock};

use prism_wire_core::hpack::{self, Fault, Reading};
use prism_wire_core::{frames, huffman};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyList, PyMappingProxy, PyString, PyTuple, PyType};

use crate::known::{Field, Meaning, Names, Shown, pair};

const MEMO_ENTRIES: usize = 64;
const MEMO_OCTETS: usize = 8192;
const MEMO_MOST: usize = 2048;
const MEMO_SHORT: usize = 128; // up to here, octets are bounded by the number of entries alone

fn statics() -> Arc<[Arc<Field>]> {
    static STATICS: OnceLock<Arc<[Arc<Field>]>> = OnceLock::new();
    STATICS
        .get_or_init(hpack::Decoder::<Shown>::statics)
        .clone()
}

fn raise(py: Python<'_>, fault: &Fault, most: usize) -> PyErr {
    static MALFORMED: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static TOO_LARGE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let raised = match fault {
        Fault::Malformed(reason) => MALFORMED
            .import(py, "prism.wire.hpack.errors", "HpackError")
            .and_then(|kind| kind.call1((reason,))),
        Fault::TooLarge { size } => TOO_LARGE
            .import(py, "prism.wire.hpack.errors", "HeaderListTooLarge")
            .and_then(|kind| kind.call1((most, *size))),
    };
    raised.map_or_else(|error| error, |error| PyErr::from_value(error))
}

/// Decodes one whole string. Raises ValueError where no encoder may have made it.
#[pyfunction]
pub fn decode_huffman<'py>(py: Python<'py>, coded: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let mut text = Vec::new();
    if huffman::decode(coded, &mut text) {
        return Ok(PyBytes::new(py, &text));
    }
    Err(PyValueError::new_err(
        "HPACK: a Huffman-coded string of the peer does not end in at most seven padding bits, all ones",
    ))
}

/// What reads the heads of requests: the fields that Python knows, and what makes metadata of pairs.
struct Requests {
    known: Py<PyAny>,
    names: Names,
    metadata_of: Py<PyAny>,
    last: Vec<Py<PyTuple>>, // the custom fields of the last request, and the metadata that they are
    last_metadata: Option<Py<PyAny>>,
}

/// A block that `take_requests` has decoded, and left to the general way.
type Ahead = (Result<Reading, Fault>, Vec<Arc<Field>>);

/// Decodes the header blocks of one direction of one connection; `prism/wire/hpack/reference.py` says what each method is.
#[pyclass(module = "prism_native")]
pub struct Decoder {
    table: hpack::Decoder<Shown>,
    heads: Py<PyDict>,
    octets: usize,
    fields: Vec<Arc<Field>>,
    ahead: Option<Box<Ahead>>,
    requests: Option<Box<Requests>>,
    #[pyo3(get)]
    repeated: bool,
}

#[pymethods]
impl Decoder {
    #[new]
    #[pyo3(signature = (max_table_size = 4096, max_list_size = 16384))]
    fn new(py: Python<'_>, max_table_size: usize, max_list_size: usize) -> Self {
        Decoder {
            table: hpack::Decoder::new(statics(), max_table_size, max_list_size),
            heads: PyDict::new(py).unbind(),
            octets: 0,
            fields: Vec::new(),
            ahead: None,
            requests: None,
            repeated: false,
        }
    }

    #[getter]
    fn blocks<'py>(&self, py: Python<'py>) -> Bound<'py, PyMappingProxy> {
        PyMappingProxy::new(py, self.heads.bind(py).as_mapping())
    }

    fn set_max_table_size(&mut self, py: Python<'_>, size: usize) {
        if self.table.set_table_size(size) {
            self.forget(py);
        }
    }

    fn decode<'py>(
        &mut self,
        py: Python<'py>,
        block: &Bound<'py, PyBytes>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let octets = block.as_bytes();
        self.repeated = false;
        let reading = if let Some(ahead) = self.ahead.take() {
            self.fields = ahead.1;
            ahead.0
        } else {
            if let Some(known) = self.heads.bind(py).get_item(block)? {
                self.repeated = true;
                return Ok(known.cast_into::<PyTuple>()?);
            }
            self.fields.clear();
            self.table.decode(octets, &mut self.fields)
        };
        self.show(py, octets, reading)
    }

    /// Whose requests `request` and `take_requests` read: `known` reads fields, `metadata_of` makes metadata of pairs.
    fn read_requests(&mut self, known: Py<PyAny>, metadata_of: Py<PyAny>) {
        self.requests = Some(Box::new(Requests {
            known,
            names: Names::new(),
            metadata_of,
            last: Vec::new(),
            last_metadata: None,
        }));
    }

    /// The head of the plain request whose block this is, as `read_request` has it; None where it is not plain: then
    /// `decode` is to be asked for the same block.
    fn request<'py>(
        &mut self,
        py: Python<'py>,
        block: &Bound<'py, PyBytes>,
    ) -> PyResult<Option<Bound<'py, PyTuple>>> {
        match self.plain_request(py, block.as_bytes())? {
            None => Ok(None),
            Some((path, seconds, metadata, gzip)) => Ok(Some(
                (path, seconds, metadata, gzip, py.None()).into_pyobject(py)?,
            )),
        }
    }

    /// The plain unary requests that stand in a row in `read` from `at` on, `most` of them at most, and where they end:
    /// each `(stream_id, path, seconds, metadata, gzip, message)`.
    #[expect(clippy::too_many_arguments)] // plain numbers, in a call for every read
    fn take_requests<'py>(
        &mut self,
        py: Python<'py>,
        read: &Bound<'py, PyBytes>,
        at: usize,
        last_id: u32,
        most: usize,
        largest_frame: usize,
        largest: usize,
    ) -> PyResult<(usize, Bound<'py, PyList>)> {
        let octets = read.as_bytes();
        let (mut at, mut last_id) = (at, last_id);
        let taken = PyList::empty(py);
        for _ in 0..most {
            let Some(request) = frames::request(octets, at, last_id, largest_frame, largest) else {
                break;
            };
            let Some((path, seconds, metadata, gzip)) =
                self.plain_request(py, &octets[request.block.clone()])?
            else {
                break;
            };
            let message = PyBytes::new(py, &octets[request.message.clone()]);
            taken.append((request.stream_id, path, seconds, metadata, gzip, message))?;
            at = request.end;
            last_id = request.stream_id;
        }
        Ok((at, taken))
    }
}

type PlainHead = (Py<PyString>, Option<Py<PyAny>>, Py<PyAny>, bool);

impl Decoder {
    fn forget(&mut self, py: Python<'_>) {
        self.heads.bind(py).clear();
        self.octets = 0;
    }

    /// The fields of a block as Python has them, remembered for as long as they mean the same.
    fn show<'py>(
        &mut self,
        py: Python<'py>,
        block: &[u8],
        reading: Result<Reading, Fault>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let reading = match reading {
            Ok(reading) => reading,
            Err(fault) => {
                self.forget(py);
                return Err(raise(py, &fault, self.table.most()));
            }
        };
        let pairs = self
            .fields
            .iter()
            .map(|field| pair(py, field))
            .collect::<PyResult<Vec<_>>>()?;
        let whole = PyTuple::new(py, &pairs)?;
        if reading.changed {
            self.forget(py);
            return Ok(whole);
        }
        let (varies, steady) = reading.varies.unwrap_or((block.len(), pairs.len()));
        if varies > 0 {
            let head = if steady == pairs.len() {
                whole.clone()
            } else {
                PyTuple::new(py, &pairs[..steady])?
            };
            self.keep(py, &block[..varies], &head)?;
        }
        Ok(whole)
    }

    fn keep(&mut self, py: Python<'_>, key: &[u8], fields: &Bound<'_, PyTuple>) -> PyResult<()> {
        if key.len() > MEMO_MOST {
            return Ok(());
        }
        if self.octets + key.len() > MEMO_OCTETS || self.heads.bind(py).len() >= MEMO_ENTRIES {
            self.forget(py);
        }
        if key.len() > MEMO_SHORT {
            self.octets += key.len();
        }
        self.heads.bind(py).set_item(PyBytes::new(py, key), fields)
    }

    /// Decodes the block of a request; None where it is not plain, and is left in `ahead`.
    fn plain_request(&mut self, py: Python<'_>, block: &[u8]) -> PyResult<Option<PlainHead>> {
        if self.ahead.is_some() {
            return Ok(None);
        }
        self.fields.clear();
        let reading = self.table.decode(block, &mut self.fields);
        if reading.as_ref().is_ok_and(|reading| reading.changed) {
            self.forget(py);
        }
        if reading.is_ok()
            && let Some(requests) = &mut self.requests
            && let Some(head) = requests.read(py, &self.fields)?
        {
            return Ok(Some(head));
        }
        self.ahead = Some(Box::new((reading, std::mem::take(&mut self.fields))));
        Ok(None)
    }
}

impl Requests {
    /// What the fields say, where they are those of a plain call: `read_request` in `grpc/request_head.py`.
    fn read(&mut self, py: Python<'_>, fields: &[Arc<Field>]) -> PyResult<Option<PlainHead>> {
        let known = self.known.bind(py);
        let (mut path, mut seconds, mut gzip) = (None, None, false);
        let (mut method, mut scheme, mut authority, mut grpc, mut regular) =
            (false, false, false, false, false);
        let mut same = 0; // how many custom fields are those of the last request
        let mut custom: Option<Vec<Py<PyTuple>>> = None; // all of them, once one is not
        for field in fields {
            match self.names.meaning(py, field, known)? {
                Meaning::Path(text) if !regular && path.is_none() => path = Some(text),
                Meaning::Method if !regular && !method => method = true,
                Meaning::Scheme if !regular && !scheme => scheme = true,
                Meaning::Authority if !regular && !authority => authority = true,
                Meaning::Custom(value) => {
                    regular = true;
                    match &mut custom {
                        Some(custom) => custom.push(value.clone_ref(py)),
                        None if self.last.get(same).is_some_and(|last| last.is(value)) => same += 1,
                        None => {
                            let mut all: Vec<_> = self.last[..same]
                                .iter()
                                .map(|each| each.clone_ref(py))
                                .collect();
                            all.push(value.clone_ref(py));
                            custom = Some(all);
                        }
                    }
                }
                Meaning::Nothing => regular = true,
                Meaning::Grpc => (grpc, regular) = (true, true),
                Meaning::Timeout(value) => (seconds, regular) = (Some(value), true),
                Meaning::AcceptEncoding(value) => (gzip, regular) = (*value, true),
                _ => return Ok(None),
            }
        }
        let Some(path) = path else { return Ok(None) };
        if !(method && scheme && grpc) {
            return Ok(None);
        }
        let metadata = match (&self.last_metadata, custom) {
            (Some(metadata), None) if same == self.last.len() => metadata.clone_ref(py),
            (_, custom) => {
                if let Some(custom) = custom {
                    self.last = custom;
                } else {
                    self.last.truncate(same);
                }
                let made = self
                    .metadata_of
                    .call1(py, (PyTuple::new(py, &self.last)?,))?;
                self.last_metadata = Some(made.clone_ref(py));
                made
            }
        };
        Ok(Some((
            path.clone_ref(py),
            seconds.map(|value| value.clone_ref(py).into_any()),
            metadata,
            gzip,
        )))
    }
}
