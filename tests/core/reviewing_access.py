"""The operations of access reviews, for tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

from graph.platform.access_reviews.jobs import KINDS
from tests.platform.jobs.kinds import worker

ITEM = """id kind grantId grantVersion role objectType objectId decision comment isStale
    grantedAt lastUsedAt expiresAt userId grantedBy { id } decidedBy { id } object { id }"""
CREATE = """mutation ($input: AccessReviewCreateInput!) { accessReviewCreate(input: $input) {
    accessReview { id version state endsUnconfirmed projectId reviewers { id } } } }"""
READ = f"""query ($id: UUID!) {{ accessReview(id: $id) {{ id version name state dueDate closedAt
    closedBy {{ id }} endsBy {{ id }} items(first: 100) {{ totalCount nodes {{ {ITEM} }} }}
    report {{ content contentHash chainSeq chainHash isIntact }} }} }}"""
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: AccessReviewUpdateInput!) {
    accessReviewUpdate(id: $id, expectedVersion: $version, input: $input) {
        accessReview { id version endsUnconfirmed reviewers { id } } } }"""
DECIDE = f"""mutation ($id: UUID!, $decisions: [AccessDecisionInput!]!) {{
    accessReviewDecide(id: $id, decisions: $decisions) {{
        accessReview {{ id version }} items {{ {ITEM} }} }} }}"""
CLOSE = """mutation ($id: UUID!, $version: BigInt!) {
    accessReviewClose(id: $id, expectedVersion: $version) {
        accessReview { id version state report { contentHash } } } }"""
CANCEL = CLOSE.replace("accessReviewClose", "accessReviewCancel")


class AccessReviewing:
    """One access review of a test's tenant, and what people do with it."""

    def __init__(self, world: Any, id: str) -> None:
        self.world, self.id = world, id

    @classmethod
    async def begin(
        cls, world: Any, *, by: str = "owner", reviewers: Any = ("owner", "admin"), **more: Any
    ) -> "AccessReviewing":
        """Create a review of the organization, or of another object."""
        input = {
            "objectId": world.organization,
            "name": "Access 2026",
            "dueDate": (datetime.now(UTC) + timedelta(hours=3)).isoformat(),
            "reviewerIds": [world.people[name] for name in reviewers],
            **more,
        }
        answer = await world.ask(by, CREATE, input=input)
        return cls(world, answer["accessReview"]["id"])

    async def read(self, person: str = "owner") -> Any:
        """Return the review as the person reads it."""
        return await self.world.ask(person, READ, id=self.id)

    async def items(self, name: str, kind: str = "MEMBERSHIP") -> list[Any]:
        """Return the items of this kind of a person."""
        user = str(self.world.people[name])
        found = (await self.read())["items"]["nodes"]
        return [one for one in found if one["userId"] == user and one["kind"] == kind]

    async def item(self, name: str, kind: str = "MEMBERSHIP") -> Any:
        """Return the only one."""
        (one,) = await self.items(name, kind)
        return one

    async def decide(self, by: str, verdict: str, *items: Any, **more: Any) -> Any:
        """Give the same verdict on items."""
        decisions = [{"itemId": item["id"], "verdict": verdict, **more} for item in items]
        answer = await self.world.ask(by, DECIDE, id=self.id, decisions=decisions)
        return answer["items"]

    async def write(self, by: str, mutation: str, **more: Any) -> Any:
        """Run a mutation at the present version."""
        version = (await self.read())["version"]
        return await self.world.ask(by, mutation, id=self.id, version=version, **more)

    async def come_due(self) -> None:
        """Let the due date pass, and do what is to be done then."""
        await self.world.superuser.execute(
            "UPDATE access_reviews SET created_at = now() - interval '2 days',"
            " due_date = now() - interval '1 hour' WHERE id = $1",
            self.id,
        )
        await self.run_jobs()

    async def run_jobs(self) -> None:
        """Run the jobs of access reviews as a worker does."""
        one = worker(self.world.database, *KINDS)
        await one.schedule()
        await self.world.superuser.execute(
            "UPDATE jobs SET run_at = now() WHERE kind = 'access_reviews.find_due'"
        )
        await one.run_due()
