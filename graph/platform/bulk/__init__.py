"""Bulk operations: queries whose lists are read as a whole, and mutations fed from a file."""
