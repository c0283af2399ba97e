"""Find the viewer behind a request: cookies, tokens, keys and proofs, and their limits."""
