"""Users and groups of an organization as its identity provider sends them, by SCIM."""
