"""The lifecycle: initialise, health, shutdown, as every host of plugins relies on it."""
