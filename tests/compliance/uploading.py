"""Uploading of documents to assess, as clients do."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from graph.compliance.jobs import EXTRACT
from graph.kit.storage import Storage
from tests.platform.jobs.kinds import worker
from tests.world import World

DOCUMENT = """id version name mediaType size status errorMessage pageCount sha256 url expiresAt
    uploadedAt user { id } organization { id }"""
UPLOAD = """upload { expiresAt urlExpiresAt
    parts { number size url uploaded headers { name value } } }"""
START = f"""mutation ($input: ComplianceDocumentUploadStartInput!) {{
    complianceDocumentUploadStart(input: $input) {{
        complianceDocument {{ {DOCUMENT} }} {UPLOAD} }} }}"""
RESUME = f"""mutation ($id: UUID!) {{ complianceDocumentUploadResume(id: $id) {{
    complianceDocument {{ {DOCUMENT} }} {UPLOAD} }} }}"""
FINISH = f"""mutation ($id: UUID!) {{ complianceDocumentUploadFinish(id: $id) {{
    complianceDocument {{ {DOCUMENT} }} }} }}"""
RENAME = """mutation ($id: UUID!, $version: BigInt!, $name: String!) {
    complianceDocumentUpdate(id: $id, expectedVersion: $version, input: {name: $name}) {
        complianceDocument { name } } }"""
DELETE = """mutation ($id: UUID!, $version: BigInt!) {
    complianceDocumentDelete(id: $id, expectedVersion: $version) {
        complianceDocument { version } } }"""
RESTORE = """mutation ($id: UUID!, $version: BigInt!) {
    complianceDocumentRestore(id: $id, expectedVersion: $version) {
        complianceDocument { version } } }"""
SHOW = f"query ($id: UUID!) {{ complianceDocument(id: $id) {{ {DOCUMENT} }} }}"
USED = "query ($id: UUID!) { organization(id: $id) { storageUsed } }"
TEXT = b"Access to customer data is reviewed every quarter.\n" * 20


@dataclass
class Compliance:
    """A tenant, the storage of its gateway, and a client for the addresses that it gives."""

    world: World
    storage: Storage
    outside: httpx.AsyncClient

    async def start(self, by: str = "member", **input: Any) -> dict[str, Any]:
        """Start the upload of a document, by default a text; return it with its upload."""
        given = {
            "organizationId": self.world.organization,
            "name": "Policy.txt",
            "mediaType": "text/plain",
            "size": len(TEXT),
        }
        return await self.world.ask(by, START, input=given | input)

    async def send(self, part: dict[str, Any], content: bytes) -> httpx.Response:
        """Upload a part, as its address asks."""
        asked = {header["name"]: header["value"] for header in part["headers"]}
        return await self.outside.put(part["url"], content=content, headers=asked)

    async def finish(self, id: str, by: str = "member") -> dict[str, Any]:
        """Finish an upload; return the document."""
        return (await self.world.ask(by, FINISH, id=id))["complianceDocument"]

    async def uploaded(self, content: bytes = TEXT, by: str = "member", **input: Any) -> Any:
        """Upload a document, and finish; return it."""
        made = await self.start(by, size=len(content), **input)
        rest = content
        for part in made["upload"]["parts"]:
            size = int(part["size"])
            assert (await self.send(part, rest[:size])).is_success
            rest = rest[size:]
        return await self.finish(made["complianceDocument"]["id"], by)

    async def extracted(self) -> None:
        """Extract the texts of the documents that were uploaded."""
        await worker(self.world.database, EXTRACT, storage=self.storage).run_due()

    async def show(self, id: str | UUID, by: str = "member") -> dict[str, Any]:
        """Return a document as a person sees it."""
        return await self.world.ask(by, SHOW, id=id)

    async def used(self) -> int:
        """Return the bytes that the organization stores."""
        found = await self.world.ask("owner", USED, id=self.world.organization)
        return int(found["storageUsed"])
