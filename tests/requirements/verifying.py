"""Operations on test cases and executions, for tests."""

from typing import Any
from uuid import UUID

from tests.world import World

CASE = """id version testId title description testType priority status method result
    expectedResults preconditions testSteps { action expected } estimatedDuration category
    testEnvironment attachments { name url type size } isActive projectId"""
RUN = """id version executionStatus resultNotes executedAt executionEnvironment executionVersion
    defects { key title url severity } evidenceArtifacts { name url type size } externalTestId
    externalReqId requirementVersion testCase { id status result } requirement { id }
    executedBy { id }"""
CREATE = f"""mutation ($input: TestCaseCreateInput!) {{
    testCaseCreate(input: $input) {{ testCase {{ {CASE} }} }} }}"""
UPDATE = f"""mutation ($id: UUID!, $version: BigInt!, $input: TestCaseUpdateInput!) {{
    testCaseUpdate(id: $id, expectedVersion: $version, input: $input) {{
    merged testCase {{ {CASE} }} }} }}"""
RECORD = f"""mutation ($input: ExecutionRecordInput!) {{
    executionRecord(input: $input) {{ testExecution {{ {RUN} }} }} }}"""
RECORD_MANY = """mutation (
    $items: [ExecutionRecordInput!]!, $onError: OnError! = ABORT, $dryRun: Boolean! = false) {
    executionsRecord(items: $items, onError: $onError, dryRun: $dryRun) { succeeded failed
    results { index error { code field message } testExecution { id testCase { id } } } } }"""
CHANGE = f"""mutation ($id: UUID!, $version: BigInt!, $input: TestExecutionUpdateInput!) {{
    testExecutionUpdate(id: $id, expectedVersion: $version, input: $input) {{
    merged testExecution {{ {RUN} }} }} }}"""
DISCARD = """mutation ($id: UUID!, $version: BigInt!) {
    testExecutionDelete(id: $id, expectedVersion: $version) { testExecution { id } } }"""
SHOW = f"query ($id: UUID!) {{ testCase(id: $id) {{ {CASE} }} }}"


async def case(world: World, by: str = "editor", **input: Any) -> dict[str, Any]:
    """Create a test case; return it."""
    given = {"projectId": world.project, "title": "Stops in time"} | input
    return (await world.ask(by, CREATE, input=given))["testCase"]


async def record(
    world: World, case: Any, status: str, by: str = "editor", **input: Any
) -> dict[str, Any]:
    """Record an execution of the case for the world's requirement; return it."""
    given = {
        "testCaseId": case["id"],
        "requirementId": world.requirement,
        "executionStatus": status,
    }
    return (await world.ask(by, RECORD, input=given | input))["testExecution"]


async def outcome(world: World, case: Any) -> tuple[str, str | None]:
    """Return the status and the result of a case."""
    found = await world.ask("viewer", SHOW, id=case["id"])
    return found["status"], found["result"]


async def requirement(world: World, name: str = "Another", position: float = 2.0) -> UUID:
    """Insert a requirement into the document, and return its ID."""
    return await world.superuser.fetchval(
        "INSERT INTO requirements (organization_id, project_id, document_id, name, position)"
        " VALUES ($1, $2, $3, $4, $5) RETURNING id",
        *(world.organization, world.project, world.document, name, position),
    )
