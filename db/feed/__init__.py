"""The feed: the audit log in one order, which readers follow and resume."""
