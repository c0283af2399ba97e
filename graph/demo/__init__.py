"""The demonstration: a requirement set written for it, and people in every role."""

from graph.demo.create import Account, create_demo

__all__ = ["Account", "create_demo"]
