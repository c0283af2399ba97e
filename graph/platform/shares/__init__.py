"""Shares: secret addresses that each open one object of a product, read-only."""
