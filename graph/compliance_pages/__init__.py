"""Pages for people who assess documents for compliance, beneath /compliance."""
