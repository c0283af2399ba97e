"""Printed documents: requirements with their tests, coverage and a signature page, to be read."""
