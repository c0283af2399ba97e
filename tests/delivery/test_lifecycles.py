"""Objects of delivery are created, changed, deleted and restored, one by one and in bulk."""

from strawberry.utils.str_converters import to_camel_case
from uuid_utils.compat import uuid7

from tests.delivery.objects import document
from tests.delivery.samples import BUILD

LIVES = {
    "team": ("teamCreate", "teamUpdate", "teamDelete", "teamRestore"),
    "team_member": ("teamMemberCreate", "teamMemberUpdate", "teamMemberDelete"),
    "project_delivery": (
        *("projectDeliveryCreate", "projectDeliveryUpdate"),
        *("projectDeliveryDelete", "projectDeliveryRestore"),
    ),
    "project_budget": (
        *("projectBudgetCreate", "projectBudgetUpdate"),
        *("projectBudgetDelete", "projectBudgetRestore"),
    ),
    "requirement_plan": (
        *("requirementPlanCreate", "requirementPlanUpdate"),
        *("requirementPlanDelete", "requirementPlanRestore"),
    ),
    "feature": (
        *("featureCreate", "featureUpdate", "featureRevert"),
        *("featureDelete", "featureRestore"),
    ),
    "feature_test": (
        *("featureTestCreate", "featureTestUpdate", "featureTestRevert"),
        *("featureTestDelete", "featureTestRestore"),
    ),
    "build": ("buildCreate", "buildUpdate", "buildDelete", "buildRestore"),
    "environment": (
        *("environmentCreate", "environmentUpdate"),
        *("environmentDelete", "environmentRestore"),
    ),
    "deployment": ("deploymentCreate", "deploymentUpdate"),
    "defect": ("defectCreate", "defectUpdate", "defectDelete", "defectRestore"),
    "vulnerability": (
        *("vulnerabilityCreate", "vulnerabilityUpdate"),
        *("vulnerabilityDelete", "vulnerabilityRestore"),
    ),
    "security_event": ("securityEventCreate", "securityEventUpdate"),
}
BULK = {
    "feature": ("featuresCreate", "featuresUpdate", "featuresDelete"),
    "feature_test": ("featureTestsCreate", "featureTestsUpdate", "featureTestsDelete"),
    "defect": ("defectsCreate", "defectsUpdate", "defectsDelete"),
}


async def call(world, mutation, row, **arguments):
    """Call a mutation with its arguments, and return the row that it answers."""
    selected = f"{row} {{ id version }}" if row else "succeeded results { error { code } }"
    answer = await world.ask("owner", document(mutation, selected, arguments), **arguments)
    return answer[row] if row else answer


def inputs(world, made):
    """Return the input of a new object and of a change, by its kind, from what was made before."""
    person = str(world.people["editor"])
    project = {"projectId": str(world.project)}
    return {
        "team": ({"organizationId": str(world.organization), "name": "Brakes"}, {"name": "Pads"}),
        "team_member": ({"teamId": made.get("team"), "userId": person}, {"role": "Tester"}),
        "project_delivery": (
            {**project, "ownerId": person, "teamId": made.get("team"), "techStack": ["Rust"]},
            {"repositoryUrl": "https://git.example/rover"},
        ),
        "project_budget": (
            {**project, "budgetAllocatedCents": "100"},
            {"budgetAllocatedCents": "3000000000"},
        ),
        "requirement_plan": (
            {
                "requirementId": str(world.requirement),
                "userStories": [{"text": "As a driver, I stop."}],
                "acceptanceCriteria": [{"text": "It stops.", "met": False}],
                "startDate": "2026-01-01",
            },
            {"targetDate": "2026-02-01"},
        ),
        "feature": (
            {**project, "requirementId": str(world.requirement), "name": "Brake pads"},
            {"developerId": person},
        ),
        "feature_test": ({"featureId": made.get("feature"), "name": "Stops"}, {"automated": True}),
        "build": ({**project, **BUILD}, {"codeCoveragePercent": 81.5}),
        "environment": ({**project, "name": "staging"}, {"protected": True}),
        "deployment": (
            {"buildId": made.get("build"), "environmentId": made.get("environment")},
            {"healthCheckStatus": "DEGRADED"},
        ),
        "defect": (
            {**project, "title": "Rolls on", "description": "It does not stop."},
            {"labels": ["brakes"]},
        ),
        "vulnerability": (
            {**project, "title": "Overflow", "severity": "HIGH", "cveId": "CVE-2026-12345"},
            {"status": "ACKNOWLEDGED"},
        ),
        "security_event": (
            {
                "organizationId": str(world.organization),
                "eventType": "failed_login",
                "severity": "LOW",
                "description": "A sign-in failed.",
            },
            {"investigationNotes": "A typing error."},
        ),
    }


