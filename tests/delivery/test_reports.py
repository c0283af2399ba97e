"""A report of a build server is recorded once, with its results, coverage and scans."""

import asyncio

from tests.core.keys import make_key
from tests.delivery.objects import build
from tests.delivery.reporting import CYCLONEDX, JUNIT, SARIF, Reporter, tested_feature

BUILD = """query ($id: UUID!) { build(id: $id) { buildNumber status codeCoveragePercent testsRun
    testsPassed testsFailed securityScanStatus vulnerabilitiesCritical vulnerabilitiesMedium
    triggeredBy { id } completedAt version
    results(filter: {status: {eq: PASSED}}) { nodes {
        durationMs executedAt executionEnvironment test { externalId } } } } }"""
TESTS = """query ($id: UUID!) { project(id: $id) { featureTests(orderBy: [{by: EXTERNAL_ID}]) {
    nodes { externalId version runCount passCount failCount lastRunStatus
        feature { externalId } } } } }"""
VULNERABILITIES = """query ($id: UUID!) { project(id: $id) { vulnerabilities(
    orderBy: [{by: SEVERITY}]) { nodes { cveId component title severity status } } } }"""


async def test_one_report_with_a_key_makes_a_build_with_results_coverage_and_scans(world):
    await tested_feature(world, "brakes.stops", "brakes.holds")
    await make_key(world, "delivery:write")
    files = [("junit", JUNIT), ("sarif", SARIF), ("cyclonedx", CYCLONEDX)]
    outcome = await Reporter(world, "robot").report(
        *files, codeCoveragePercent="81.5", executionEnvironment="docker"
    )
    assert outcome["results"] == {"passed": 1, "failed": 1, "skipped": 0, "error": 0}
    assert outcome["tests"]["unknown"] == ["brakes.locks"]
    assert outcome["vulnerabilities"] == {"created": 2, "known": 0, "reopened": 0}
    read = await world.ask("viewer", BUILD, id=outcome["build"]["id"])
    results = read.pop("results")["nodes"]
    assert read.pop("completedAt")
    assert read == {
        "buildNumber": 1,
        "status": "SUCCESS",
        "version": 1,
        "codeCoveragePercent": 81.5,
        "testsRun": 2,
        "testsPassed": 1,
        "testsFailed": 1,
        "securityScanStatus": "FAILED",
        "vulnerabilitiesCritical": 1,
        "vulnerabilitiesMedium": 1,
        "triggeredBy": {"id": str(world.people["robot"])},
    }
    assert results == [
        {
            "durationMs": 250,
            "executedAt": "2026-02-03T04:05:06+00:00",
            "executionEnvironment": "docker",
            "test": {"externalId": "brakes.stops"},
        }
    ]
    found = (await world.ask("viewer", VULNERABILITIES, id=world.project))["vulnerabilities"]
    assert [list(one.values()) for one in found["nodes"]] == [
        ["CVE-2024-22195", "pkg:pypi/jinja2", "CVE-2024-22195", "MEDIUM", "OPEN"],
        [None, "rover/brakes.py", "A query is built from input.", "CRITICAL", "OPEN"],
    ]


async def test_unknown_tests_are_created_in_the_feature_that_the_report_names(world):
    await tested_feature(world)
    results = [
        {"test": "a", "status": "PASSED", "feature": "F-1"},
        {"test": "b", "status": "ERROR", "feature": "F-9", "name": "Bends"},
    ]
    reporter = Reporter(world)
    outcome = await reporter.report(("results", results), unknownTests="CREATE")
    assert outcome["tests"] == {"created": 1, "unknown": [], "unassigned": ["b"]}
    outcome = await reporter.report(("results", results), unknownTests="CREATE", feature="F-1")
    assert outcome["tests"]["created"] == 1
    assert await reporter.refused(feature="F-9") == ("NOT_FOUND", ["feature"])
    tests = (await world.ask("viewer", TESTS, id=world.project))["featureTests"]["nodes"]
    assert [list(one.values())[:5] for one in tests] == [["a", 1, 2, 2, 0], ["b", 1, 1, 0, 1]]
    assert tests[0]["feature"] == {"externalId": "F-1"}


async def test_a_report_is_taken_once_and_another_one_of_its_number_is_refused(world):
    await tested_feature(world, "brakes.stops")
    reporter, other = Reporter(world), Reporter(world, "admin")
    first = await reporter.report(("junit", JUNIT))
    again = await other.report(("junit", JUNIT))
    assert again["repeated"]
    assert again["build"] == first["build"]
    (events,) = await world.superuser.fetchrow(
        "SELECT count(*) FROM audit_logs WHERE organization_id = $1 AND entity_type = 'Build'",
        world.organization,
    )
    assert events == 1
    (results,) = await world.superuser.fetchrow(
        "SELECT count(*) FROM test_results WHERE project_id = $1", world.project
    )
    assert results == 1
    refused = await reporter.refused(("junit", JUNIT), buildNumber="1", versionTag="1.4.1")
    assert refused == ("ALREADY_EXISTS", ["buildNumber"])


async def test_a_report_completes_the_build_that_was_created_when_it_started(world):
    for number, status in ((1, "PENDING"), (2, "BUILDING")):
        made = await build(world, status=status, buildNumber=number)
        outcome = await Reporter(world).report(buildNumber=str(number), status="FAILED")
        assert outcome["build"]["id"] == made["id"]
        assert outcome["build"]["status"] == "FAILED"
    await build(world, buildNumber=3)
    refused = await Reporter(world).refused(buildNumber="3", status="FAILED")
    assert refused == ("INVALID", ["status"])


