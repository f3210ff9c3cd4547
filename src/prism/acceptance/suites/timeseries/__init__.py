"""TimeSeries: what docs/contract.md and timeseries.proto promise, on any plugin that serves it."""
