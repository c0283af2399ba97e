"""Looking for garbage in cycles without a pause that everybody notices.

With thousands of connections open, a look at all objects takes a third of a second, in which nobody
is told anything. What has survived one such look is therefore left out of those that follow.
"""

import gc
import time
from typing import Any

WHOLE_EVERY = 3600
"""Seconds between two looks at everything, for cycles of what lived long."""
OLDEST = 2


def keep_looks_short() -> None:
    """From now on, in the whole process: for one that does nothing but serve."""
    gc.callbacks.append(_Looks())
    gc.collect()


class _Looks:
    """Told by the collector when it begins to look, and when it has ended."""

    def __init__(self) -> None:
        self._whole_at = time.monotonic()

    def __call__(self, phase: str, found: dict[str, Any]) -> None:
        if found["generation"] != OLDEST:
            return
        if phase == "stop":
            gc.freeze()
        elif time.monotonic() - self._whole_at > WHOLE_EVERY:
            self._whole_at = time.monotonic()
            gc.unfreeze()
