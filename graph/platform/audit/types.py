"""Alerts, verifications and legal holds in the API, for administrators of an organization."""

from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry

from db.core import audit as db
from db.core.organizations import Organization as OrganizationRow
from db.core.people import Profile as ProfileRow
from graph.core.organizations import Organization
from graph.core.people import Profile
from graph.kit.connection import connection
from graph.kit.fields import by_id, computed, described, extend_type, to_one
from graph.kit.inputs import filter_input, order_input
from graph.kit.node import Node
from graph.kit.scalars import BigInt


@strawberry.type(
    description="An alert: events of the audit log have met a rule of risk. It is raised within"
    " seconds, and once an hour for the same rule and user."
)
class AuditAlert(Node):
    model = db.AuditAlert

    indicator: str = described(
        "The rule that the events met, such as `rights_raised`: one of"
        " `AuditEvent.threatIndicators`."
    )
    level: str = described("The level of the alert: `low`, `medium`, `high` or `critical`.")
    event_id: UUID = described(
        "The ID of the first event that met the rule. Events outside of the organization, such as"
        " sign-ins of its members, are not in its audit log."
    )
    event_at: datetime = described("The date and time of the first event that met the rule.")
    event_count: int = described("The number of events that met the rule when it was raised.")
    actor: Profile | None = to_one(
        "actor_id",
        ProfileRow,
        Profile,
        "The user or service account that acted; null for the system, and for those who have left.",
    )
    organization: Organization | None = to_one(
        "organization_id", OrganizationRow, Organization, "The organization of the alert."
    )
    acknowledged_at: datetime | None = described(
        "The date and time when an administrator acknowledged the alert; null until then."
    )
    acknowledged_by: Profile | None = to_one(
        "acknowledged_by", ProfileRow, Profile, "The user who acknowledged the alert."
    )
    note: str | None = described("What was found or done, by the user who acknowledged the alert.")


@strawberry.type(
    description="The result of one verification of the audit log of an organization by the gateway."
)
class AuditVerification:
    id: UUID = described("The ID of the verification.")
    started_at: datetime = described("The date and time when the verification began.")
    created_at: datetime = described("The date and time when the verification ended.")
    event_count: BigInt = described(
        "The number of events that match their seals, including those in archives."
    )
    last_seq: BigInt = described("The number in the hash chain of the last event that matches.")
    fault: str | None = described(
        "The first fault, such as `Number 7 of the chain does not fit its seal.`; null if there is"
        " none."
    )

    @computed("head_hash", text="The hash of the last event that matches, in hexadecimal.")
    def head_hash(root: strawberry.Parent[Any]) -> str:  # noqa: N805
        return bytes(root.head_hash).hex()


@strawberry.type(
    description="A legal hold on an organization. While it has any, its audit log is not archived,"
    " and its deleted objects cannot be purged."
)
class LegalHold:
    id: UUID = described("The ID of the legal hold.")
    reason: str = described("The reason for the legal hold, such as the name of the case.")
    created_at: datetime = described("The date and time when the legal hold began.")


AuditAlertFilterInput = filter_input(
    AuditAlert,
    *("id", "indicator", "level", "actor_id", "event_at", "acknowledged_at", "created_at"),
)
AuditAlertOrderInput = order_input(AuditAlert, "level", "event_at", "created_at")
AuditVerificationFilterInput = filter_input(
    AuditVerification, "id", "created_at", "fault", model=db.AuditVerification
)
AuditVerificationOrderInput = order_input(AuditVerification, "created_at")
LegalHoldFilterInput = filter_input(LegalHold, "id", "reason", "created_at", model=db.LegalHold)
LegalHoldOrderInput = order_input(LegalHold, "created_at")

extend_type(
    Organization,
    audit_alerts=connection(
        db.AuditAlert,
        AuditAlert,
        AuditAlertFilterInput,
        AuditAlertOrderInput,
        "The alerts about the organization, by default the newest first. Only administrators of"
        " the organization see any.",
        key="organization_id",
        newest_first=True,
    ),
    audit_verifications=connection(
        db.AuditVerification,
        AuditVerification,
        AuditVerificationFilterInput,
        AuditVerificationOrderInput,
        "The results of the daily verifications of the audit log, by default the newest first."
        " Only administrators of the organization see any.",
        key="organization_id",
        newest_first=True,
    ),
    legal_holds=connection(
        db.LegalHold,
        LegalHold,
        LegalHoldFilterInput,
        LegalHoldOrderInput,
        "The legal holds on the organization, by default the newest first. The operator of the"
        " gateway places and releases them. Only administrators of the organization see any.",
        key="organization_id",
        newest_first=True,
    ),
)


@strawberry.type
class Query:
    audit_alert = by_id(db.AuditAlert, AuditAlert, "Look up an alert by its ID.")
