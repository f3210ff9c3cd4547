"""HPACK (RFC 7541): header fields compressed and expanded."""
