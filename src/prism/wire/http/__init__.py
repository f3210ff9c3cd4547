"""Plain HTTP requests beside gRPC, over HTTP/2 and HTTP/1.1."""
