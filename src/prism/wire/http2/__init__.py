"""One HTTP/2 connection, whichever side: frames, flow control, header blocks, and what a peer may cost."""
