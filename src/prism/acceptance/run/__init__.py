"""What stands while tests run: gateways, plugins elsewhere, and the environment of one harness."""
