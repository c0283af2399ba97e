"""Refresh tokens: exchanged once, and the end of their family when used twice (R01-R08, B09)."""

import asyncio
from datetime import timedelta

import pytest

from auth.credentials.tokens import revoke_all
from db.pool import NOBODY
from tests.oauth.conftest import API, SCOPE, works
from tests.oauth.test_tokens import error

AGO = (
    "UPDATE oauth_refresh_tokens SET rotated_at = rotated_at - interval '11 seconds'"
    " WHERE client_id = $1"
)


async def test_r01_a_public_application_gets_the_next_pair(spa, person, http):
    first = await spa.connect(person)
    answer = await spa.refresh(first["refresh_token"])
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    second = answer.json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    assert await works(http, second["access_token"])


async def test_r02_a_token_used_later_once_more_ends_its_family(planner, person, http, superuser):
    first = await planner.connect(person)
    second = (await planner.refresh(first["refresh_token"])).json()
    beside = (await planner.refresh(first["refresh_token"])).json()
    assert await works(http, second["access_token"])
    await superuser.execute(AGO, planner.client_id)
    assert error(await planner.refresh(first["refresh_token"])) == "invalid_grant"
    for tokens in (first, second, beside):
        assert not await works(http, tokens["access_token"])
        assert error(await planner.refresh(tokens["refresh_token"])) == "invalid_grant"


async def test_r02_a_moment_is_not_made_longer_by_another_use(planner, person, superuser):
    first = await planner.connect(person)
    await planner.refresh(first["refresh_token"])
    await superuser.execute(AGO.replace("11", "9"), planner.client_id)
    assert (await planner.refresh(first["refresh_token"])).status_code == 200
    await superuser.execute(AGO.replace("11", "2"), planner.client_id)
    assert error(await planner.refresh(first["refresh_token"])) == "invalid_grant"


async def test_r02_a_grandparent_has_no_grace(planner, person):
    first = await planner.connect(person)
    second = (await planner.refresh(first["refresh_token"])).json()
    third = (await planner.refresh(second["refresh_token"])).json()
    assert error(await planner.refresh(first["refresh_token"])) == "invalid_grant"
    assert error(await planner.refresh(third["refresh_token"])) == "invalid_grant"


async def test_two_tabs_that_refresh_at_once_both_stay_signed_in(spa, person, http):
    first = (await spa.connect(person))["refresh_token"]
    tabs = await asyncio.gather(spa.refresh(first), spa.refresh(first))
    assert [answer.status_code for answer in tabs] == [200, 200]
    for _ in range(2):
        assert all([await works(http, tab.json()["access_token"]) for tab in tabs])
        tabs = [await spa.refresh(tab.json()["refresh_token"]) for tab in tabs]
        assert [answer.status_code for answer in tabs] == [200, 200]


async def test_a_tab_that_comes_a_moment_later_ends_nothing(spa, person, http):
    first = (await spa.connect(person))["refresh_token"]
    one = (await spa.refresh(first)).json()
    assert await works(http, one["access_token"])  # so that answer was not lost
    other = (await spa.refresh(first)).json()
    assert await works(http, one["access_token"])
    assert await works(http, other["access_token"])


@pytest.mark.parametrize("wrong", [{"scope": "admin"}, {"resource": "https://other.example"}])
async def test_a_refused_repeat_takes_nothing_back(planner, person, http, wrong):
    first = await planner.connect(person)
    second = (await planner.refresh(first["refresh_token"])).json()
    assert (await planner.refresh(first["refresh_token"], **wrong)).status_code == 400
    again = (await planner.refresh(first["refresh_token"])).json()
    assert await works(http, second["access_token"])
    assert await works(http, again["access_token"])
    assert (await planner.refresh(again["refresh_token"])).status_code == 200


async def test_r03_only_its_own_family_ends(planner, person, http, superuser):
    one, other = await planner.connect(person), await planner.connect(person)
    await planner.refresh(one["refresh_token"])
    await superuser.execute(AGO, planner.client_id)
    assert error(await planner.refresh(one["refresh_token"])) == "invalid_grant"
    assert await works(http, other["access_token"])
    assert (await planner.refresh(other["refresh_token"])).status_code == 200


async def test_r05_a_narrower_token_does_not_narrow_the_next(planner, person):
    tokens = await planner.connect(person)
    narrow = (await planner.refresh(tokens["refresh_token"], scope="requirements:read")).json()
    assert narrow["scope"] == "requirements:read"
    wide = (await planner.refresh(narrow["refresh_token"])).json()
    assert set(wide["scope"].split()) == set(SCOPE.split())
    answer = await planner.refresh(wide["refresh_token"], scope=f"{SCOPE} admin")
    assert error(answer) == "invalid_scope"
    assert (await planner.refresh(wide["refresh_token"])).status_code == 200


