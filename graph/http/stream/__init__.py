"""Serve live results over WebSocket and server-sent events."""
