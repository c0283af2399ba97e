"""Log the failures of a task that retries: one line for a series, not one for each attempt."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from db.problem import Problem
from db.sqlstates import problem_of

log = structlog.get_logger(__name__)


class Attempts:
    """The attempts of one task. A failure is logged, and again only after something else happened.

    What the database is to blame for, such as a standby that takes no writes, is a warning; any
    other failure is an error, with its traceback. The first success after it is logged, too.
    """

    def __init__(self, task: str) -> None:
        self._task = task
        self._reason: str | None = None

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Try once. No exception leaves the block."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 (it is logged, and the task goes on)
            self.failed(error)
        else:
            self.succeeded()

    def failed(self, error: Exception) -> None:
        """Log this failure, unless the attempt before has failed for the same reason."""
        problem = error if isinstance(error, Problem) else problem_of(error)
        reason = problem.message if problem else type(error).__name__
        if reason == self._reason:
            return
        self._reason = reason
        if problem:
            log.warning(self._task, failed=reason)
        else:
            log.error(self._task, failed=reason, exc_info=error)

    def succeeded(self) -> None:
        """Log that it works again, if it did not."""
        if self._reason is not None:
            self._reason = None
            log.info(self._task, works="again")