async def test_r06_a_token_is_of_use_to_its_own_application_alone(applications, planner, person):
    tokens, other = await planner.connect(person), await applications()
    assert error(await other.refresh(tokens["refresh_token"])) == "invalid_grant"
    assert (await planner.refresh(tokens["refresh_token"])).status_code == 200


@pytest.mark.parametrize("secret", ["wrong", None])
async def test_r07_without_its_secret_an_application_exchanges_nothing(planner, person, secret):
    tokens = await planner.connect(person)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    if secret is None:
        form["client_id"] = planner.client_id
    auth = (planner.client_id, secret) if secret else None
    answer = await planner.http.post("/oauth/token", data=form, **({"auth": auth} if auth else {}))
    assert error(answer, 401) == "invalid_client"
    assert (await planner.refresh(tokens["refresh_token"])).status_code == 200


async def test_r08_one_kind_of_token_is_not_another(planner, person, http):
    tokens = await planner.connect(person)
    assert error(await planner.refresh(tokens["access_token"])) == "invalid_grant"
    assert not await works(http, tokens["refresh_token"])
    assert await works(http, tokens["access_token"])


async def test_b09_an_expired_access_token_is_exchanged_for_another(
    planner, person, http, superuser
):
    tokens = await planner.connect(person)
    await superuser.execute(
        "UPDATE oauth_access_tokens SET created_at = now() - interval '2 hours',"
        " expires_at = now() - interval '1 second' WHERE client_id = $1",
        planner.client_id,
    )
    assert not await works(http, tokens["access_token"])
    assert await planner.introspect(tokens["access_token"]) == {"active": False}
    assert (await planner.refresh(tokens["refresh_token"])).status_code == 200


async def test_what_is_revoked_while_it_is_exchanged_is_over(database, planner, people, http):
    for _ in range(5):
        person = await people()
        first = await planner.connect(person)

        async def revoke(person=person):
            async with database.auth.lend(NOBODY) as lent, lent.transaction():
                await revoke_all(lent, person.id)

        answer, _ = await asyncio.gather(planner.refresh(first["refresh_token"]), revoke())
        for tokens in (first, answer.json()):
            if "access_token" in tokens:
                assert not await works(http, tokens["access_token"])
                refused = await planner.refresh(tokens["refresh_token"])
                assert error(refused) == "invalid_grant"


AGED = """UPDATE oauth_refresh_tokens SET granted_at = now() - $2::interval,
    created_at = now() - interval '20 days', expires_at = now() + interval '10 days'
    WHERE client_id = $1"""
LEFT = """SELECT extract(epoch FROM expires_at - created_at) FROM oauth_refresh_tokens
    WHERE client_id = $1 AND rotated_at IS NULL"""


@pytest.mark.slow
@pytest.mark.parametrize(("age", "days"), [(20, 30), (300, 30), (340, 25), (364, 1)])
async def test_use_prolongs_a_connection_up_to_a_year(planner, person, superuser, age, days):
    tokens = await planner.connect(person)
    await superuser.execute(AGED, planner.client_id, timedelta(days=age))
    tokens = (await planner.refresh(tokens["refresh_token"])).json()
    left = await superuser.fetchval(LEFT, planner.client_id)
    assert float(left) == pytest.approx(days * 86400, abs=60)
    again = (await planner.refresh(tokens["refresh_token"])).json()  # counts from the same day
    left = await superuser.fetchval(LEFT, planner.client_id)
    assert float(left) == pytest.approx(days * 86400, abs=60)
    assert (await planner.introspect(again["refresh_token"]))["active"]


async def test_a_connection_ends_after_a_year_however_much_it_is_used(planner, person, superuser):
    tokens = await planner.connect(person)
    await superuser.execute(AGED, planner.client_id, timedelta(days=365))
    assert error(await planner.refresh(tokens["refresh_token"])) == "invalid_grant"


async def test_an_expired_refresh_token_gives_nothing(planner, person, superuser):
    tokens = await planner.connect(person)
    await superuser.execute(
        "UPDATE oauth_refresh_tokens SET created_at = now() - interval '31 days',"
        " expires_at = now() - interval '1 second' WHERE client_id = $1",
        planner.client_id,
    )
    assert error(await planner.refresh(tokens["refresh_token"])) == "invalid_grant"
    assert await planner.introspect(tokens["refresh_token"]) == {"active": False}


async def test_the_audience_goes_from_token_to_token(planner, person):
    tokens = await planner.connect(person, resource=API)
    next = (await planner.refresh(tokens["refresh_token"])).json()
    assert (await planner.introspect(next["access_token"]))["aud"] == [API]
    answer = await planner.refresh(next["refresh_token"], resource="https://other.example")
    assert error(answer) == "invalid_target"
