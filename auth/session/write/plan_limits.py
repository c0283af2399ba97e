"""The limits of an organization's plan, enforced also under concurrency.

Members, projects and the bytes of files are counted under the lock of the organization's row, in
the transaction that adds to them. Writing requests are counted in slots (`ctx.count_requests` in
the migrations), by the last statement of the transaction, so that no transaction that holds one
waits for anything.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    Date,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import array

from auth.policy import live
from auth.session.write.unit_of_work import UnitOfWork, state_of
from db.base import Entity
from db.core.files import StoredFile
from db.core.organizations import BillingPlan, Organization, OrganizationMember
from db.core.people import UserStatus
from db.core.plans import PLANS, limits_of, smaller
from db.core.projects import Project
from db.core.usage import UsageCounter
from db.problem import Problem

COUNTED = (OrganizationMember, Project, StoredFile)
IDS = bindparam("ids", type_=ARRAY(Uuid))


def reached(limit: str, current: int, maximum: int, refusal: type[Problem] = Problem) -> Problem:
    """Return the error of a write that would exceed a limit."""
    message = f"The organization's plan allows {maximum}, and {current} are used."
    return refusal("LIMIT_REACHED", message, limit=limit, current=current, maximum=maximum)


def most_members(plan: BillingPlan, own: int, agreed: Mapping[str, Any]) -> int:
    """Return the members that an organization may have: as agreed, or its own limit and its plan's.

    The smaller one holds of those two.
    """
    return int(agreed.get("members") or smaller(own, PLANS[plan].members) or own)


def most_requests(plan: BillingPlan, own: int, agreed: Mapping[str, Any]) -> int:
    """Return the writing requests that an organization may make in a month, likewise."""
    return int(agreed.get("monthly_requests") or smaller(own, PLANS[plan].monthly_requests) or own)


def require_seat(organization: Organization) -> None:
    """Raise LIMIT_REACHED when no seat is free now; the actual membership is counted again."""
    agreed = organization.usage_limits
    maximum = most_members(organization.billing_plan, organization.max_members, agreed)
    if organization.member_count >= maximum:
        raise reached("members", organization.member_count, maximum)


async def enforce(work: UnitOfWork, rows: Iterable[tuple[Entity, bool]]) -> None:
    """Raise LIMIT_REACHED when an organization would have too many members, projects or bytes.

    The rows are about to be sent; each comes with whether it is new.
    """
    counted_rows = [(row, is_new) for row, is_new in rows if isinstance(row, COUNTED)]
    members = _grown(counted_rows, OrganizationMember)
    projects = _grown(counted_rows, Project)
    stored = _stored(counted_rows)
    growing = sorted(members.keys() | projects.keys() | stored.keys())
    if not growing:
        return
    locked = await work.select(LOCK, {"ids": growing})
    counted = dict[UUID, int]()
    if projects:  # in a statement of its own, which sees what others have committed meanwhile
        counted = {row.id: row.number for row in await work.select(COUNT, {"ids": growing})}
    for row in locked:
        limits = limits_of(row.billing_plan, row.usage_limits)
        seats = most_members(row.billing_plan, row.max_members, row.usage_limits)
        if members[row.id] and row.member_count + members[row.id] > seats:
            raise reached("members", row.member_count, seats)
        places, number = limits.projects, counted.get(row.id, 0)
        if places is not None and projects[row.id] and number + projects[row.id] > places:
            raise reached("projects", number, places)
        room = limits.storage
        if room is not None and stored[row.id] and row.storage_used + stored[row.id] > room:
            raise reached("storage", row.storage_used, room)


LOCK = (
    select(
        Organization.id,
        Organization.billing_plan,
        Organization.max_members,
        Organization.member_count,
        Organization.storage_used,
        Organization.usage_limits,
    )
    .where(Organization.id == any_(IDS))
    .order_by(Organization.id)
    .with_for_update(key_share=True)
)
COUNT = (
    select(Project.organization_id.label("id"), func.count().label("number"))
    .where(Project.organization_id == any_(IDS), live(Project))
    .group_by(Project.organization_id)
)


def _grown(rows: Iterable[tuple[Any, bool]], model: type[Entity]) -> Counter[UUID]:
    """Return the growth of counted rows of each organization; those that shrink are left out."""
    grown: Counter[UUID] = Counter()
    for row, is_new in rows:
        if not isinstance(row, model):
            continue
        held: Any = row
        before = not is_new and _counts(model, **_before(row))
        grown[held.organization_id] += _counts(model, held.deleted_at, held.status) - before
    return +grown


def _stored(rows: Iterable[tuple[Any, bool]]) -> Counter[UUID]:
    """Return the bytes of the new files of each organization."""
    bytes_of: Counter[UUID] = Counter()
    for row, is_new in rows:
        if is_new and isinstance(row, StoredFile):
            bytes_of[row.organization_id] += row.size
    return bytes_of


def _counts(model: type[Entity], deleted_at: object, status: object) -> bool:
    return deleted_at is None and (model is Project or status is UserStatus.ACTIVE)


def _before(row: Entity) -> dict[str, Any]:
    """Return the stored values that decide whether a row counts."""
    attributes = state_of(row).attrs
    histories = {name: attributes[name].history for name in ("deleted_at", "status")}
    return {
        name: history.deleted[0] if history.deleted else getattr(row, name)
        for name, history in histories.items()
    }


def require_storage(row: Any) -> None:
    """Raise LIMIT_REACHED when an organization stores too much; `row` is one of `storage`."""
    maximum = limits_of(row.billing_plan, row.usage_limits).storage
    if maximum is not None and row.storage_used > maximum:
        raise reached("storage", row.storage_used, maximum)


def storage(organization_id: UUID) -> Select[*tuple[Any, ...]]:
    """Return a statement of the plan and the used storage of an organization."""
    return select(
        Organization.billing_plan, Organization.storage_used, Organization.usage_limits
    ).where(Organization.id == organization_id)


def _refused() -> Any:
    plans: list[Any] = [literal_column(f"'{plan.value}'") for plan in PLANS]
    most: list[Any] = [
        null() if plan.monthly_requests is None else literal_column(str(plan.monthly_requests))
        for plan in PLANS.values()
    ]
    refused = func.ctx.count_requests(
        bindparam("organizations", type_=ARRAY(Uuid)),
        cast(array(plans), ARRAY(Text)),
        cast(array(most), ARRAY(BigInteger)),
        bindparam("counting", type_=ARRAY(Uuid)),
    ).table_valued(column("used", BigInteger), column("maximum", BigInteger))
    told = func.json_agg(array([refused.c.used, refused.c.maximum]), type_=JSON)
    return select(told).scalar_subquery().label(REFUSED)


REFUSED = "refused"
COUNTED_REQUESTS = _refused()
"""A column that counts one writing request of those of the `organizations` that are `counting`.

