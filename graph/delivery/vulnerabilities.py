"""Vulnerabilities of projects, and the acceptance of their risks."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe

from auth.session import Transaction
from auth.viewer import Role
from db.core.people import Profile as ProfileRow
from db.core.projects import Project as ProjectRow
from db.delivery import security as db
from db.delivery.security import VulnerabilitySeverity, VulnerabilityStatus
from db.problem import Problem
from graph.core.organizations import Organization
from graph.core.people import Authored, Profile
from graph.core.projects import Project
from graph.delivery.references import references
from graph.delivery.states.steps import VULNERABILITY
from graph.kit.connection import connection
from graph.kit.context import Info
from graph.kit.enums import describe_enum
from graph.kit.fields import Id, by_id, computed, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.mutations import (
    ExpectedVersion,
    Input,
    create,
    delete,
    given,
    mutation,
    restore,
    update,
    writing,
)
from graph.kit.node import Node
from graph.kit.payloads import answer, payload_of

describe_enum(
    VulnerabilitySeverity,
    "The severity of a vulnerability, from lowest to highest.",
    {
        "LOW": "CVSS 0.1 to 3.9.",
        "MEDIUM": "CVSS 4.0 to 6.9.",
        "HIGH": "CVSS 7.0 to 8.9.",
        "CRITICAL": "CVSS 9.0 to 10.0.",
    },
)
describe_enum(
    VulnerabilityStatus,
    "The status of a vulnerability.",
    VULNERABILITY.described(
        {
            "OPEN": "Nobody has looked at the vulnerability.",
            "ACKNOWLEDGED": "The vulnerability is to be remediated.",
            "REMEDIATED": "The vulnerability is gone.",
            "FALSE_POSITIVE": "The product is not affected.",
            "ACCEPTED_RISK": "An administrator has accepted the risk until a date.",
        }
    ),
)


@strawberry.type(description="A vulnerability of a project.")
class Vulnerability(Authored, Node):
    model = db.Vulnerability

    cve_id: str | None = described("The ID of the CVE, such as `CVE-2021-44228`.")
    external_id: str | None = described(
        "The identifier by which scans recognize the vulnerability, unique within the project."
    )
    component: str | None = described("The component, such as `pkg:pypi/jinja2`, or the file.")
    title: str = described("The title of the vulnerability.")
    description: str | None = described("The description of the vulnerability.")
    severity: VulnerabilitySeverity = described("The severity of the vulnerability.")
    cvss_score: float | None = described("The CVSS score, from 0 to 10.")
    affected_version: str | None = described("The version of the component that is affected.")
    fixed_version: str | None = described("The version of the component that is not affected.")
    affected_components: list[str] = described("Further components that are affected.")
    status: VulnerabilityStatus = described("The status of the vulnerability.")
    discovered_at: datetime = described("The date and time when it was first reported.")
    acknowledged_at: datetime | None = described("The date and time when it was acknowledged.")
    remediated_at: datetime | None = described("The date and time when it was remediated.")
    remediation_notes: str | None = described("Notes about the remediation.")
    remediation_url: str | None = described("The http or https URL of instructions.")
    risk_accepted_until: date | None = described("The last day on which the risk is accepted.")
    risk_reason: str | None = described("The reason why the risk is accepted.")
    project_id: UUID = described("The ID of the project of the vulnerability.")
    project: Project | None = to_one(
        "project_id", ProjectRow, Project, "The project of the vulnerability."
    )
    assigned_to: Profile | None = to_one(
        "assigned_to", ProfileRow, Profile, "The user who remediates the vulnerability."
    )
    risk_accepted_by: Profile | None = to_one(
        "risk_accepted_by", ProfileRow, Profile, "The administrator who has accepted the risk."
    )

    @computed("status", text="The statuses that may follow the current one.")
    def next_statuses(root: strawberry.Parent[Any]) -> list[VulnerabilityStatus]:  # noqa: N805
        return VULNERABILITY.after(root.status)


VulnerabilityFilterInput = filter_input(
    Vulnerability,
    *("id", "project_id", "cve_id", "external_id", "component", "title", "severity"),
    *("cvss_score", "affected_components", "status", "assigned_to", "risk_accepted_until"),
    *("discovered_at", "remediated_at", "created_at", "updated_at"),
)
VulnerabilityOrderInput = order_input(
    Vulnerability, *("severity", "cvss_score", "status", "discovered_at", "created_at")
)


@input_for(Vulnerability, "A vulnerability to create in a project.")
class VulnerabilityCreateInput:
    project_id: UUID
    title: str
    severity: VulnerabilitySeverity
    cve_id: str | None = UNSET
    external_id: str | None = UNSET
    component: str | None = UNSET
    description: str | None = UNSET
    cvss_score: float | None = UNSET
    affected_version: str | None = UNSET
    fixed_version: str | None = UNSET
    affected_components: list[str] | None = UNSET
    assigned_to: UUID | None = strawberry.field(
        name="assignedToId", default=UNSET, description="The ID of the user who remediates it."
    )
    remediation_notes: str | None = UNSET
    remediation_url: str | None = UNSET


@input_for(Vulnerability, "The fields of a vulnerability to change.")
class VulnerabilityUpdateInput:
    title: Maybe[str]
    description: Maybe[str | None]
    severity: Maybe[VulnerabilitySeverity]
    cvss_score: Maybe[float | None]
    affected_version: Maybe[str | None]
    fixed_version: Maybe[str | None]
    affected_components: Maybe[list[str]]
    status: Maybe[VulnerabilityStatus]
    assigned_to: Maybe[UUID | None] = strawberry.field(
        name="assignedToId", description="The ID of the user who remediates it."
    )
    remediation_notes: Maybe[str | None]
    remediation_url: Maybe[str | None]


@strawberry.input(description="The acceptance of the risk of a vulnerability.")
class RiskAcceptInput:
    until: date = strawberry.field(
        description="The last day on which the risk is accepted, which is not past."
    )
    reason: str = strawberry.field(description="The reason, which is recorded.")


async def risk_accept(
    info: Info, id: Id, expected_version: ExpectedVersion, input: Input[RiskAcceptInput]
) -> Any:
    values = given(input)
    async with writing(info) as transaction:
        row = await transaction.find(db.Vulnerability, id)
        _require_administrator(transaction, row)
        if values["until"] < transaction.now.date():
            raise Problem("INVALID", "The date must not be past.", field=["until"])
        accepted: Any = {
            "status": VulnerabilityStatus.ACCEPTED_RISK,
            "risk_accepted_by": transaction.person,
            "risk_accepted_until": values["until"],
            "risk_reason": values["reason"],
        }
        transaction.change(row, expected_version, **accepted)
    return answer(payload_of(Vulnerability), row)


def _require_administrator(transaction: Transaction, row: db.Vulnerability) -> None:
    """Raise FORBIDDEN unless the viewer is an administrator of the project."""
    transaction.rights.require("update", row)
    if not transaction.rights.require_role(Role.ADMIN, row.organization_id, row.project_id):
        raise Problem("FORBIDDEN", "Only administrators can accept a risk.")


def _vulnerabilities(key: str | None, text: str) -> Any:
    return connection(
        db.Vulnerability,
        Vulnerability,
        VulnerabilityFilterInput,
        VulnerabilityOrderInput,
        text,
        key=key,
    )


extend_type(
    Project, vulnerabilities=_vulnerabilities("project_id", "The vulnerabilities of the project.")
)
extend_type(
    Organization,
    vulnerabilities=_vulnerabilities(
        "organization_id", "The vulnerabilities of the projects of the organization."
    ),
)


@strawberry.type
class Query:
    vulnerability = by_id(db.Vulnerability, Vulnerability, "Look up a vulnerability by its ID.")
    vulnerabilities = _vulnerabilities(None, "List vulnerabilities that the viewer can read.")


@strawberry.type
class Mutation:
    vulnerability_create = create(
        Vulnerability,
        VulnerabilityCreateInput,
        "Create a vulnerability in a project.",
        within=(ProjectRow, "project_id"),
        prepare=references({}, ("assigned_to",)),
    )
    vulnerability_update = update(
        Vulnerability,
        VulnerabilityUpdateInput,
        "Update a vulnerability.",
        prepare=references({}, ("assigned_to",)),
    )
    vulnerability_delete = delete(Vulnerability, "Delete a vulnerability. It can be restored.")
    vulnerability_restore = restore(Vulnerability, "Restore a deleted vulnerability.")
    vulnerability_risk_accept = mutation(
        risk_accept,
        payload_of(Vulnerability),
        "Accept the risk of a vulnerability until a date. Requires the role ADMIN.",
    )
