"""Services that all products share: background jobs and the storage of files."""
