"""What is told of calls: the access log, the audit trail, traces, denials."""
