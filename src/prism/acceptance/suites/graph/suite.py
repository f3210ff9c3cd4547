"""The suite as the harness finds it."""

from prism.acceptance.suite import Suite

SUITE = Suite("graph", "Graph", interface="graph")