async def test_every_object_is_created_changed_deleted_and_restored(world):
    made = {}
    for kind, (create, update, *further) in LIVES.items():
        new, change = inputs(world, made)[kind]
        row = to_camel_case(kind)
        at = await call(world, create, row, input=new)
        made[kind] = at["id"]
        arguments = {"id": at["id"], "expectedVersion": at["version"], "input": change}
        at = await call(world, update, row, **arguments)
        for mutation in further:
            arguments = {"id": at["id"], "expectedVersion": at["version"]}
            if mutation.endswith("Revert"):
                arguments["toVersion"] = "1"
            at = await call(world, mutation, row, **arguments)
        assert int(at["version"]) == 2 + len(further)


async def test_features_tests_and_defects_are_written_in_bulk(world):
    made = {}
    made["feature"] = (
        await call(world, "featureCreate", "feature", input=inputs(world, {})["feature"][0])
    )["id"]
    for kind, (create, update, delete) in BULK.items():
        new, change = inputs(world, made)[kind]
        name = to_camel_case(kind)
        creating = f"""mutation ($items: [{name[0].upper()}{name[1:]}CreateInput!]!) {{
            {create}(items: $items) {{ results {{ {name} {{ id version }} }} }} }}"""
        results = (await world.ask("editor", creating, items=[new, new]))["results"]
        rows = [result[name] for result in results]
        items = [{"id": row["id"], "expectedVersion": row["version"]} for row in rows]
        changes = [item | {"input": change} for item in items]
        assert (await call(world, update, None, items=changes))["succeeded"] == 2
        items = [item | {"expectedVersion": "2"} for item in items]
        assert (await call(world, delete, None, items=items))["succeeded"] == 2


ACCEPT = """mutation ($id: UUID!, $version: BigInt!, $until: Date!) {
    vulnerabilityRiskAccept(id: $id, expectedVersion: $version,
        input: {until: $until, reason: "Not reachable."}) {
        vulnerability { status riskReason riskAcceptedBy { id } } } }"""
RESOLVE = """mutation ($id: UUID!, $version: BigInt!) {
    securityEventResolve(id: $id, expectedVersion: $version, notes: "A typing error.") {
        securityEvent { resolved resolutionNotes } } }"""


async def test_only_an_administrator_accepts_a_risk_and_until_a_day_to_come(world):
    new, _ = inputs(world, {})["vulnerability"]
    row = await call(world, "vulnerabilityCreate", "vulnerability", input=new)
    accept = {"id": row["id"], "version": row["version"], "until": "2999-01-01"}
    assert await world.code("editor", ACCEPT, **accept) == "FORBIDDEN"
    assert await world.code("viewer", ACCEPT, **accept) == "FORBIDDEN"
    assert await world.code("outsider", ACCEPT, **accept) == "NOT_FOUND"
    assert await world.code("admin", ACCEPT, **accept | {"until": "2020-01-01"}) == "INVALID"
    accepted = (await world.ask("admin", ACCEPT, **accept))["vulnerability"]
    assert accepted == {
        "status": "ACCEPTED_RISK",
        "riskReason": "Not reachable.",
        "riskAcceptedBy": {"id": str(world.people["admin"])},
    }


async def test_an_administrator_resolves_an_event_of_security_once(world):
    new, _ = inputs(world, {})["security_event"]
    row = await call(world, "securityEventCreate", "securityEvent", input=new)
    resolve = {"id": row["id"], "version": row["version"]}
    assert await world.code("editor", RESOLVE, **resolve) == "NOT_FOUND"
    resolved = (await world.ask("admin", RESOLVE, **resolve))["securityEvent"]
    assert resolved == {"resolved": True, "resolutionNotes": "A typing error."}
    assert await world.code("admin", RESOLVE, id=row["id"], version="2") == "INVALID"


