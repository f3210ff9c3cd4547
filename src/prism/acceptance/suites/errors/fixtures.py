"""What the tests of errors ask for: an abstraction to misuse, and a store of their own to break."""

from prism.acceptance.workload_fixtures import breakable, workload

__all__ = ["breakable", "workload"]
