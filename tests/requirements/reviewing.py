"""The operations of workflows, reviews and signatures, for tests."""

import json
from typing import Any

from auth.credentials.browser_sessions import start
from auth.session import Origin
from db.pool import NOBODY
from tests.requirements.proposals import UPDATE
from tests.world import Refused

WORKFLOW = """mutation ($input: WorkflowCreateInput!) { workflowCreate(input: $input) {
    workflow { id version minApprovals transitions { source target role requiresApproval } } } }"""
REVIEW = """mutation ($input: ReviewCreateInput!) { reviewCreate(input: $input) {
    review { id version state quorum } } }"""
ITEM = """id entityType entityId entityVersion content isStale outcome approvals rejections
    author { id } entity { id }"""
READ = f"""query ($id: UUID!) {{ review(id: $id) {{ id version name state quorum dueDate closedAt
    items(first: 100) {{ totalCount nodes {{ {ITEM} verdicts {{ nodes {{ verdict comment
        reviewer {{ id }} }} }} }} }}
    reviewers {{ nodes {{ id role reviewer {{ id }} }} }} }} }}"""
SUBMIT = """mutation ($id: UUID!, $verdicts: [ReviewVerdictInput!]!) {
    reviewVerdictsSubmit(id: $id, verdicts: $verdicts) {
        review { id version } verdicts { id verdict comment } } }"""
EDIT = """mutation ($id: UUID!, $version: BigInt!, $input: ReviewEditInput!) {
    reviewEdit(id: $id, expectedVersion: $version, input: $input) { review { id version } } }"""
CLOSE = """mutation ($id: UUID!, $version: BigInt!) {
    reviewClose(id: $id, expectedVersion: $version) { review { id version state } } }"""
CANCEL = CLOSE.replace("reviewClose", "reviewCancel")
APPROVAL = """query ($id: UUID!) { requirement(id: $id) { status version
    statusChanges { target role requiresApproval viewerHasRole }
    approval { isStale approvedAt item { id review { id } } } } }"""
SIGN = """mutation ($input: SignatureCreateInput!) { signatureCreate(input: $input) {
    signature { id signerName signerEmail meaning comment content contentHash chainSeq chainHash
        signedAt authenticatedAt isIntact isStale entityType entityId signer { id } } } }"""


async def browser(world: Any, person: str, settings: Any) -> Any:
    """Return a function that posts as the person who has just signed in with a browser."""
    async with world.database.auth.lend(NOBODY) as lent:
        session = await start(lent, world.people[person], Origin(), settings)
    headers = {"Cookie": f"gateway={session.secret}", "Origin": str(world.client.base_url)}

    async def post(query: str, **variables: Any) -> Any:
        body = {"query": query, "variables": json.loads(json.dumps(variables, default=str))}
        answer = (await world.client.post("/graphql", json=body, headers=headers)).json()
        if answer.get("errors"):
            raise Refused(answer["errors"])
        return next(iter(answer["data"].values()))

    return post


class Reviewing:
    """One review of a test's tenant, and what people do with it."""

    def __init__(self, world: Any, id: str) -> None:
        self.world, self.id = world, id

    @classmethod
    async def begin(
        cls,
        world: Any,
        *entities: Any,
        by: str = "editor",
        reviewers: Any = ("viewer",),
        **more: Any,
    ) -> "Reviewing":
        """Create a review of these objects, or of the requirement."""
        people = [
            one if isinstance(one, dict) else {"userId": world.people[one]} for one in reviewers
        ]
        input = {
            "projectId": world.project,
            "name": "Review",
            "entityIds": list(entities or (world.requirement,)),
            "reviewers": people,
            **more,
        }
        made = await world.ask(by, REVIEW, input=input)
        return cls(world, made["review"]["id"])

    async def read(self, person: str = "editor") -> Any:
        """Return the review."""
        return await self.world.ask(person, READ, id=self.id)

    async def items(self) -> list[Any]:
        """Return its items."""
        return (await self.read())["items"]["nodes"]

    async def submit(self, person: str, verdict: str, *items: Any, comment: str = "") -> Any:
        """Give a verdict on these items, or on all."""
        ids = [item["id"] for item in items or await self.items()]
        verdicts = [{"itemId": id, "verdict": verdict, "comment": comment or None} for id in ids]
        return await self.world.ask(person, SUBMIT, id=self.id, verdicts=verdicts)

    async def edit(self, person: str = "editor", **input: Any) -> Any:
        """Add and remove items and reviewers."""
        version = (await self.read())["version"]
        return await self.world.ask(person, EDIT, id=self.id, version=version, input=input)

    async def end(self, how: str = CLOSE, person: str = "editor") -> Any:
        """Close or cancel it."""
        version = (await self.read())["version"]
        return await self.world.ask(person, how, id=self.id, version=version)


async def workflow(world: Any, *transitions: Any, by: str = "admin", **more: Any) -> Any:
    """Create the workflow of the project: the standard one, or one of these transitions."""
    input = {"projectId": world.project, **more}
    if transitions:
        input["transitions"] = [
            dict(zip(("source", "target", "role", "requiresApproval"), one, strict=False))
            for one in transitions
        ]
    return (await world.ask(by, WORKFLOW, input=input))["workflow"]


async def current(world: Any, id: Any = None) -> Any:
    """Return the requirement."""
    return await world.ask("editor", APPROVAL, id=id or world.requirement)


async def set_status(world: Any, status: str, person: str = "editor", **more: Any) -> Any:
    """Set the status of the requirement, as it is now."""
    version = (await current(world))["version"]
    input = {"status": status, **more}
    return await world.ask(person, UPDATE, id=world.requirement, version=version, input=input)
