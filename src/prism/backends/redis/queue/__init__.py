"""Queue on Redis: its rules are scripts, one for each step."""
