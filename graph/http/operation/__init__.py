"""Read, check, run and answer an operation, whatever transport brought it."""
