"""What stands between a call and a failing instance: breaker, retries, and who has which."""
