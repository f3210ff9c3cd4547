"""The admin service: what an operator sees of a running gateway and does to it, on a port of its own."""
