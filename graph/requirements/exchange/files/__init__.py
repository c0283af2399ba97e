"""The bytes of files: from disk, archives, and URLs; XML that is safe to read."""
