"""The six cases of RFC-008's authentication suite, the same for every plugin."""
