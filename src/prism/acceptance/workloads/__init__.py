"""One module for each abstraction, with its `WORKLOAD`; see `prism.acceptance.workload`."""
