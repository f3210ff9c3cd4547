"""The suites, one package each."""
