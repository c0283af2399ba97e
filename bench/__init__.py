"""Measurements of the gateway, each beside a yardstick in the same run."""
