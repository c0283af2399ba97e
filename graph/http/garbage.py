"""Looking for garbage in cycles without a pause that everybody notices.

With thousands of connections open, a look at all objects takes a third of a second, in which nobody
is told anything. What has survived one such look is therefore left out of those that follow.
"""

import asyncio
import gc
from typing import Any

WHOLE_EVERY = 3600
"""Seconds between two looks at everything, for cycles of what lived long."""
OLDEST = 2


async def keep_looks_short() -> None:
    """For ever; for a task that ends by being cancelled."""
    gc.callbacks.append(_leave_out)
    try:
        while True:
            gc.collect()
            await asyncio.sleep(WHOLE_EVERY)
            gc.unfreeze()
    finally:
        gc.callbacks.remove(_leave_out)


def _leave_out(phase: str, found: dict[str, Any]) -> None:
    if phase == "stop" and found["generation"] == OLDEST:
        gc.freeze()
