"""The HTTP endpoint to which build servers send reports."""
