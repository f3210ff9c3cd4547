"""The suite as the harness finds it."""

from prism.acceptance.suite import Suite

SUITE = Suite("timeseries", "TimeSeries", interface="timeseries")
