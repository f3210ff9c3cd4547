"""Container roles (ADR-025): processes that move messages to and from a Prism queue, and that serve tables."""
