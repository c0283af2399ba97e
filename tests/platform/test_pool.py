"""Connections that the server has ended are replaced, and nobody is told of a defect."""

UPDATE = """mutation ($id: UUID!, $version: BigInt!, $name: String!) {
  requirementUpdate(id: $id, expectedVersion: $version, input: {name: $name}) {
    requirement { version } } }"""
KILL = (
    "SELECT count(pg_terminate_backend(pid, 1000)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name LIKE 'gateway%'"
)


async def test_after_the_server_has_ended_all_connections_requests_go_on(world, superuser):
    edit = {"id": world.requirement, "version": 1, "name": "The ferry stops"}
    assert await world.code("editor", UPDATE, **edit) is None
    assert await superuser.fetchval(KILL) >= 2
    codes = []
    while not codes or codes[-1] is not None:
        codes.append(await world.code("editor", UPDATE, **edit | {"version": 2, "name": "Stops"}))
        assert len(codes) < 20
    assert set(codes) <= {"BUSY", None}
    assert [record["version"] for record in await world.records(world.requirement)] == [2, 3]
