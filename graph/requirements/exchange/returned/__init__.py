"""Exports that come back, and are merged with what was changed meanwhile."""
