"""What the tests of concurrency ask for: the abstraction that they are about."""

from prism.acceptance.workload_fixtures import workload

__all__ = ["workload"]
