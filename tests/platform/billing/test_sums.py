"""Sums of usage: those of spans of days make up each question, and follow what is logged."""

from collections import Counter
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from auth.session.usage import parts_of
from tests.platform.billing.test_usage import usage_by

DAYS = st.dates(date(2, 1, 1), date(9990, 1, 1)) | st.dates(date(2026, 1, 1), date(2026, 12, 31))
LOGGED = """INSERT INTO usage_logs
    (organization_id, user_id, feature, quantity, unit_type, metadata, created_at)
SELECT $1, $2, (ARRAY['query', 'export'])[1 + i % 2], i, (ARRAY['cost', 'job'])[1 + i % 2],
    jsonb_build_object('count', 2), now() - make_interval(days => i / 2)
FROM generate_series(0, 53) AS i"""


@given(DAYS, st.integers(0, 365))
def test_the_parts_of_a_question_have_each_of_its_days_once(since, more):
    until = date.fromordinal(since.toordinal() + more)
    parts, days = parts_of(since, until), Counter()
    for sign, span, first in parts:
        assert first.toordinal() % span == 0
        days.update({first.toordinal() + n: sign for n in range(span)})
    wanted = range(since.toordinal(), until.toordinal() + 1)
    assert {day: sign for day, sign in days.items() if sign} == dict.fromkeys(wanted, 1)
    assert len(parts) <= 18


def test_the_first_and_the_last_day_of_the_calendar_are_days():
    for day in (date.min, date.max):
        assert len(parts_of(day, day)) <= 15


async def test_people_are_summed_over_any_days(world, superuser):
    for person in ("editor", "viewer"):
        await superuser.execute(LOGGED, world.organization, world.people[person])
    today = await superuser.fetchval("SELECT (now() AT TIME ZONE 'UTC')::date")
    for first, last in ((26, 0), (20, 3), (9, 9), (0, 0)):
        days = {
            "since": date.fromordinal(today.toordinal() - first).isoformat(),
            "until": date.fromordinal(today.toordinal() - last).isoformat(),
        }
        seen = await usage_by(world, "PERSON", **days)
        numbers = range(2 * last, 2 * first + 2)
        sums = {
            ("cost", sum(i for i in numbers if i % 2 == 0)),
            ("job", sum(i for i in numbers if i % 2)),
        }
        assert {(each["unit"], each["quantity"]) for each in seen} == sums
        assert {each["count"] for each in seen} == {2 * (first - last + 1)}
        people = {str(world.people[person]) for person in ("editor", "viewer")}
        assert {each["key"] for each in seen} == people
        by_feature = await usage_by(world, "FEATURE", **days)
        assert {(each["unit"], each["quantity"]) for each in by_feature} == {
            (unit, 2 * quantity) for unit, quantity in sums
        }
