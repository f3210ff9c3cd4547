"""What every test may ask for."""

# The kit first: it says how grpcio treats a fork, which must come before anything imports grpcio.
pytest_plugins = [
    "prism.acceptance.pytest_plugin",
    "conformance.counts",
    "matrix",
    "missing",
    "programs",
    "scheduling",
    "servers",
]
