"""Edits of imported files: what differs, and files in which nothing else is changed."""
