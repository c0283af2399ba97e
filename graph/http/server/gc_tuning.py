"""Settings of the garbage collector for a process that serves.

The objects of a request are freed when it ends, without the collector
(`graph.http.operation.release`), which is left for those of connections and libraries. Objects of
start-up, such as modules and the schema, live as long as the process, so they are frozen.
"""

import gc

YOUNG = 10_000
"""The threshold of the youngest generation, in objects: more than a large answer has at once, so
that a request's objects are not moved to an older one."""


def freeze_after_collect() -> None:
    """Freeze the objects of start-up and raise the threshold, in a process that only serves."""
    gc.collect()
    gc.freeze()
    _, *older = gc.get_threshold()
    gc.set_threshold(YOUNG, *older)
