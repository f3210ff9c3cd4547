"""The configuration as a user writes it: sections, references, secrets, access rules, and how it is loaded."""
