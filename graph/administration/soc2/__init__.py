"""The SOC 2 report of an organization as a file."""
