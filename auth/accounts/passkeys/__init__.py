"""Passkeys of people (Web Authentication Level 3)."""
