"""The data path: a call from its arrival to the plugin that serves it, hop by hop."""
