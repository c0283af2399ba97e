"""The page on which people work on one document together, and a reference for live clients."""
