"""Metrics, traces, logs and the audit trail; knows no gateway."""
