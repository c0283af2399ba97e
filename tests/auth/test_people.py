"""Creating people, and the form of their addresses."""

import json
from uuid import uuid4

import pytest

from auth.credentials.people import address, create_person, set_password
from db.problem import Problem
from tests.auth.conftest import PASSWORD, sign_in


def fresh_address():
    return f"member+{uuid4().hex}@demo.example"


async def test_a_person_is_created_with_a_normal_address_and_recorded(database, superuser, events):
    email = fresh_address()
    id = await create_person(database, f" {email.upper()} ", " A Member ", PASSWORD)
    row = await superuser.fetchrow("SELECT * FROM profiles WHERE id = $1", id)
    assert (row["email"], row["full_name"], row["version"]) == (email, "A Member", 1)
    assert row["is_approved"]
    [event] = await events(id, "create")
    assert (event["entity_type"], event["action"], event["version"]) == ("Profile", "create", 1)
    beside = "SELECT data FROM audit_personal_data WHERE event_id = $1"
    assert json.loads(await superuser.fetchval(beside, event["id"]))["new"]["email"] == email
    assert event["soc2_control"] == "CC6.2"
    assert PASSWORD not in str(event)
    assert "argon2" not in str(event)


async def test_an_address_belongs_to_one_person(database, superuser):
    email = fresh_address()
    await create_person(database, email, None, PASSWORD)
    with pytest.raises(Problem) as refusal:
        await create_person(database, email.upper(), None, PASSWORD)
    assert (refusal.value.code, refusal.value.field) == ("ALREADY_EXISTS", ("email",))
    assert await superuser.fetchval("SELECT count(*) FROM profiles WHERE email = $1", email) == 1


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"password": "too short"}, "password"),
        ({"full_name": "a\0b"}, "full_name"),
        ({"full_name": "a\ud800b"}, "full_name"),
        ({"full_name": "x" * 501}, "full_name"),
    ],
)
async def test_what_is_not_acceptable_names_its_field(database, superuser, values, field):
    given = {"email": fresh_address(), "full_name": None, "password": PASSWORD} | values
    with pytest.raises(Problem) as refusal:
        await create_person(database, **given)
    assert (refusal.value.code, refusal.value.field) == ("INVALID", (field,))
    found = await superuser.fetchval(
        "SELECT count(*) FROM profiles WHERE email = $1", given["email"]
    )
    assert found == 0


@pytest.mark.parametrize(
    "email",
    [
        "",
        "@",
        "a@b",
        "a@@demo.example",
        "a b@demo.example",
        "a@demo..example",
        "a@.example",
        "a@demo.example.",
        "a\0@demo.example",
        "a\n@demo.example",
        "\ud800@demo.example",
        "a" * 65 + "@demo.example",
        "a@" + "b" * 250 + ".example",
    ],
)
def test_what_is_no_address_is_refused(email):
    with pytest.raises(Problem):
        address(email)


@pytest.mark.parametrize(
    "email", ["a@demo.example", "a.b+c@sub.demo.example", "ünï@dömäin.example", "o'a@demo.example"]
)
def test_addresses_of_any_alphabet_are_accepted(email):
    assert address(email.upper()) == email


async def test_another_password_signs_everybody_out(database, browse, events, person):
    browser = browse()
    await sign_in(browser, person.email)
    assert (await browser.get("/session")).json()["signedIn"]
    await set_password(database, person.email, "another horse battery")
    assert not (await browser.get("/session")).json()["signedIn"]
    assert (await sign_in(browse(), person.email)).status_code == 401
    assert (await sign_in(browse(), person.email, "another horse battery")).status_code == 303
    [event] = await events(person.id, "administration")
    assert event["action"] == "password_change"


async def test_an_unknown_person_gets_no_password(database):
    with pytest.raises(Problem) as refusal:
        await set_password(database, fresh_address(), PASSWORD)
    assert refusal.value.code == "NOT_FOUND"
