"""Guessing codes of a second factor is limited, and its owner is notified."""

from datetime import timedelta

import pytest

from auth.accounts.second_factor import MAX_FAILURES, WARNING
from tests.auth import test_second_factor as factor
from tests.auth.test_second_factor import finish, half

clean_slate, clock, app = factor.clean_slate, factor.clock, factor.app
SET = "UPDATE second_factors SET failures = $2, failed_at = now() - $3::interval WHERE user_id = $1"
WRONG_CODE = "000000"


@pytest.fixture
def failed(superuser, person):
    """Record this many wrong codes, entered this many days ago."""

    async def failed(times, days=0):
        await superuser.execute("DELETE FROM sign_in_attempts")
        await superuser.execute(SET, person.id, float(times), timedelta(days=days))

    return failed


async def guess(browse, person, code=WRONG_CODE):
    browser = browse()
    return await finish(browser, await half(browser, person), code)


async def test_after_a_hundred_wrong_codes_the_app_is_asked_no_more(
    browse, person, app, failed, mailbox
):
    await failed(MAX_FAILURES - 1)
    assert "after too many wrong ones" in (await guess(browse, person)).text
    refused = await guess(browse, person, app.code(1))
    assert refused.status_code == 400
    assert "recovery codes" in refused.text
    told = [mail for mail in await mailbox.of(person.email) if "guessing" in mail.subject]
    assert len(told) == 1
    assert "are not accepted any more" in told[0].text
    assert (await guess(browse, person, app.codes[0])).status_code == 303
    assert (await guess(browse, person, app.code(1))).status_code == 303


async def test_the_owner_is_told_once_that_somebody_guesses(browse, person, app, failed, mailbox):
    await failed(WARNING - 2)
    for _ in range(3):
        await guess(browse, person)
    told = [mail for mail in await mailbox.of(person.email) if "guessing" in mail.subject]
    assert ["10 wrong codes" in mail.text for mail in told] == [True]
    assert (await guess(browse, person, app.code(1))).status_code == 303


async def test_the_right_code_does_not_forget_the_wrong_ones_but_time_does(
    browse, person, app, failed, superuser
):
    await failed(50)
    assert (await guess(browse, person, app.code(1))).status_code == 303
    count = "SELECT failures FROM second_factors WHERE user_id = $1"
    assert await superuser.fetchval(count, person.id) == 50
    await failed(MAX_FAILURES, days=2)
    assert (await guess(browse, person, app.code(2))).status_code == 303
