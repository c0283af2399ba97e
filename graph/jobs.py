"""The kinds of jobs of all products, and the worker that runs them."""

from db.pool import Database
from graph.platform.jobs import upkeep
from graph.platform.jobs.metrics import JobMetrics
from graph.platform.jobs.worker import Worker

KINDS = (*upkeep.KINDS,)


def worker_of(database: Database, slots: int, metrics: JobMetrics | None = None) -> Worker:
    """Return the worker of one process, which runs this number of jobs at a time."""
    return Worker(database, KINDS, slots=slots, metrics=metrics)
