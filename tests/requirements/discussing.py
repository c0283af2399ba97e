"""The operations of comments, for tests."""

from typing import Any

from tests.world import World

ANCHOR = "field path state quote text prefix suffix start end"
THREAD = f"""id version entityType entityId resolvedAt resolvedBy {{ id }}
    entity {{ id }} document {{ id }} project {{ id }} anchor {{ {ANCHOR} }}
    comments {{ nodes {{ id version body editedAt mentions {{ id }} createdBy {{ id }} }} }}"""
START = f"""mutation ($input: CommentThreadCreateInput!) {{
    commentThreadCreate(input: $input) {{ commentThread {{ {THREAD} }} }} }}"""
REPLY = """mutation ($input: CommentCreateInput!) { commentCreate(input: $input) {
    comment { id version body mentions { id } } } }"""
EDIT = """mutation ($id: UUID!, $version: BigInt! = 1, $input: CommentUpdateInput!) {
    commentUpdate(id: $id, expectedVersion: $version, input: $input) {
        comment { version body editedAt mentions { id } } merged } }"""
RESOLVE = """mutation ($id: UUID!, $version: BigInt! = 1) {
    commentThreadResolve(id: $id, expectedVersion: $version) {
        commentThread { version resolvedAt resolvedBy { id } } } }"""
REOPEN = """mutation ($id: UUID!, $version: BigInt! = 2) {
    commentThreadReopen(id: $id, expectedVersion: $version) {
        commentThread { version resolvedAt resolvedBy { id } } } }"""
DELETE_THREAD = """mutation ($id: UUID!, $version: BigInt! = 1) {
    commentThreadDelete(id: $id, expectedVersion: $version) { commentThread { id } } }"""
RESTORE_THREAD = """mutation ($id: UUID!, $version: BigInt! = 2) {
    commentThreadRestore(id: $id, expectedVersion: $version) { commentThread { id } } }"""
DELETE = """mutation ($id: UUID!, $version: BigInt! = 1) {
    commentDelete(id: $id, expectedVersion: $version) { comment { id } } }"""
RESTORE = """mutation ($id: UUID!, $version: BigInt! = 2) {
    commentRestore(id: $id, expectedVersion: $version) { comment { id } } }"""
READ = f"query ($id: UUID!) {{ commentThread(id: $id) {{ {THREAD} }} }}"
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: RequirementUpdateInput!) {
    requirementUpdate(id: $id, expectedVersion: $version, input: $input) {
        requirement { version } } }"""
MINE = """{ viewer { notifications { nodes { type title message project { id }
    metadata entity { ... on Comment { body thread { id } } ... on CommentThread { id } } } } } }"""


async def start(world: World, by: str = "viewer", **input: Any) -> dict[str, Any]:
    """Start a thread about the requirement, and return it."""
    given = {"entityId": world.requirement, "body": "Is 40 m enough?"} | input
    return (await world.ask(by, START, input=given))["commentThread"]


async def reply(world: World, thread: str, by: str = "viewer", **input: Any) -> dict[str, Any]:
    """Add a comment to a thread, and return it."""
    given = {"threadId": thread, "body": "Yes."} | input
    return (await world.ask(by, REPLY, input=given))["comment"]


async def anchor(world: World, thread: str) -> dict[str, Any]:
    """Return the anchor of a thread."""
    return (await world.ask("viewer", READ, id=thread))["anchor"]


async def told(world: World, person: str) -> list[dict[str, Any]]:
    """Return the notifications of a person, newest first."""
    return (await world.ask(person, MINE))["notifications"]["nodes"]


async def write(world: World, version: int, **input: Any) -> int:
    """Change the requirement; return its new version."""
    answer = await world.ask("editor", UPDATE, id=world.requirement, version=version, input=input)
    return int(answer["requirement"]["version"])
