"""The acknowledgement of alerts by administrators: once, with a note, and recorded."""

from typing import Annotated, Any

import strawberry

from auth.session.write.db_errors import stale
from db.core import audit as db
from db.problem import Problem
from graph.kit.context import Info
from graph.kit.fields import Id
from graph.kit.mutations import ExpectedVersion, mutation, writing
from graph.kit.payloads import answer, payload_of
from graph.platform.audit.types import AuditAlert

Note = Annotated[
    str | None,
    strawberry.argument(
        description="What was found or done, in at most 500 characters, for the other"
        " administrators."
    ),
]


async def audit_alert_acknowledge(
    info: Info, id: Id, expected_version: ExpectedVersion, note: Note = None
) -> Any:
    async with writing(info, None) as transaction:
        alert = await transaction.find(db.AuditAlert, id)
        transaction.rights.require("update", alert)
        if alert.version != expected_version:
            raise stale(alert)
        if alert.acknowledged_at is not None:
            raise Problem("INVALID", "The alert has been acknowledged already.", field=["id"])
        transaction.change(
            alert,
            None,
            acknowledged_at=transaction.now,
            acknowledged_by=transaction.person,
            note=note,
        )
    return answer(payload_of(AuditAlert), alert)


@strawberry.type
class Mutation:
    audit_alert_acknowledge = mutation(
        audit_alert_acknowledge,
        payload_of(AuditAlert),
        "Acknowledge an alert: an administrator has looked at it. The alert stays in the list, with"
        " who acknowledged it and when. It cannot be acknowledged twice (`INVALID`). Requires an"
        " administrator of the organization. Recorded in the audit log.",
    )
