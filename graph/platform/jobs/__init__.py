"""Background jobs: declare a kind, and enqueue it in the transaction that wants it.

SEND = Kind("reports.send", send)

async with writing(info) as transaction:
await SEND.enqueue(transaction, organization_id, {"report": str(report.id)})
"""

from graph.platform.jobs.kinds import Kind
from graph.platform.jobs.run import JobFailed, LeaseLost, Run

__all__ = ["JobFailed", "Kind", "LeaseLost", "Run"]
