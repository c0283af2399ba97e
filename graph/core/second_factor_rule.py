"""An organization's rule that its members have a second factor."""

from typing import Annotated, Any

import strawberry

from auth.accounts import keys, second_factor
from auth.viewer import Role
from db.core import organizations as db
from db.problem import Problem
from graph.core.membership import require_rank
from graph.core.organizations import Organization
from graph.kit.context import Info
from graph.kit.fields import Id
from graph.kit.mutations import ExpectedVersion, mutation, writing
from graph.kit.payloads import answer, payload_of


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
