"""The placement `sidecar`: a process beside the gateway, started, limited, read and ended by it."""
