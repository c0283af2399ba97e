"""Doorstop: the reader and the writer of folders with YAML files."""
