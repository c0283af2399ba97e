"""An organization's rule that its members have a second factor, and who lacks one."""

from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

import strawberry

from auth.accounts import keys, second_factor
from auth.viewer import Role
from db.core import organizations as db
from db.problem import Problem
from graph.core.membership import require_rank
from graph.core.organizations import Organization, OrganizationMember
from graph.kit.connection import After, Before, Connection, First, Last
from graph.kit.context import Info
from graph.kit.fields import Id, computed, extend_type
from graph.kit.in_memory import keys_of, page_of
from graph.kit.mutations import ExpectedVersion, mutation, writing
from graph.kit.payloads import answer, payload_of

MAX_LISTED = 20_000
"""The number of members without a second factor that are listed, at most."""
BY_ID = keys_of(id=UUID)


@strawberry.type(description="A member of an organization who has no second factor.")
class MemberWithoutSecondFactor:
    id: UUID = strawberry.field(description="The ID of the membership.")

    @strawberry.field(description="The membership.")
    async def member(self, info: Info) -> OrganizationMember | None:
        return await info.context.one(db.OrganizationMember, self.id)  # type: ignore[return-value]


async def _members_without_second_factor(
    root: strawberry.Parent[Any],
    info: Info,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> Connection[MemberWithoutSecondFactor] | None:
    session, found = info.context.session, []
    if session.viewer.grants.get(root.id, Role.ANYONE) >= Role.ADMIN:
        found = await second_factor.lacking(session.database, root.id, MAX_LISTED)
    page = page_of(found, BY_ID, first, after, last, before)
    rows: list[Any] = [MemberWithoutSecondFactor(id=row.id) for row in page.rows]
    return Connection[MemberWithoutSecondFactor](page=replace(page, rows=rows))


extend_type(
    Organization,
    members_without_second_factor=computed(
        "id",
        text="The active members who have neither an authenticator app nor a passkey, without"
        f" service accounts; at most {MAX_LISTED:,}. Empty for viewers who are not administrators"
        " of the organization.",
    )(_members_without_second_factor),
)


async def organization_second_factor_require(
    info: Info,
    id: Id,
    expected_version: ExpectedVersion,
    required: Annotated[
        bool, strawberry.argument(description="Whether members need a second factor.")
    ],
) -> Any:
    session = info.context.session
    async with writing(info, None) as transaction:
        organization = await transaction.find(db.Organization, id)
        require_rank(transaction, organization.id, Role.OWNER)
        await keys.require_may_issue(session, transaction)
        if required and await second_factor.state(session.database, transaction.person) is None:
            message = "Turn your own second factor on first, or you would lose the organization."
            raise Problem("INVALID", message, field=["required"])
        transaction.change(organization, expected_version, second_factor_required=required)
    return answer(payload_of(Organization), organization)


@strawberry.type
class Mutation:
    organization_second_factor_require = mutation(
        organization_second_factor_require,
        payload_of(Organization),
        "Set whether members need a second factor. Those without one lose the organization until"
        " they turn one on; service accounts do not need one. Requires an owner who has a second"
        " factor, and the same authentication as `apiKeyCreate`.",
    )
