"""The modules that a process imports from which servers are forked.

Nothing here opens a connection or starts a thread, so that the process can be forked at any time.
"""

import gc

import graph.app
import graph.commands.server

__all__ = ["graph"]

gc.collect()
gc.freeze()  # a collection writes to every object that it looks at, and what is written is copied
