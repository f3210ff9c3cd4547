"""The hops that a call passes, one file each."""
