"""Serve one operation a request over HTTP."""
