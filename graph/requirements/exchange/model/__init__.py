"""The exchange model, which all formats read and write."""
