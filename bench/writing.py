"""Edits per second through HTTP: many clients in one document, and the same in 32 documents.

Each edit is a `requirementUpdate` of one field with the version its client has seen, under the
policy, recorded. Clients have a requirement each, so that what is measured is the gateway and not
conflicts. The yardstick is the bare UPDATE with its row of the record, one transaction each, in as
many connections, without policy, walls or HTTP. What the feed adds to a commit is seen in the same
edits without the trigger that enters them.
"""

import asyncio
import time
from itertools import count
from uuid import UUID

import asyncpg

from bench.stand import Stand

CLIENTS, EDITS, ROUNDS = 16, 20, 4
DOCUMENTS = 32

UPDATE = """mutation ($id: UUID!, $version: BigInt!, $name: String!) {
  requirementUpdate(id: $id, expectedVersion: $version, input: {name: $name}) {
    requirement { id version name } } }"""
BARE = """
WITH changed AS (UPDATE requirements SET name = $2, version = version + 1, updated_at = now()
    WHERE id = $1 RETURNING *)
INSERT INTO audit_logs (organization_id, project_id, document_id, entity_id, entity_type, action,
    version, changed_fields, new_data)
SELECT organization_id, project_id, document_id, id, 'Requirement', 'update', version,
    ARRAY['name'], jsonb_build_object('name', name) FROM changed
"""
TRIGGER = "ALTER TABLE audit_logs {} TRIGGER enter_feed"


async def measure(stand: Stand) -> None:
    """Edit, and print."""
    project = await stand.project(DOCUMENTS, 1, CLIENTS)
    rows = await stand.superuser.fetch(
        "SELECT id, document_id FROM requirements WHERE project_id = $1"
        " ORDER BY document_id, position",
        project,
    )
    one = [row["id"] for row in rows][:CLIENTS]
    spread = [row["id"] for row in rows][::CLIENTS][:DOCUMENTS]
    names = map("Edit {}".format, count())
    versions = dict.fromkeys((*one, *spread), 1)

    async def edit(id: UUID) -> None:
        sent = {"id": str(id), "version": str(versions[id]), "name": next(names)}
        await stand.ask(UPDATE, **sent)
        versions[id] += 1

    await edit(one[0])  # which lets the driver learn the types
    print(f"an edit: {await stand.statements(lambda: edit(one[0]))} statements")
    async with asyncpg.create_pool(stand.superuser_dsn, min_size=5, max_size=5) as pool:

        async def bare(id: UUID) -> None:
            await pool.execute(BARE, id, next(names))
            versions[id] += 1

        kinds = {
            "one document": (edit, one, True),
            "the same without feed": (edit, one, False),
            f"{DOCUMENTS} documents": (edit, spread, True),
            "bare, no walls": (bare, one, True),
            "bare, without feed": (bare, one, False),
        }
        seconds = dict.fromkeys(kinds, 0.0)
        for _ in range(ROUNDS):
            for kind, (write, ids, is_fed) in kinds.items():
                await stand.superuser.execute(TRIGGER.format("ENABLE" if is_fed else "DISABLE"))
                start = time.perf_counter()
                await asyncio.gather(*(_several(write, id, len(ids)) for id in ids))
                seconds[kind] += time.perf_counter() - start
    edits = CLIENTS * EDITS * ROUNDS
    for kind, (_, ids, _) in kinds.items():
        ratio = seconds["bare, no walls"] / seconds[kind]
        print(
            f"{len(ids):>3} clients  {kind:<22}{edits / seconds[kind]:9.1f} edits/s{ratio:8.2f} x"
        )


async def _several(write, id: UUID, clients: int) -> None:  # noqa: ANN001
    """One client's share of the edits, one after the other."""
    for _ in range(CLIENTS * EDITS // clients):
        await write(id)
