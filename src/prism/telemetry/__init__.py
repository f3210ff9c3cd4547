"""What the gateway tells of itself: metrics, logs, and the probes port that serves them."""
