"""Typed values in backends: which kinds a store keeps, and the text of lists, maps and types of their own."""
