"""The chain of hashes over the record of changes: made, verified, exported."""
