"""Proposals of a language model for the wording of a requirement, which people accept or reject."""
