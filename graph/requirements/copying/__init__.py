"""Copies of documents and projects, and templates to copy."""
