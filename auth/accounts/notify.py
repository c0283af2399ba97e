"""Notifications to people of actions of others that concern them, and of what is due.

They are written in the transaction of the action, so that both are stored or neither is. Nobody is
notified of their own action. A title names nothing that its reader might not be allowed to see:
`entityId` in the metadata leads there, by their own rights.
"""

from uuid import UUID

from auth.session import Transaction
from db.base import Entity
from db.core.notifications import Notification, NotificationType

MAX_TITLE_LENGTH, MAX_MESSAGE_LENGTH = 500, 2000


def tell(
    transaction: Transaction,
    person: UUID | None,
    type_: NotificationType,
    event: str,
    title: str,
    about: Entity,
    *,
    organization_id: UUID,
    project_id: UUID | None = None,
    message: str | None = None,
) -> None:
    """Notify a person, if there is one, that `event` has happened to `about`.

    `event` is a name for programs, which front ends may translate for their users.
    """
    if person is None or person == transaction.viewer.id:
        return
    notice = _notice(person, type_, event, title, about, organization_id, project_id, message)
    transaction.tell(notice)


def remind(
    transaction: Transaction,
    type_: NotificationType,
    event: str,
    title: str,
    about: Entity,
    *,
    organization_id: UUID,
    project_id: UUID | None = None,
    message: str | None = None,
) -> None:
    """Notify the viewer of what has come about by itself, such as that something is due."""
    person = transaction.person
    notice = _notice(person, type_, event, title, about, organization_id, project_id, message)
    transaction.tell(notice, unprompted=True)


def _notice(
    person: UUID,
    type_: NotificationType,
    event: str,
    title: str,
    about: Entity,
    organization_id: UUID,
    project_id: UUID | None,
    message: str | None,
) -> Notification:
    return Notification(
        organization_id=organization_id,
        project_id=project_id,
        user_id=person,
        type=type_,
        title=title[:MAX_TITLE_LENGTH],
        message=message[:MAX_MESSAGE_LENGTH] if message and message.strip() else None,
        metadata_={
            "event": event,
            "entityType": type(about).__name__,
            "entityId": str(about.id),
        },
    )
