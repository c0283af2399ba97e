"""Probes and metrics for orchestrators and monitoring."""

import pytest
from prometheus_client.parser import text_string_to_metric_families


async def samples(client) -> dict[tuple[str, ...], float]:
    """Return the metrics by name and values of labels, the labels in alphabetical order."""
    text = (await client.get("/metrics")).text
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_the_process_lives_whatever_the_database_does(client_with):
    async def unreachable() -> str:
        return "the database cannot be reached"

    client = client_with(ready=unreachable)
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    response = await client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "not ready", "reason": "the database cannot be reached"}


async def test_it_is_ready_when_nothing_is_in_the_way(toy):
    response = await toy.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ready"})


async def test_a_defect_of_the_probe_is_no_readiness(client_with):
    async def broken() -> str:
        raise OSError

    assert (await client_with(ready=broken).get("/readyz")).status_code == 500


async def test_answers_are_counted_by_operation_and_code(toy):
    for query in ("{ hello }", "{ hello }", "{ refused }", "{", "mutation { x }"):
        await toy.post("/graphql", json={"query": query})
    await toy.post("/graphql", json=[])
    await toy.post("/graphql", json={"query": "{ items(first: 20) { nodes { id } } }"})
    found = await samples(toy)
    count = "gateway_graphql_requests_total"
    assert found[count, "OK", "query"] == 3
    assert found[count, "CONFLICT", "query"] == 1
    assert found[count, "GRAPHQL_PARSE_FAILED", "none"] == 1
    assert found[count, "GRAPHQL_VALIDATION_FAILED", "none"] == 1
    assert found[count, "BAD_REQUEST", "none"] == 1
    assert found["gateway_graphql_seconds_count", "query"] == 4
    assert found["gateway_graphql_cost_sum",] == 21
    assert found["gateway_graphql_in_flight",] == 0
    assert found["gateway_pool_connections", "app"] == 3
    assert found["gateway_pool_connections_used", "app"] == 1
    assert any(name == "gateway_build_info" for name, *_ in found)


async def test_a_client_cannot_add_labels(toy):
    for number in range(20):
        await toy.post("/graphql", json={"query": f"query Q{number} {{ hello }}"})
    before = len(await samples(toy))
    for number in range(20, 40):
        await toy.post("/graphql", json={"query": f"query Q{number} {{ hello }}"})
    assert len(await samples(toy)) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shown", "status"),
    [(None, 401), ("Bearer wrong", 401), ("scraper", 401), ("Bearer scraper", 200)],
)
async def test_metrics_are_for_those_with_the_token(client_with, shown, status):
    client = client_with(metrics_token="scraper")
    headers = {"authorization": shown} if shown else {}
    assert (await client.get("/metrics", headers=headers)).status_code == status


async def test_without_a_token_metrics_are_for_development(client_with):
    assert (await client_with(gateway_env="production").get("/metrics")).status_code == 404
    assert (await client_with(gateway_env="development").get("/metrics")).status_code == 200
