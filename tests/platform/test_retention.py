"""Sessions, mailed links and counts of sign-in attempts are deleted some time after their end."""

from uuid import uuid4

import pytest

from db.retention import prune

LINK = """
INSERT INTO mailed_links (id, token_hash, purpose, email, created_at, expires_at)
SELECT gen_random_uuid(), sha256(convert_to($1 || i, 'UTF8')), 'sign_up', $1,
    now() - interval '90 days', now() - make_interval(hours => i)
FROM unnest(ARRAY[-1, 23, 25, 26]) AS i
"""
ATTEMPT = """
INSERT INTO sign_in_attempts (subject, level, counted_at)
SELECT sha256(convert_to($1 || i, 'UTF8')), 1, now() - make_interval(hours => i)
FROM unnest(ARRAY[0, 47, 49]) AS i
"""
SESSION = """
INSERT INTO sessions (id, token_hash, user_id, created_at, expires_at)
SELECT gen_random_uuid(), sha256(convert_to($2 || i, 'UTF8')), $1, now() - interval '90 days',
    now() - make_interval(days => i)
FROM unnest(ARRAY[-1, 29, 31, 32, 33]) AS i
"""


@pytest.mark.parametrize("batch", [1, 500])
async def test_what_has_long_ended_is_deleted_and_nothing_else(world, database, superuser, batch):
    name, person = f"{uuid4().hex}@demo.example", world.people["outsider"]
    await superuser.execute(LINK, name)
    await superuser.execute(ATTEMPT, name)
    await superuser.execute(SESSION, person, name)
    assert await prune(database, "upkeep.sign_ins", batch) >= 6
    left = [
        await superuser.fetchval("SELECT count(*) FROM mailed_links WHERE email = $1", name),
        await superuser.fetchval(
            "SELECT count(*) FROM sign_in_attempts WHERE subject = ANY (SELECT sha256("
            "convert_to($1 || i, 'UTF8')) FROM unnest(ARRAY[0, 47, 49]) AS i)",
            name,
        ),
        await superuser.fetchval(
            "SELECT count(*) FROM sessions WHERE user_id = $1"
            " AND created_at < now() - interval '89 days'",
            person,
        ),
    ]
    assert left == [2, 2, 2]
    assert await prune(database, "upkeep.nothing") == 0
