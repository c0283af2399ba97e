"""The statements of the usage of organizations by feature, day or person."""

from collections import Counter
from collections.abc import Iterable
from datetime import date
from enum import Enum
from itertools import pairwise
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Date,
    Integer,
    Select,
    Subquery,
    Uuid,
    any_,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    or_,
    select,
    true,
)

from db.core.usage import SPANS, FeatureUsage, PersonUsage

MOST_GROUPS = 1_000
"""Groups of an organization, at most: those with the largest quantities."""
LAST_DAY = date.max.toordinal()
IDS = bindparam("ids", type_=ARRAY(Uuid))


class UsageGrouping(Enum):
    """The dimension by which the usage of an organization is summed."""

    FEATURE = "FEATURE"
    DAY = "DAY"
    PERSON = "PERSON"


class Part(NamedTuple):
    """Sums of a span that are added to a total, or subtracted: `sign` is 1 or -1, or several."""

    sign: int
    span: int
    first_day: date


def usage_by(
    by: UsageGrouping, since: date, until: date
) -> tuple[Select[*tuple[Any, ...]], dict[str, Any]]:
    """Return the statement and its values: sums of the organizations bound as `ids`.

    Sums of different units stay apart. Days come in order, all else with the largest sum first.
    """
    values: dict[str, Any] = {"since": since, "until": until}
    if by is UsageGrouping.PERSON:
        parts = parts_of(since, until)
        names = ("signs", "spans", "first_days")
        values = {name: [*each] for name, each in zip(names, zip(*parts, strict=True), strict=True)}
        return _ranked(_by_person(), in_order=False), values
    key = FeatureUsage.day if by is UsageGrouping.DAY else FeatureUsage.feature
    return _ranked(_by_feature(key), in_order=by is UsageGrouping.DAY), values


def _by_feature(key: Any) -> Subquery:
    return (
        select(
            FeatureUsage.organization_id,
            key.label("key"),
            FeatureUsage.unit_type.label("unit"),
            cast(func.sum(FeatureUsage.quantity), BigInteger).label("quantity"),
            cast(func.sum(FeatureUsage.count), BigInteger).label("count"),
        )
        .where(
            FeatureUsage.organization_id == any_(IDS),
            FeatureUsage.day.between(
                bindparam("since", type_=Date), bindparam("until", type_=Date)
            ),
        )
        .group_by(FeatureUsage.organization_id, key, FeatureUsage.unit_type)
        .subquery()
    )


def _by_person() -> Subquery:
    part = (
        func.unnest(
            bindparam("signs", type_=ARRAY(Integer)),
            bindparam("spans", type_=ARRAY(Integer)),
            bindparam("first_days", type_=ARRAY(Date)),
        )
        .table_valued(column("sign", Integer), column("span", Integer), column("first_day", Date))
        .render_derived("part")
    )
    # The offset keeps the subquery: its rows are found by the key of each part. Joined, a table of
    # few organizations would be read as a whole.
    person = (
        select(
            PersonUsage.organization_id,
            PersonUsage.user_id,
            PersonUsage.unit_type,
            PersonUsage.quantity,
            PersonUsage.count,
        )
        .where(
            PersonUsage.organization_id == any_(IDS),
            PersonUsage.span == part.c.span,
            PersonUsage.first_day == part.c.first_day,
        )
        .offset(literal_column("0"))
        .lateral("person")
    )
    sums = [func.sum(part.c.sign * each) for each in (person.c.quantity, person.c.count)]
    quantity, count = (cast(each, BigInteger) for each in sums)
    return (
        select(
            person.c.organization_id,
            person.c.user_id.label("key"),
            person.c.unit_type.label("unit"),
            quantity.label("quantity"),
            count.label("count"),
        )
        .join_from(part, person, true())
        .group_by(person.c.organization_id, person.c.user_id, person.c.unit_type)
        .having(or_(quantity != 0, count != 0))
        .subquery()
    )


def _ranked(sums: Subquery, *, in_order: bool) -> Select[*tuple[Any, ...]]:
    """Return the statement of the first sums of each organization."""
    order = (sums.c.key, sums.c.unit) if in_order else (sums.c.quantity.desc(), sums.c.key)
    place = func.row_number().over(partition_by=sums.c.organization_id, order_by=order)
    ranked = select(sums, place.label("place")).subquery()
    return (
        select(ranked)
        .where(ranked.c.place <= MOST_GROUPS)
        .order_by(ranked.c.organization_id, ranked.c.place)
    )


def parts_of(since: date, until: date) -> list[Part]:
    """Return the parts whose sum is that of all days from `since` to `until`.

    A month or a year takes at most some twenty: from each end, the days to the nearest longer
    span, added or subtracted, and so on up to the longest spans, which lie in between.
    """
    first, before = _ends(since.toordinal())
    last, after = _ends(until.toordinal() + 1)
    longest = SPANS[-1]
    signs: Counter[tuple[int, int]] = Counter()
    signs.update({(longest, day): 1 for day in range(first, last, longest)})
    signs.update(after)
    signs.subtract(before)
    return [
        Part(sign, span, date.fromordinal(day))
        for (span, day), sign in sorted(signs.items())
        if sign and 0 < day <= LAST_DAY
    ]


def _ends(day: int) -> tuple[int, dict[tuple[int, int], int]]:
    """Return the beginning of the longest span that is nearest to a day, and the way from there.

    The way has the sign of each span, by its days and its beginning.
    """
    way: dict[tuple[int, int], int] = {}
    for span, longer in pairwise(SPANS):
        rest = day % longer
        nearest = day - rest if rest <= longer // 2 else day - rest + longer
        begins: Iterable[int] = range(min(nearest, day), max(nearest, day), span)
        way |= {(span, begin): 1 if nearest < day else -1 for begin in begins}
        day = nearest
    return day, way
