//! What `prism.wire` uses where it is installed, in place of the same in Python.

mod decoder;
mod known;
mod messages;
mod pack;
mod run;

use pyo3::prelude::*;

/// Changes when what Python expects of this module does; `prism/wire/native.py` names the one that it takes.
const INTERFACE: u32 = 2;

#[pymodule]
fn prism_native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("INTERFACE", INTERFACE)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<decoder::Decoder>()?;
    module.add_class::<pack::Packer>()?;
    module.add_function(wrap_pyfunction!(decoder::decode_huffman, module)?)?;
    module.add_function(wrap_pyfunction!(pack::pack_request, module)?)?;
    module.add_function(wrap_pyfunction!(messages::take_data, module)?)?;
    module.add_function(wrap_pyfunction!(run::take_responses, module)?)?;
    Ok(())
}
