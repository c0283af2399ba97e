"""The feed: the record of changes in one order, which readers follow and resume."""
