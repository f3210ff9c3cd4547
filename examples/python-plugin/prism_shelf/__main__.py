"""`python -m prism_shelf` serves the plugin in a process of its own."""

from prism.sdk import serve

serve("prism_shelf")
