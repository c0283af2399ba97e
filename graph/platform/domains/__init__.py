"""The recurring verification of domains of organizations."""
