"""Tables that are there already, on a ClickHouse server: their types, and values on the way there and back."""
