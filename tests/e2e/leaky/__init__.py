"""A plugin that says its password wherever it can say anything; for tests of what keeps it inside."""
