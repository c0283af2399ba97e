"""Write rows as a viewer: look up, authorize, merge, flush, record."""
