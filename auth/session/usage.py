"""The statement of the usage of organizations by feature, day or person."""

from enum import Enum
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Date, Select, Uuid, any_, bindparam, cast, func, select

from db.core.usage import UsageDay

MOST_GROUPS = 1_000
"""Groups of an organization, at most: those with the largest quantities."""


class UsageGrouping(Enum):
    """The dimension by which the usage of an organization is summed."""

    FEATURE = "FEATURE"
    DAY = "DAY"
    PERSON = "PERSON"


KEYS: dict[UsageGrouping, Any] = {
    UsageGrouping.FEATURE: UsageDay.feature,
    UsageGrouping.DAY: UsageDay.day,
    UsageGrouping.PERSON: UsageDay.user_id,
}


def usage_by(by: UsageGrouping) -> Select[*tuple[Any, ...]]:
    """Return the statement: the sums of the organizations bound as `ids`, from `since` to `until`.

    Sums of different units stay apart. Days come in order, all else with the largest sum first.
    """
    key = KEYS[by]
    quantity = cast(func.sum(UsageDay.quantity), BigInteger)
    order = (key, UsageDay.unit_type) if by is UsageGrouping.DAY else (quantity.desc(), key)
    ranked = (
        select(
            UsageDay.organization_id.label("organization_id"),
            key.label("key"),
            UsageDay.unit_type.label("unit"),
            quantity.label("quantity"),
            cast(func.sum(UsageDay.count), BigInteger).label("count"),
            func.row_number()
            .over(partition_by=UsageDay.organization_id, order_by=order)
            .label("place"),
        )
        .where(
            UsageDay.organization_id == any_(bindparam("ids", type_=ARRAY(Uuid))),
            UsageDay.day.between(bindparam("since", type_=Date), bindparam("until", type_=Date)),
        )
        .group_by(UsageDay.organization_id, key, UsageDay.unit_type)
        .subquery()
    )
    return (
        select(ranked)
        .where(ranked.c.place <= MOST_GROUPS)
        .order_by(ranked.c.organization_id, ranked.c.place)
    )
