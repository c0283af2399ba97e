"""Settings of the garbage collector for a process that serves.

The objects of a request are freed when it ends, without the collector
(`graph.http.operation.release`), which is left for those of connections and libraries. Objects of
start-up, such as modules and the schema, live as long as the process, so they are frozen.
"""

import gc

YOUNG_GENERATION_SIZE = 50_000
"""The threshold of the youngest generation, in objects: more than the large answers have that are
built at once, so that their objects are not looked through before they are freed."""


def freeze_after_collect() -> None:
    """Freeze the objects of start-up and raise the threshold, in a process that only serves."""
    gc.collect()
    gc.freeze()
    _, *older = gc.get_threshold()
    gc.set_threshold(YOUNG_GENERATION_SIZE, *older)
