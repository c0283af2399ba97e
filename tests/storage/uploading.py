"""Uploading files of a tenant, as clients do."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from graph.kit.storage import Storage
from tests.world import World

FILE = """id version name mediaType size state purpose sha256 url ownerId ownerType expiresAt
    testCase { id } testExecution { id } document { id } project { id }"""
UPLOAD = """upload { expiresAt urlExpiresAt
    parts { number size url uploaded headers { name value } } }"""
CREATE = f"""mutation ($input: FileCreateInput!) {{
    fileCreate(input: $input) {{ file {{ {FILE} }} {UPLOAD} }} }}"""
RESUME = f"""mutation ($id: UUID!) {{ fileResume(id: $id) {{ file {{ {FILE} }} {UPLOAD} }} }}"""
FINISH = f"mutation ($id: UUID!) {{ fileFinish(id: $id) {{ file {{ {FILE} }} }} }}"
SHOW = f"query ($id: UUID!) {{ file(id: $id) {{ {FILE} }} }}"
DELETE = """mutation ($id: UUID!, $version: BigInt!) {
    fileDelete(id: $id, expectedVersion: $version) { file { id version } } }"""
RENAME = """mutation ($id: UUID!, $version: BigInt!, $name: String!) {
    fileUpdate(id: $id, expectedVersion: $version, input: {name: $name}) { file { name } } }"""
RESTORE = """mutation ($id: UUID!, $version: BigInt!) {
    fileRestore(id: $id, expectedVersion: $version) { file { name } } }"""
USED = "query ($id: UUID!) { organization(id: $id) { storageUsed } }"

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4
TEXT = b"Stop within 40 m.\n" * 100


@dataclass
class Uploading:
    """A tenant, the storage of its gateway, and a client for the addresses that it gives."""

    world: World
    storage: Storage
    outside: httpx.AsyncClient

    async def create(self, by: str = "editor", **input: Any) -> dict[str, Any]:
        """Create a file, by default a text of the document; return it with its upload."""
        given = {
            "ownerId": self.world.document,
            "name": "Notes.txt",
            "mediaType": "text/plain",
            "size": len(TEXT),
        }
        return await self.world.ask(by, CREATE, input=given | input)

    async def send(self, part: dict[str, Any], content: bytes, **headers: str) -> httpx.Response:
        """Upload a part, as its address asks."""
        asked = {header["name"]: header["value"] for header in part["headers"]}
        return await self.outside.put(part["url"], content=content, headers=asked | headers)

    async def finish(self, id: str, by: str = "editor") -> dict[str, Any]:
        """Finish an upload; return the file."""
        return (await self.world.ask(by, FINISH, id=id))["file"]

    async def stored(self, content: bytes = TEXT, **input: Any) -> dict[str, Any]:
        """Create a file, upload its content, and finish; return the file."""
        made = await self.create(size=len(content), **input)
        rest = content
        for part in made["upload"]["parts"]:
            size = int(part["size"])
            assert (await self.send(part, rest[:size])).is_success
            rest = rest[size:]
        return await self.finish(made["file"]["id"])

    async def used(self) -> int:
        """Return the bytes that the organization stores."""
        found = await self.world.ask("owner", USED, id=self.world.organization)
        return int(found["storageUsed"])

    async def show(self, id: str | UUID, by: str = "viewer") -> dict[str, Any]:
        """Return a file as a person sees it."""
        return await self.world.ask(by, SHOW, id=id)
