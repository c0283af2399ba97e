"""One transaction for a whole request: its writes, the reads among them, and its stored answer."""

import asyncio

import pytest

from auth.session import Answered, ViewerSession
from auth.session.write import idempotency
from auth.viewer import ANONYMOUS
from db.problem import Problem
from tests.session.notebook import refused
from tests.session.notes import Folder, Note

HASH, OTHER_HASH = b"1" * 32, b"2" * 32
KEYS = "SELECT key, status FROM idempotency_keys WHERE user_id = $1"


@pytest.fixture
def once(notebook, settings):
    """Return a function that answers a request of a person once, each time in a new session."""

    async def once(answer, *, key="k", request_hash=HASH, person="editor", **of):
        session = await notebook.session(person, **of)
        return await session.once(settings, key, request_hash, lambda: answer(session))

    return once


def adding(notebook, *names, body=b"done", **answered):
    """Return a request that adds notes, one transaction each, and lists all in its answer."""

    async def answer(session):
        for name in names:
            async with session.transaction() as transaction:
                transaction.add(Note(**notebook.place, name=name))
        seen = sorted(row.name for row in await session.rows(Note))
        return Answered(body + b" " + ",".join(seen).encode(), **answered)

    return answer


async def test_a_request_is_done_once_and_its_answer_repeated(notebook, once, settings):
    first = await once(adding(notebook, "A", "B"))
    assert (first.body, first.replayed) == (b"done A,B", False)  # it reads what it has written
    again = await once(adding(notebook, "C"))
    assert again == Answered(first.body, replayed=True)
    assert await notebook.seen("viewer") == {"A", "B"}
    with refused("IDEMPOTENCY_MISMATCH"):
        await once(adding(notebook, "C"), request_hash=OTHER_HASH)
    other = await once(adding(notebook, "C"), key="other")
    theirs = await once(adding(notebook, "D"), person="admin")
    assert (other.body, theirs.body) == (b"done A,B,C", b"done A,B,C,D")
    nobody = ViewerSession(notebook.world.database, ANONYMOUS)
    with refused("UNAUTHENTICATED"):
        await nobody.once(settings, "k", HASH, lambda: adding(notebook, "E")(nobody))


async def test_of_requests_at_the_same_time_one_is_done_and_the_others_repeat_it(notebook, once):
    answers = await asyncio.gather(*(once(adding(notebook, f"N{n}")) for n in range(4)))
    assert sorted(answer.replayed for answer in answers) == [False, True, True, True]
    assert len({answer.body for answer in answers}) == 1
    assert len(await notebook.seen("viewer")) == 1


async def test_an_answer_that_is_not_final_undoes_all_and_a_repeat_is_a_new_attempt(notebook, once):
    called = []

    def on_commit(session):
        session.when_kept(lambda: called.append(session))

    async def attempt(session):
        on_commit(session)
        return await adding(notebook, "A", final=False)(session)

    assert (await once(attempt)).body == b"done A"
    assert await notebook.seen("viewer") == set()
    with pytest.raises(ZeroDivisionError):
        await once(lambda _: asyncio.sleep(1 / 0))
    assert called == []
    assert await notebook.world.superuser.fetch(KEYS, notebook.world.people["editor"]) == []
    assert (await once(adding(notebook, "A"))).replayed is False


async def test_a_write_that_is_refused_leaves_the_others_of_its_request(notebook, once):
    async def answer(session):
        problems = []
        folder = Folder(**notebook.place, name="F")
        async with session.transaction() as transaction:
            transaction.add(folder)
        for values in (
            {"name": "A", "code": "C-1"},
            {"name": "B", "code": "C-1"},  # PostgreSQL refuses it at once
            {"name": " "},
            {"name": "C", "parent_id": notebook.world.block},  # a folder that is none
            {"name": "D", "parent_id": folder.id},
        ):
            try:
                async with session.transaction() as transaction:
                    transaction.add(Note(**notebook.place, **values))
            except Problem as problem:
                problems.append(problem.code)
        seen = {row.name for row in await session.rows(Note)}
        return Answered(" ".join([*problems, *sorted(seen)]).encode())

    answered = await once(answer)
    assert answered.body == b"ALREADY_EXISTS INVALID NOT_FOUND A D"
    assert await notebook.seen("viewer") == {"A", "D"}


async def test_a_read_that_fails_undoes_nothing(notebook, once):
    async def answer(session):
        async with session.transaction() as transaction:
            transaction.add(Note(**notebook.place, name="A"))
        with pytest.raises(Exception, match="division by zero"):
            await session._send("SELECT 1 / 0", ())
        async with session.transaction() as transaction:
            transaction.add(Note(**notebook.place, name="B"))
        return Answered(",".join(sorted(row.name for row in await session.rows(Note))).encode())

    assert (await once(answer)).body == b"A,B"
    assert await notebook.seen("viewer") == {"A", "B"}


async def test_reads_and_writes_at_the_same_time_take_turns(notebook, once):
    async def answer(session):
        async def add():
            async with session.transaction() as transaction:
                transaction.add(Note(**notebook.place, name="A"))

        await asyncio.gather(session.rows(Note), add(), *(session.rows(Note) for _ in "123"))
        return Answered(str(len(await session.rows(Note))).encode())

    assert (await once(answer)).body == b"1"


async def test_what_fails_for_a_while_undoes_the_whole_request(notebook, once):
    async def answer(session):
        async with session.transaction() as transaction:
            transaction.add(Note(**notebook.place, name="A"))
        with refused("BUSY"):
            async with session.transaction():
                raise Problem("BUSY", "Later.")
        with refused("BUSY"):
            await session.rows(Note)  # nothing more is done
        return Answered(b"never")

    with refused("BUSY"):
        await once(answer)
    assert await notebook.seen("viewer") == set()


async def test_an_answer_is_repeated_to_who_reaches_as_much(notebook, once):
    reading = {"notes:read", "notes:write"}
    await once(adding(notebook, "A"), scopes=reading)
    assert (await once(adding(notebook, "B"), scopes={*reading, "admin"})).replayed
    with refused("FORBIDDEN"):
        await once(adding(notebook, "B"), scopes={"notes:read"})
    assert await notebook.seen("viewer") == {"A"}


async def test_an_answer_that_is_too_large_to_keep_undoes_its_request(notebook, once, monkeypatch):
    monkeypatch.setattr(idempotency, "MAX_ANSWER_BYTES", 20)
    with refused("QUERY_TOO_COMPLEX"):
        await once(adding(notebook, "A", body=b"d" * 20))
    assert await notebook.seen("viewer") == set()
