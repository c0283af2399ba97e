"""SCIM 2.0: identity providers provision users and groups of an organization (RFC 7643, 7644)."""