They are bound in the order of their ids; its value is for `require_counted`.
"""

COUNT_REQUESTS = select(COUNTED_REQUESTS)


class Exhausted(Problem):
    """The organization has to pay first: the whole transaction is refused, whatever it writes."""


def require_counted(refused: Sequence[tuple[int, int]] | None) -> None:
    """Raise PAYMENT_REQUIRED when an organization has not paid, or has no request left this month.

    A tenth of the requests is allowed beyond the maximum.
    """
    for used, maximum in refused or ():
        if maximum < 0:
            message = (
                "A payment of the organization is due. Nothing more is written until it is paid;"
                " reads, exports and deletions go on."
            )
            raise Exhausted("PAYMENT_REQUIRED", message)
        message = f"The organization's plan allows {maximum} requests a month, and {used} are used."
        raise Exhausted(
            "PAYMENT_REQUIRED", message, limit="monthlyRequests", current=used, maximum=maximum
        )


def usage() -> Select[tuple[Any, ...]]:
    """Return a statement of the usage of organizations, bound as `ids`, this month (UTC)."""
    now = func.timezone("UTC", func.now())
    month = cast(func.date_trunc("month", now), Date)
    requests = (
        select(cast(func.coalesce(func.sum(UsageCounter.used), 0), BigInteger))
        .where(UsageCounter.organization_id == Organization.id, UsageCounter.month == month)
        .scalar_subquery()
    )
    projects = (
        select(func.count())
        .where(Project.organization_id == Organization.id, live(Project))
        .scalar_subquery()
    )
    return select(
        Organization.id,
        Organization.billing_plan,
        Organization.max_members,
        Organization.max_monthly_requests,
        Organization.member_count,
        projects.label("project_count"),
        requests.label("request_count"),
        Organization.storage_used,
        Organization.usage_limits,
        func.ctx.used_credits(Organization.id, type_=BigInteger).label("used_credits"),
    ).where(Organization.id == any_(IDS))
