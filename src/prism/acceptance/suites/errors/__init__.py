"""Errors: whatever goes wrong ends in the documented status, with a reason, an outcome and a sentence that helps."""
