"""Assessing of documents, as members, workers and the operator do it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from db.job_queue import Claimed as Job
from graph.compliance import jobs, keeping
from graph.compliance.definitions import CATALOGUE, FrameworkFile, read_framework
from graph.demo.compliance import WORKER
from graph.platform.jobs.run import Run, Services
from tests.compliance.uploading import Compliance

POLICY = b"""Access control

All employees have a unique user account and sign in with multi-factor authentication.
Access follows least privilege and is granted after approval by the manager. Access rights are
reviewed every quarter, and removed within one day when a person leaves.
\f
Backups

Data is backed up every night. Recovery from a backup is tested twice a year.
All data is encrypted in transit by TLS and at rest by AES.
"""
CREATE = """mutation ($input: AssessmentCreateInput!) {
    assessmentCreate(input: $input) { assessment { id version status documentName } } }"""
FINDING = """framework requirement title status severity evidence { page quote } rejectedQuotes
    recommendation"""
SHOW = f"""query ($id: UUID!, $filter: FindingFilterInput) {{ assessment(id: $id) {{
    id version status progress score errorMessage attempts durationMs modelName severityCounts
    completedAt frameworks {{ nodes {{ frameworkRevision framework {{ code revision }}
        revision {{ name requirements {{ id title }} }} }} }}
    results(filter: $filter) {{ summary score partial findings {{ {FINDING} }} }} }} }}"""
DELETE = """mutation ($id: UUID!, $version: BigInt!) {
    assessmentDelete(id: $id, expectedVersion: $version) { assessment { version } } }"""
RESTORE = """mutation ($id: UUID!, $version: BigInt!) {
    assessmentRestore(id: $id, expectedVersion: $version) { assessment { version status } } }"""
USAGE = """query ($id: UUID!) { organization(id: $id) { assessmentUsage {
    billable assessments { current maximum } } } }"""
CLAIM = """mutation ($input: AssessmentsClaimInput!) { assessmentsClaim(input: $input) {
    assessments { id organizationId attempt leaseId leaseExpiresAt
        document { id name mediaType size sha256 url }
        frameworks { code name revision definition requirements { id } } } } }"""
EXTEND = """mutation ($id: UUID!, $lease: UUID!, $seconds: Int!, $progress: Float, $found: JSON) {
    assessmentExtend(id: $id, leaseId: $lease, leaseSeconds: $seconds, progress: $progress,
        findings: $found) { leaseExpiresAt } }"""
COMPLETE = """mutation ($id: UUID!, $lease: UUID!, $results: JSON!) {
    assessmentComplete(id: $id, leaseId: $lease, results: $results, model: "test") { status } }"""
FAIL = """mutation ($id: UUID!, $lease: UUID!, $final: Boolean!) {
    assessmentFail(id: $id, leaseId: $lease, error: "It broke.", final: $final) { status } }"""
EVENTS = """SELECT * FROM usage_logs WHERE organization_id = $1
    AND feature = 'assessment_completed' ORDER BY created_at"""
EMPTY_QUEUE = """UPDATE assessments SET status = 'failed', lease_id = NULL, claimed_until = NULL
    WHERE status IN ('pending', 'processing') AND worker IS DISTINCT FROM $1"""
"""Ends the assessments that tests of other things left, mostly of documents without content.

That of the demonstration is left: no worker claims it within its lease of a day.
"""
END_FUTURE = "UPDATE assessments SET started_at = now() WHERE started_at > now()"
"""Ends starts in the future, which rows of other tests have, and by which tenants take turns."""


def job_of_gateway(id: UUID) -> Job:
    """Return a job of the gateway, in the name of nobody."""
    return Job(
        id=id,
        organization_id=None,
        user_id=None,
        scopes=None,
        confined_project=None,
        kind="test",
        payload={},
        attempts=1,
        max_attempts=3,
        lease_id=uuid4(),
        traceparent=None,
    )


class Assessing:
    """A tenant with frameworks of its own, and a worker of the gateway."""

    def __init__(self, compliance: Compliance) -> None:
        self.compliance, self.world = compliance, compliance.world

    @classmethod
    async def alone(cls, compliance: Compliance) -> "Assessing":
        """Return the tenant, before a queue that holds nothing of other tests."""
        await compliance.world.superuser.execute(EMPTY_QUEUE, WORKER)
        await compliance.world.superuser.execute(END_FUTURE)
        return cls(compliance)

    async def framework(self, name: str = "SOC2", **changes: Any) -> dict[str, Any]:
        """Add one of the gateway's frameworks under a code of this tenant alone."""
        file = read_framework((CATALOGUE / f"{name}.json").read_bytes())
        values = file.model_dump(exclude_unset=True) | {"code": f"{name}-{self.world.name.upper()}"}
        file = FrameworkFile.model_validate(values | changes)
        await keeping.add(self.world.database, file)
        row = await self.world.superuser.fetchrow(
            "SELECT id, code, revision FROM frameworks WHERE code = $1", file.code
        )
        return dict(row)

    async def document(self, content: bytes = POLICY, **input: Any) -> dict[str, Any]:
        """Upload a document, and store its text as the job does."""
        return await self.compliance.uploaded(content, **input)

    async def create(
        self, document: Any, frameworks: Sequence[Any], by: str = "member"
    ) -> dict[str, Any]:
        """Create an assessment."""
        input = {
            "complianceDocumentId": document["id"],
            "frameworkIds": [f["id"] for f in frameworks],
        }
        return (await self.world.ask(by, CREATE, input=input))["assessment"]

    async def show(self, id: Any, by: str = "viewer", **variables: Any) -> dict[str, Any]:
        """Return an assessment as a person sees it."""
        return await self.world.ask(by, SHOW, id=id, **variables)

    def run(self, **services: Any) -> Run:
        """Return a run of a job of the gateway."""
        given = Services(storage=self.compliance.storage, **services)
        return Run(self.world.database, job_of_gateway(uuid4()), None, given)

    async def work(self, **services: Any) -> None:
        """Run all assessments that are pending."""
        while await jobs.assess_next(self.run(**services)):
            pass

    async def assessed(
        self, content: bytes = POLICY, name: str = "Policy.txt", **services: Any
    ) -> dict[str, Any]:
        """Upload and assess a document against SOC 2; return the assessment."""
        framework = await self.framework()
        made = await self.create(await self.document(content, name=name), [framework])
        await self.work(**services)
        return await self.show(made["id"])

    async def events(self) -> list[Any]:
        """Return the usage events of the tenant."""
        return await self.world.superuser.fetch(EVENTS, self.world.organization)

    async def claim(self, by: str = "owner", **input: Any) -> list[dict[str, Any]]:
        """Claim assessments as a worker outside."""
        return (await self.world.ask(by, CLAIM, input=input))["assessments"]

    async def plan(self, plan: str) -> None:
        """Change the plan of the organization."""
        await self.world.superuser.execute(
            "UPDATE organizations SET billing_plan = $2 WHERE id = $1",
            self.world.organization,
            plan,
        )
