"""Stored secrets are renewed with another key, and nothing that the key opened is lost."""

from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import LargeBinary

from auth import reencryption
from auth.accounts import contact, second_factor
from auth.accounts.sso import connections
from auth.encryption import decrypt, encrypt, is_current
from auth.oauth import signing_keys
from db.base import Base
from db.logins import Logins
from graph.commands import doctor
from graph.platform.webhooks import signing

OLD, NEW = "an old secret of the gateway, long enough", "a new secret of the gateway, long too"
FACTOR = "INSERT INTO second_factors (user_id, secret, last_step) VALUES ($1, $2, 0)"
ACCOUNT = """INSERT INTO profiles (id, email, full_name, service_of, is_approved)
VALUES ($1::uuid, $1::uuid || '@service-accounts.invalid', 'Sender', $2, true)"""
MEMBER = "INSERT INTO organization_members (organization_id, user_id) VALUES ($1, $2)"
ENDPOINT = """INSERT INTO webhook_endpoints
(id, organization_id, service_account_id, name, url, secret)
VALUES ($1, $2, $3, 'ERP', 'https://erp.example/', $4)"""
ABOUT = """SELECT secret, former_secret, former_secret_expires_at FROM webhook_endpoints
WHERE id = $1"""


@pytest.fixture
def old(settings):
    return settings.model_copy(update={"gateway_secret": SecretStr(OLD)})


@pytest.fixture
def both(settings):
    secrets = {"gateway_secret": SecretStr(NEW), "gateway_former_secrets": (SecretStr(OLD),)}
    return settings.model_copy(update=secrets)


@pytest.fixture
def new(settings):
    return settings.model_copy(update={"gateway_secret": SecretStr(NEW)})


async def test_secrets_of_the_old_key_are_read_and_renewed(
    world, database_dsn, superuser, old, both, new
):
    person, endpoint, account = world.people["editor"], uuid4(), uuid4()
    about = contact.sealed(old, person, {"phone_number": "+43 1 2345"})
    await superuser.execute("UPDATE profiles SET contact = $1 WHERE id = $2", about, person)
    factor = encrypt(old, second_factor.KEPT, person.bytes, b"12345678901234567890")
    await superuser.execute(FACTOR, person, factor)
    await superuser.execute(ACCOUNT, account, world.organization)
    await superuser.execute(MEMBER, world.organization, account)
    for text in ("whsec_first", "whsec_second"):
        sealed = signing.sealed(old, endpoint, text)
        if text.endswith("first"):
            await superuser.execute(ENDPOINT, endpoint, world.organization, account, sealed)
        else:
            change = "UPDATE webhook_endpoints SET secret = $1 WHERE id = $2"
            await superuser.execute(change, sealed, endpoint)
    before = await superuser.fetchrow(ABOUT, endpoint)
    assert before["former_secret"] is not None
    assert contact.opened(both, person, about) == {"phone_number": "+43 1 2345"}
    assert contact.opened(new, person, about) == {}
    counted = await reencryption.count(superuser, both)
    assert counted.former >= 4
    finding = await doctor._secrets(both, Logins(database_dsn))
    assert finding.advice
    renewed = await reencryption.renew(superuser, both)
    assert renewed == counted
    assert (await reencryption.count(superuser, both)).former == 0
    row = await superuser.fetchrow("SELECT contact, version FROM profiles WHERE id = $1", person)
    assert (row["version"], contact.opened(new, person, row["contact"])) == (
        1,
        {"phone_number": "+43 1 2345"},
    )
    sealed = await superuser.fetchval(
        "SELECT secret FROM second_factors WHERE user_id = $1", person
    )
    assert decrypt(new, second_factor.KEPT, person.bytes, sealed) == b"12345678901234567890"
    after = await superuser.fetchrow(ABOUT, endpoint)
    opened = [decrypt(new, signing.PURPOSE, endpoint.bytes, sealed) for sealed in after[:2]]
    assert opened == [b"whsec_second", b"whsec_first"]
    assert after["former_secret_expires_at"] == before["former_secret_expires_at"]
    assert (await reencryption.renew(superuser, both)).former == 0


def test_a_secret_opens_for_its_owner_purpose_and_key_alone(old, new, both):
    owner = uuid4().bytes
    sealed = encrypt(old, "a purpose", owner, b"text")
    assert decrypt(both, "a purpose", owner, sealed) == b"text"
    assert not is_current(both, "a purpose", owner, sealed)
    assert decrypt(new, "a purpose", owner, sealed) is None
    assert decrypt(both, "another", owner, sealed) is None
    assert decrypt(both, "a purpose", uuid4().bytes, sealed) is None


def test_every_encrypted_column_is_renewed():
    digests = ("hash", "sha256", "digest", "salt", "subject", "signature", "proof", "key")
    public = {("passkeys", "credential_id")}
    found = {
        (table.name, column.name)
        for table in Base.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, LargeBinary) and not any(word in column.name for word in digests)
    }
    found.add(("oauth_signing_keys", "private_key"))  # the one key that is no digest
    listed = {(column.table, column.column) for column in reencryption.COLUMNS}
    answers = {("idempotency_keys", "answer")}  # these last for a day
    imported = {("exchange_files", "content"), ("exchange_files", "versions")}  # no secrets
    assert found - answers - imported - public == listed
    purposes = {second_factor.KEPT, contact.PURPOSE, signing.PURPOSE, signing_keys.PURPOSE}
    purposes |= {connections.PURPOSE}
    assert {column.purpose for column in reencryption.COLUMNS} == purposes