async def test_numbers_are_exact_under_sixteen_reports_at_once(world):
    names = [f"t{number}" for number in range(5)]
    await tested_feature(world, *names)
    reporter = Reporter(world)
    results = [{"test": name, "status": "PASSED"} for name in reversed(names)]
    sent = [reporter.report(("results", results)) for _ in range(8)]
    results = [{"test": name, "status": "SKIPPED"} for name in names]
    sent += [reporter.report(("results", results)) for _ in range(7)]
    sent.append(Reporter(world).report(("results", results), buildNumber="1000"))
    outcomes = await asyncio.gather(*sent)
    assert len({outcome["build"]["id"] for outcome in outcomes}) == 16
    tests = (await world.ask("viewer", TESTS, id=world.project))["featureTests"]["nodes"]
    assert [list(one.values())[1:5] for one in tests] == [[1, 16, 8, 0]] * 5


async def test_the_same_report_that_is_sent_at_once_makes_one_build(world):
    await tested_feature(world, "brakes.stops")
    sent = [Reporter(world).report(("junit", JUNIT)) for _ in range(4)]
    outcomes = await asyncio.gather(*sent)
    assert sorted(outcome["repeated"] for outcome in outcomes) == [False, True, True, True]
    assert len({outcome["build"]["id"] for outcome in outcomes}) == 1


async def test_a_scan_that_is_repeated_finds_its_vulnerabilities_and_reopens_repaired_ones(world):
    reporter, files = Reporter(world), [("sarif", SARIF), ("cyclonedx", CYCLONEDX)]
    await reporter.report(*files)
    await world.superuser.execute(
        "UPDATE vulnerabilities SET status = 'remediated' WHERE project_id = $1 AND cve_id IS NULL",
        world.project,
    )
    await world.superuser.execute(
        "UPDATE vulnerabilities SET status = 'false_positive'"
        " WHERE project_id = $1 AND cve_id IS NOT NULL",
        world.project,
    )
    outcome = await reporter.report(*files)
    assert outcome["vulnerabilities"] == {"created": 0, "known": 2, "reopened": 1}
    read = await world.ask("viewer", BUILD, id=outcome["build"]["id"])
    assert read["vulnerabilitiesMedium"] == 0, "a false positive does not count"
    found = (await world.ask("viewer", VULNERABILITIES, id=world.project))["vulnerabilities"]
    assert [one["status"] for one in found["nodes"]] == ["FALSE_POSITIVE", "OPEN"]
    clean = await reporter.report(("cyclonedx", CYCLONEDX | {"vulnerabilities": []}))
    assert clean["build"]["securityScanStatus"] == "PASSED"


async def test_a_report_that_is_wrong_is_refused_with_its_path_and_changes_nothing(world):
    reporter = Reporter(world)
    results = [{"test": "a", "status": "PASSED"}]
    cases = [
        ({"buildNumber": "0"}, (), ["buildNumber"]),
        ({"gitCommitHash": "?"}, (), ["gitCommitHash"]),
        ({"status": "PENDING"}, (), ["status"]),
        ({"startedAt": "yesterday"}, (), ["startedAt"]),
        ({"owner": "me"}, (), ["owner"]),
        ({"versionTag": "a\x00"}, (), ["versionTag"]),
        ({"versionTag": None}, (), ["versionTag"]),
        ({}, [("results", [*results, {"test": "b", "status": "GREEN"}])], ["results", 1, "status"]),
        ({}, [("results", [{"test": " ", "status": "PASSED"}])], ["results", 0, "test"]),
        ({}, [("results", results * 10_001)], ["results"]),
        ({}, [("results", "[" * 100_000)], ["results"]),
        ({}, [("junit", "<html/>")], ["junit"]),
        ({}, [("junit", '<!DOCTYPE a [<!ENTITY b "c">]><testsuite/>')], ["junit"]),
        ({}, [("sarif", "[" * 100_000)], ["sarif"]),
        ({}, [("sarif", {"version": "2.1.0"})], ["sarif"]),
        ({}, [("cyclonedx", {"bomFormat": "CycloneDX", "components": 7})], ["cyclonedx"]),
        ({}, [("cyclonedx", SARIF)], ["cyclonedx"]),
        ({}, [("picture", "a")], ["picture"]),
    ]
    for fields, files, path in cases:
        assert await reporter.refused(*files, **fields) == ("INVALID", path), (fields, path)
    (builds,) = await world.superuser.fetchrow(
        "SELECT count(*) FROM builds WHERE project_id = $1", world.project
    )
    assert builds == 0


async def test_only_who_may_write_the_project_reports_to_it(world):
    reporter = Reporter(world)
    assert await reporter.refused(person="outsider") == ("NOT_FOUND", ["projectId"])
    assert (await reporter.refused(person="viewer"))[0] == "FORBIDDEN"
    await make_key(world, "delivery:read")
    assert (await reporter.refused(person="robot"))[0] == "FORBIDDEN"
    response = await world.client.post("/build-reports", data={"buildNumber": "1"})
    assert response.status_code == 401
    headers = {"Authorization": f"Bearer {await world.token('editor')}"}
    response = await world.client.post("/build-reports", json={}, headers=headers)
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
