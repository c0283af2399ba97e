"""Read, check, run and answer an operation, for every transport."""
