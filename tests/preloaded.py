"""The modules that are imported before servers are forked: `tests/forked.py`."""

import gc

import graph.app
import graph.commands.server

__all__ = ["graph"]

gc.collect()
gc.freeze()  # so that memory stays shared
