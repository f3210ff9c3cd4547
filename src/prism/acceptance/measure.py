"""What a test measures, for the report."""

from collections.abc import Callable

Measure = Callable[[str, float], None]
"""Records a number under a name; nothing is asserted on it."""
