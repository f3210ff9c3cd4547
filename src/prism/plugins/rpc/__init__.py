"""Calls to a plugin that runs elsewhere, by prism.plugin.v1."""
