"""What gRPC says over HTTP/2: statuses, metadata, deadlines, heads and messages."""
