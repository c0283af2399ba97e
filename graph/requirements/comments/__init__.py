"""Comments: threads about objects and spans of their texts, comments in them, and who is told."""
