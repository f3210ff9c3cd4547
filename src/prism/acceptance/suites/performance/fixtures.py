"""What the baseline asks for."""

from prism.acceptance.workload_fixtures import workload

__all__ = ["workload"]
