"""Container roles (ADR-025): processes that move messages between a Prism queue and a broker."""
