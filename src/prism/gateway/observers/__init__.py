"""What observes calls: the access log, the audit trail, traces, denials."""
