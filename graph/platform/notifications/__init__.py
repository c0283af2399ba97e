"""Notifications by mail, at once and as a daily digest, and their retention."""
