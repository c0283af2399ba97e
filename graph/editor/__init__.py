"""The page for editing one document together, which is also a reference for live clients."""
