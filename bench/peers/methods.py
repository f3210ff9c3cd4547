"""The methods that every contestant serves. Real ones of the contract, so that a gateway may be among them."""

UNARY = "/prism.data.v1.KeyValue/Get"
STREAM = "/prism.data.v1.KeyValue/ScanStream"
LARGEST = 4 << 20
"""Most bytes of a message."""
