"""The API of the gateway, its server and its commands."""

VERSION = "0.1.0"
"""The version in pyproject.toml, which is not there where only the source was copied."""
