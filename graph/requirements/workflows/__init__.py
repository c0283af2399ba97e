"""Workflows of projects: the changes of status that are allowed, and their enforcement."""
