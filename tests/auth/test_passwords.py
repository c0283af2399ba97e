"""The rules for passwords, and their storage."""

import asyncio
import statistics
import time

import pytest
from argon2 import PasswordHasher

from auth.credentials import passwords
from db.problem import Problem

EMAIL = "member@demo.example"
GOOD = "correct horse battery"


@pytest.mark.parametrize(
    "password",
    [
        "eleven char",
        "Password1234!",
        "Butterfly2026!",
        "!!qwertyuiop12",
        "qwertyQWERTYqwerty",
        "abcdefghijklm",
        "aaaaaaaaaaaaaaaa",
        "121212121212121212",
        "123456789012",
        "MEMBER@demo.example",
        "with a NUL \0 in it",
        "half a pair \ud800 of surrogates",
        "x" * 500 + "yz€" * 200,
    ],
)
def test_a_weak_or_impossible_password_is_refused(password):
    with pytest.raises(Problem) as refusal:
        passwords.acceptable(password, EMAIL)
    assert refusal.value.code == "INVALID"
    assert refusal.value.field == ("password",)
    assert password not in refusal.value.message


@pytest.mark.parametrize(
    "password", [GOOD, "x2 y3 z4 x2 y3", "パスワードはとても長いですよ", "from a manager " * 60]
)
def test_a_long_password_of_any_alphabet_is_accepted(password):
    assert passwords.acceptable(password, EMAIL) == password


async def test_two_ways_to_type_an_accent_are_one_password():
    hash = await passwords.hashed(passwords.acceptable("café au lait matin", EMAIL))
    typed = passwords.normalised("cafe\u0301 au lait matin")
    assert typed is not None
    assert await passwords.verified(typed, hash)


async def test_hashes_are_argon2id_salted_and_current():
    one, two = await passwords.hashed(GOOD), await passwords.hashed(GOOD)
    assert one != two
    assert one.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert not passwords.outdated(one)
    assert passwords.outdated(PasswordHasher(time_cost=1, memory_cost=8192).hash(GOOD))


async def test_nobody_has_the_password_of_the_unknown():
    assert not await passwords.verified("nobody has this password", None)
    assert not await passwords.verified(GOOD, "not a hash")


@pytest.mark.slow
async def test_an_unknown_person_costs_the_same_work():
    hash = await passwords.hashed(GOOD)

    async def work(hash):
        before = time.process_time()
        await passwords.verified("another one", hash)
        return time.process_time() - before

    known, unknown = [], []
    for _ in range(7):
        known.append(await work(hash))
        unknown.append(await work(None))
    assert abs(statistics.median(known) - statistics.median(unknown)) < 0.01


@pytest.mark.slow
async def test_too_many_at_once_are_refused_and_the_rest_are_served():
    hash = await passwords.hashed(GOOD)
    crowd = 3 * (passwords.WORKERS + passwords.WAITING)
    answers = await asyncio.gather(
        *(passwords.verified(GOOD, hash) for _ in range(crowd)), return_exceptions=True
    )
    refused = [answer for answer in answers if isinstance(answer, Problem)]
    assert {problem.code for problem in refused} == {"BUSY"}
    assert answers.count(True) == crowd - len(refused) == passwords.WORKERS + passwords.WAITING
    assert await passwords.verified(GOOD, hash)


@pytest.mark.slow
async def test_whoever_goes_away_leaves_their_place():
    hash = await passwords.hashed(GOOD)
    for _ in range(passwords.WORKERS + passwords.WAITING + 1):
        waiting = asyncio.ensure_future(passwords.verified(GOOD, hash))
        await asyncio.sleep(0)
        waiting.cancel()
    await asyncio.sleep(0.2)
    assert await passwords.verified(GOOD, hash)