async def test_an_event_of_security_tells_nothing_of_the_resource_that_it_names(world):
    new, _ = inputs(world, {})["security_event"]
    hidden = (await call(world, "securityEventCreate", "securityEvent", input=new))["id"]
    document = """mutation ($input: SecurityEventCreateInput!) {
        securityEventCreate(input: $input) { securityEvent { resourceId } } }"""
    find = "query ($id: UUID!) { securityEvents(filter: {resourceId: {eq: $id}}) { totalCount } }"
    answers = []
    for id in (hidden, str(uuid7())):
        answer = await world.ask("editor", document, input=new | {"resourceId": id})
        answers.append(str(answer).replace(id, "the id"))
        assert await world.ask("admin", find, id=id) == {"totalCount": 1}
        assert await world.ask("editor", find, id=id) == {"totalCount": 0}
    assert answers[0] == answers[1]


async def test_builds_are_numbered_without_gaps_and_a_number_is_taken_once(world):
    document = """mutation ($input: BuildCreateInput!) {
        buildCreate(input: $input) { build { buildNumber } } }"""
    new = {"projectId": str(world.project), **BUILD}
    for number in (1, 2):
        made = await world.ask("editor", document, input=new)
        assert made["build"]["buildNumber"] == number
    assert await world.code("editor", document, input=new | {"buildNumber": 2}) == "ALREADY_EXISTS"
    assert await world.code("editor", document, input=new | {"buildNumber": -1}) == "INVALID"
    commit = new | {"gitCommitHash": "not a commit"}
    assert await world.code("editor", document, input=commit) == "INVALID"
    made = await world.ask("editor", document, input=new)
    assert made["build"]["buildNumber"] == 3


COUNTS = """query ($test: UUID!, $build: UUID!) {
    featureTest(id: $test) { version runCount passCount failCount lastRunStatus }
    build(id: $build) { version testsRun testsPassed testsFailed } }"""


async def test_numbers_of_tests_and_builds_follow_from_results_without_a_new_version(world):
    made = {}
    for kind in ("feature", "feature_test", "build"):
        row, new = to_camel_case(kind), inputs(world, made)[kind][0]
        made[kind] = (await call(world, LIVES[kind][0], row, input=new))["id"]
    await world.superuser.execute(
        "INSERT INTO test_results (organization_id, project_id, test_case_id, feature_id, build_id,"
        " status, executed_at) SELECT $1, $2, $3, $4, $5, s::feature_test_outcome,"
        " now() + n * interval '1 second'"
        " FROM unnest('{passed,passed,skipped,error,failed}'::text[]) WITH ORDINALITY AS r (s, n)",
        *(world.organization, world.project),
        *(made[kind] for kind in ("feature_test", "feature", "build")),
    )
    document = {"test": made["feature_test"], "build": made["build"]}
    answer = await world.answer("viewer", COUNTS, **document)
    assert answer["data"] == {
        "featureTest": {
            "version": 1,
            "runCount": 5,
            "passCount": 2,
            "failCount": 2,
            "lastRunStatus": "FAILED",
        },
        "build": {"version": 1, "testsRun": 5, "testsPassed": 2, "testsFailed": 2},
    }
    await world.superuser.execute(
        "DELETE FROM test_results WHERE test_case_id = $1 AND status <> 'passed'",
        made["feature_test"],
    )
    answer = await world.answer("viewer", COUNTS, **document)
    assert answer["data"]["featureTest"]["lastRunStatus"] == "PASSED"
    assert answer["data"]["build"]["testsRun"] == 2


DUE = """query ($after: String) { defects(first: 1, after: $after,
    orderBy: [{by: DUE_DATE}]) { nodes { dueDate } pageInfo { endCursor } } }"""


async def test_a_list_that_is_sorted_by_a_date_is_read_page_by_page(world):
    new, _ = inputs(world, {})["defect"]
    days = ["2026-01-01", "2026-01-02", None]
    for day in days:
        await call(world, "defectCreate", "defect", input=new | {"dueDate": day})
    after, found = None, []
    for _ in days:
        page = await world.ask("viewer", DUE, after=after)
        found += [node["dueDate"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
    assert found == days
