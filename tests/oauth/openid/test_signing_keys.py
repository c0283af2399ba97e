"""The keys of ID tokens: published before they sign, kept until their tokens have expired."""

from datetime import timedelta

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from pydantic import SecretStr

from auth import reencryption
from auth.oauth import signing_keys
from db.pool import NOBODY
from tests.oauth.openid.conftest import read

JWKS = "/oauth/jwks"
AGE = "UPDATE oauth_signing_keys SET created_at = created_at - $1::interval"
PASSED = """
UPDATE oauth_signing_keys SET signs_from = signs_from - $1::interval,
    expires_at = expires_at - $1::interval
"""


@pytest.fixture(autouse=True)
async def no_keys(superuser):
    await superuser.execute("DELETE FROM oauth_signing_keys")
    yield
    await superuser.execute("DELETE FROM oauth_signing_keys")


@pytest.fixture
def published(http):
    async def published():
        return (await http.get(JWKS)).json()["keys"]

    return published


async def kid_of(application, person):
    token = await application.connect(person, scope="openid")
    return read(token["id_token"])[0]["kid"]


async def test_the_first_key_is_made_when_it_is_needed(planner, person, published):
    first = await kid_of(planner, person)
    (key,) = await published()
    assert (key["kid"], key["kty"], key["alg"], key["use"]) == (first, "RSA", "RS256", "sig")
    assert not key.keys() & {"d", "p", "q", "dp", "dq", "qi"}


async def test_processes_that_start_at_once_make_one_key(database, settings, published):
    for _ in range(2):
        await signing_keys.require(database, settings)
    assert len(await published()) == 1


async def test_the_next_key_is_published_a_day_before_it_signs(
    planner, person, published, database, settings, superuser
):
    old = await kid_of(planner, person)
    new = await signing_keys.rotate(database, settings)
    assert {key["kid"] for key in await published()} == {old, new}
    assert await kid_of(planner, person) == old
    await superuser.execute(PASSED, timedelta(days=1, minutes=1))
    before = await planner.connect(person, scope="openid")
    assert read(before["id_token"])[0]["kid"] == new
    assert {key["kid"] for key in await published()} == {old, new}
    await superuser.execute(PASSED, timedelta(days=2))
    assert [key["kid"] for key in await published()] == [new]


async def test_a_token_of_the_former_key_is_verified_until_it_has_expired(
    planner, person, published, database, settings, superuser
):
    token = (await planner.connect(person, scope="openid"))["id_token"]
    await signing_keys.rotate(database, settings)
    await superuser.execute(PASSED, timedelta(days=1, hours=2))
    keys = KeySet.import_key_set({"keys": await published()})
    assert jwt.decode(token, keys, algorithms=["RS256"]).claims["sub"] == str(person.id)


async def test_a_key_that_has_leaked_ends_at_once(planner, person, published, database, settings):
    old = await kid_of(planner, person)
    new = await signing_keys.rotate(database, settings, revoke_former=True)
    assert [key["kid"] for key in await published()] == [new]
    assert await kid_of(planner, person) == new != old


async def test_keys_are_rotated_by_age(database, settings, published, superuser):
    await signing_keys.require(database, settings)
    await signing_keys.upkeep(database, settings)
    assert len(await published()) == 1
    await superuser.execute(AGE, timedelta(days=91))
    await signing_keys.upkeep(database, settings)
    await signing_keys.upkeep(database, settings)
    assert len(await published()) == 2
    await superuser.execute(PASSED, timedelta(days=4))
    await signing_keys.upkeep(database, settings)
    assert await superuser.fetchval("SELECT count(*) FROM oauth_signing_keys") == 1


async def test_private_keys_are_encrypted_and_follow_the_secret_of_the_gateway(
    database, settings, superuser
):
    await signing_keys.require(database, settings)
    sealed = await superuser.fetchval("SELECT private_key FROM oauth_signing_keys")
    assert not sealed.startswith(b"0")  # as DER begins
    changed = settings.model_copy(
        update={
            "gateway_secret": SecretStr("another" * 10),
            "gateway_former_secrets": [settings.gateway_secret],
        }
    )
    counts = await reencryption.renew(superuser, changed)
    assert counts.former >= 1
    renewed = await superuser.fetchval("SELECT private_key FROM oauth_signing_keys")
    assert renewed != sealed


async def test_a_lost_secret_of_the_gateway_leads_to_another_key(
    planner, person, superuser, published
):
    old = await kid_of(planner, person)
    await superuser.execute("UPDATE oauth_signing_keys SET id = gen_random_uuid()")
    assert await kid_of(planner, person) != old
    assert len(await published()) == 2


async def test_only_the_authentication_reads_them(database):
    async with database.app.lend(NOBODY) as lent:
        with pytest.raises(Exception, match="permission denied"):
            await lent.fetch("SELECT * FROM oauth_signing_keys")
