"""Domains of organizations: created, verified by the DNS, changed and deleted by owners."""

from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry
from strawberry import Maybe

from auth.accounts import domains
from db.core import organizations as db
from db.core.domains import MAX_DOMAINS
from db.core.domains import OrganizationDomain as DomainRow
from db.core.organizations import UserRoleType as OrganizationRole
from db.problem import Problem
from graph.core.organizations import Organization
from graph.core.people import Authored
from graph.kit.connection import connection
from graph.kit.context import Info
from graph.kit.fields import Id, computed, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.mutations import Input, delete, given, mutation, update, writing
from graph.kit.node import Node
from graph.kit.payloads import answer, payload_of


@strawberry.type(
    description="A domain of email addresses. Once it is verified, users with a confirmed address"
    " at it join the organization automatically."
)
class OrganizationDomain(Authored, Node):
    model = DomainRow

    domain: str = described("The domain, in lower case; international domains in ASCII.")
    auto_join: bool = described("Whether users of the domain join the organization automatically.")
    auto_join_role: OrganizationRole = described(
        "The role of users who join automatically: `EDITOR`, `VIEWER`, `MEMBER` or `BILLING`."
    )
    verification_required: bool = described(
        "Whether an administrator has to approve users who join automatically. Until then, their"
        " membership is `PENDING`."
    )
    verified_at: datetime | None = described(
        "The date and time when the domain was verified; null if it is not verified."
    )
    checked_at: datetime | None = described(
        "The date and time when the TXT record was last looked up; null if it never was."
    )
    failing_since: datetime | None = described(
        "The date and time since when the TXT record of the verified domain is missing; null if it"
        " is not. The domain lapses after 7 days."
    )
    organization: Organization | None = to_one(
        "organization_id", db.Organization, Organization, "The organization of the domain."
    )

    @computed("domain", text="The name of the TXT record that verifies the domain.")
    def record_name(root: strawberry.Parent[Any]) -> str:  # noqa: N805
        return domains.record_name(root.domain)

    @computed("verification_token", text="The value of the TXT record that verifies the domain.")
    def record_value(root: strawberry.Parent[Any]) -> str:  # noqa: N805
        return domains.record_value(root.verification_token)


extend_type(
    Organization,
    domains=connection(
        DomainRow,
        OrganizationDomain,
        filter_input(OrganizationDomain, "id", "domain", "verified_at", "created_at"),
        order_input(OrganizationDomain, "domain", "created_at", "updated_at"),
        "The domains of the organization; empty for viewers who are not administrators.",
        key="organization_id",
    ),
)


@input_for(OrganizationDomain, "A domain to add to an organization.")
class OrganizationDomainCreateInput:
    organization_id: UUID
    domain: str
    auto_join: bool = True
    auto_join_role: OrganizationRole = OrganizationRole.MEMBER
    verification_required: bool = True


@input_for(OrganizationDomain, "The fields of a domain to change.")
class OrganizationDomainUpdateInput:
    auto_join: Maybe[bool]
    auto_join_role: Maybe[OrganizationRole]
    verification_required: Maybe[bool]


async def organization_domain_create(
    info: Info, input: Input[OrganizationDomainCreateInput]
) -> Any:
    values = given(input)
    values["domain"] = domains.as_domain(values["domain"], ("input", "domain"))
    async with writing(info) as transaction:
        organization = await transaction.find(
            db.Organization, values["organization_id"], field=["organization_id"]
        )
        row = DomainRow(**values, verification_token=domains.new_token())
        transaction.require_create(row)
        mine = DomainRow.organization_id == organization.id
        if len(await transaction.find_all(DomainRow, mine, lock=False)) >= MAX_DOMAINS:
            message = f"An organization has at most {MAX_DOMAINS} domains."
            raise Problem("INVALID", message, field=["organization_id"])
        transaction.add(row)
    return answer(payload_of(OrganizationDomain), row)


async def organization_domain_verify(info: Info, id: Id) -> Any:
    context, session = info.context, info.context.session
    async with writing(info, None) as transaction:
        seen = await transaction.find(DomainRow, id, lock=False)
        transaction.require_update(seen, {})
        domain, token, organization = seen.domain, seen.verification_token, seen.organization_id
    await domains.require_record(context.text_records, domain, token)
    await domains.release(
        session.database, context.text_records, domain, organization, session.origin
    )
    async with writing(info, None) as transaction:
        row = await transaction.find(DomainRow, id)
        verified_at = row.verified_at or transaction.now
        transaction.change(
            row, None, verified_at=verified_at, checked_at=transaction.now, failing_since=None
        )
    return answer(payload_of(OrganizationDomain), row)


@strawberry.type
class Mutation:
    organization_domain_create = mutation(
        organization_domain_create,
        payload_of(OrganizationDomain),
        "Add a domain to an organization. It has no effect until it is verified. Domains of public"
        " email providers are refused. Requires an owner.",
    )
    organization_domain_verify = mutation(
        organization_domain_verify,
        payload_of(OrganizationDomain),
        "Verify a domain by its TXT record. A domain that another organization has verified, and"
        " whose TXT record there is gone, moves to this organization. Requires an owner.",
    )
    organization_domain_update = update(
        OrganizationDomain, OrganizationDomainUpdateInput, "Update a domain. Requires an owner."
    )
    organization_domain_delete = delete(
        OrganizationDomain,
        "Remove a domain permanently. Nobody joins by it any more, and its members stay.",
    )
