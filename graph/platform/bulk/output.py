"""The output of a bulk operation: lines of JSON, stored in files as they grow."""

import hashlib
import time
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from graph.kit.storage import Stored
from graph.platform.jobs.run import JobFailed, Run

FILE_BYTES = 8 * 2**20
"""Bytes after which a file is stored, and another one begun."""
FILE_SECONDS = 60.0
"""Seconds after which a file is stored whatever its size, so that little is done again."""
MAX_FILES = 200
"""Files of one job: about 1.6 GB."""
MEDIA_TYPE = "application/jsonl"


class Output:
    """Writes the lines of a job, and stores with each file the state from which it goes on.

    The files of an earlier attempt are kept; what it wrote after the last of them is written again.
    """

    def __init__(self, run: Run, name: str) -> None:
        earlier: Mapping[str, Any] = run.job.checkpoint or {}
        self._run, self._name = run, name
        self.files: list[dict[str, Any]] = [*earlier.get("files", ())]
        self.lines: int = earlier.get("lines", 0)
        self.errors: int = earlier.get("errors", 0)
        self.state: Mapping[str, Any] = earlier.get("state", {})
        """The state from which this attempt goes on."""
        self._buffer = bytearray()
        self._began = time.monotonic()

    async def write(self, values: Iterable[Any], state: Mapping[str, Any], errors: int = 0) -> None:
        """Write a line for each value. `state` is that after them. Raises JobFailed, LeaseLost."""
        for value in values:
            self._buffer += orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
            self.lines += 1
        self.errors += errors
        is_due = time.monotonic() - self._began > FILE_SECONDS
        if len(self._buffer) >= FILE_BYTES or (is_due and self._buffer):
            await self._store(state)

    async def end(self) -> Mapping[str, Any]:
        """Store what is left; return the result of the job."""
        if self._buffer:
            await self._store({})
        return {"lines": self.lines, "errors": self.errors, "files": self.files}

    async def _store(self, state: Mapping[str, Any]) -> None:
        if len(self.files) >= MAX_FILES:
            raise JobFailed(f"The result has more than {MAX_FILES} files. Ask for less at once.")
        content, number = bytes(self._buffer), len(self.files) + 1
        digest = hashlib.sha256(content).digest()
        name = f"{self._name}-{number}.jsonl"
        await self._run.storage.put(Stored(self._run.job.id, digest, name, MEDIA_TYPE), content)
        self.files.append(
            {"name": name, "mediaType": MEDIA_TYPE, "size": len(content), "sha256": digest.hex()}
        )
        self._buffer.clear()
        self._began = time.monotonic()
        counts = {"files": self.files, "lines": self.lines, "errors": self.errors}
        await self._run.checkpoint({**counts, "state": state})
