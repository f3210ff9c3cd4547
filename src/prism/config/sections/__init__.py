"""The sections of the configuration file: their options, defaults and bounds."""
