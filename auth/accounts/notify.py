"""Notifications to people of actions of others that concern them, and of what is due.

They are written in the transaction of the action, so that both are stored or neither is. Nobody is
notified of their own action. A title names nothing that its reader might not be allowed to see:
`entityId` in the metadata leads there, by their own rights.
"""

from datetime import UTC, datetime
from uuid import UUID

from auth.session import Transaction
from db.base import Entity
from db.core.notifications import Notification, NotificationKind, NotificationType

MAX_TITLE_LENGTH, MAX_MESSAGE_LENGTH = 500, 2000
KINDS = {
    "assigned": NotificationKind.ASSIGNMENTS,
    "due": NotificationKind.ASSIGNMENTS,
    "mentioned": NotificationKind.COMMENTS,
    "replied": NotificationKind.COMMENTS,
    "commented": NotificationKind.COMMENTS,
    "resolved": NotificationKind.COMMENTS,
    "review_asked": NotificationKind.REVIEWS,
    "review_due": NotificationKind.REVIEWS,
    "review_verdicts": NotificationKind.REVIEWS,
    "member_added": NotificationKind.ROLES,
    "role_granted": NotificationKind.ROLES,
    "role_changed": NotificationKind.ROLES,
    "role_revoked": NotificationKind.ROLES,
    "project_role_changed": NotificationKind.ROLES,
    "organization_transferred": NotificationKind.ROLES,
    "invitation_accepted": NotificationKind.ROLES,
    "invitation_declined": NotificationKind.ROLES,
    "domain_joined": NotificationKind.ROLES,
    "domain_join_asked": NotificationKind.ROLES,
    "domain_join_approved": NotificationKind.ROLES,
    "domain_lapsed": NotificationKind.SECURITY,
    "access_review_asked": NotificationKind.REVIEWS,
    "access_review_due": NotificationKind.REVIEWS,
    "access_review_closed": NotificationKind.REVIEWS,
    "disabled": NotificationKind.SYSTEM,
    "payment_failed": NotificationKind.BILLING,
    "trial_ending": NotificationKind.BILLING,
    "subscription_ended": NotificationKind.BILLING,
    "subscription_paused": NotificationKind.BILLING,
    "limit_near": NotificationKind.BILLING,
    "limit_reached": NotificationKind.BILLING,
    "deployment_approved": NotificationKind.REVIEWS,
    "defect_opened": NotificationKind.ASSIGNMENTS,
    "defect_fails": NotificationKind.ASSIGNMENTS,
    "defect_passes": NotificationKind.ASSIGNMENTS,
    "audit_alert": NotificationKind.SECURITY,
    "device_signed_in": NotificationKind.SECURITY,
}
"""Every event, and the kind by which people choose whether and how they are notified of it."""
ALWAYS_TOLD = frozenset({"role_revoked"})
"""Events whose notification keeps its text for readers who cannot read its object any more.

That is what they say; their text names nothing of the object.
"""


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

    `event` is a name for programs, which front ends may translate for their users. It is one of
    `KINDS`; the preferences of the person for its kind apply.
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
    is_mailed: bool = False,
) -> None:
    """Notify the viewer of what has come about by itself, such as that something is due.

    With `is_mailed` they have a mail about it already.
    """
    person = transaction.person
    notice = _notice(person, type_, event, title, about, organization_id, project_id, message)
    notice.mailed_at = datetime.now(UTC) if is_mailed else None
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
        kind=KINDS[event],
        title=title[:MAX_TITLE_LENGTH],
        message=message[:MAX_MESSAGE_LENGTH] if message and message.strip() else None,
        metadata_={
            "event": event,
            "entityType": type(about).__name__,
            "entityId": str(about.id),
        },
    )
