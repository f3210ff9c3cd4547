"""What the backend asks of JetStream: its API, publishes that it confirms, pulls; names of streams and consumers."""
