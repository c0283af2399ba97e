"""The pages at /import: upload a file, map its columns, check it, and import it."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from auth.accounts.mail import Outbox
from auth.credentials import cookies
from auth.session import ViewerSession
from auth.web.forms import fields_of, read_pairs
from auth.web.multipart import Upload, read_upload
from auth.web.site import Site, answering, see
from db.core.projects import Project
from db.pool import Database
from db.problem import Problem
from db.requirements.files import File, FileState
from db.requirements.import_mappings import ImportMapping
from graph.kit.scalars import uuid_of
from graph.kit.storage import Storage, Stored
from graph.platform.bulk.port import BulkOperations
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.formats.junit.recording import UnknownTests
from graph.requirements.exchange.jobs import IMPORT
from graph.requirements.exchange.model.fields import TARGETS
from graph.requirements.exchange.preview import Column, columns_of
from graph.requirements.exchange.registry import endings, format_of
from graph.requirements.files import store
from graph.requirements.transfers import ExchangeFormat
from graph.settings import Settings

PAGE = "/import"
MAX_SIZE = 20_000_000
"""Bytes of a file that is uploaded by the page; the API takes larger ones."""
UPLOADS = asyncio.Semaphore(2)
"""Uploads that a process holds in memory at the same time."""
MAX_COLUMNS = 500
MAX_FIELDS = MAX_COLUMNS + 10
MAX_SHOWN = 100
"""Objects and notes of a report that are shown."""
MAX_MAPPINGS = 100
UNFINISHED = frozenset({"QUEUED", "RUNNING"})
START = """mutation ($input: ImportStartInput!, $dryRun: Boolean!) {
  importStart(input: $input, dryRun: $dryRun) { jobId } }"""
SAVE = """mutation ($input: ImportMappingCreateInput!) {
  importMappingCreate(input: $input) { importMapping { id } } }"""
JOB = """query ($id: UUID!) { job(id: $id) { id kind status progress error payload
  importReport { dryRun documents notes objects { kind externalId name outcome fields }
    counts { kind created updated restored unchanged absent } } } }"""
NAMES = {
    "external_id": "ID",
    "name": "Name",
    "description": "Description",
    "status": "Status",
    "priority": "Priority",
    "level": "Level",
    "format": "Format",
    "tags": "Labels",
    "property": "Property of the same name",
    "ignore": "Not imported",
}
FIELDS = {
    target: NAMES.get(target) or f"Property, {target.partition(':')[2].replace('_', ' ')}"
    for target in TARGETS
}
"""The fields of columns, and their names in the form."""


def routes(
    database: Database,
    settings: Settings,
    outbox: Outbox,
    storage: Storage,
    operations: BulkOperations,
) -> list[BaseRoute]:
    """Return the routes beneath /import."""
    pages = ImportPages(Site(database, settings, outbox), storage, operations)
    return [
        Route(PAGE, answering(pages.show)),
        Route(PAGE, answering(pages.upload), methods=["POST"]),
        Route(f"{PAGE}/columns", answering(pages.columns)),
        Route(f"{PAGE}/columns", answering(pages.check), methods=["POST"]),
        Route(f"{PAGE}/report", answering(pages.report)),
        Route(f"{PAGE}/report", answering(pages.run), methods=["POST"]),
    ]


class ImportPages:
    """The steps of an import: the file, its columns, and the report of the check."""

    def __init__(self, site: Site, storage: Storage, operations: BulkOperations) -> None:
        self._site, self._storage, self._operations = site, storage, operations

    async def show(self, request: Request) -> Response:
        """Show the form for a file of a project, or a list of projects."""
        session = await self._session(request)
        text = request.query_params.get("project")
        if text is None:
            rows = await session.rows(Project, limit=MAX_SHOWN)
            projects = [(each.id, each.name) for each in rows]
            return self._form(request, "import_projects.html", projects=projects)
        return await self._start(request, session, uuid_of(text))

    async def upload(self, request: Request) -> Response:
        """Store a file of a project, and go on to its columns."""
        session = await self._session(request)
        async with UPLOADS:
            fields, file = await read_upload(request, MAX_SIZE)
            self._site.require_ours(request, fields, cookies.SESSION)
            project, mapping = uuid_of(fields.get("project")), uuid_of(fields.get("mapping"))
            if project is None:
                raise Problem("NOT_FOUND", "There is no such project.")
            try:
                name, content = _required(file)
                id = await store(session, self._storage, project, name, content)
            except Problem as problem:
                if problem.code != "INVALID":
                    raise
                return await self._start(request, session, project, problem)
        chosen = {"file": id, "document": fields.get("document", "").strip(), "mapping": mapping}
        return see(f"{PAGE}/columns?{urlencode({k: v for k, v in chosen.items() if v})}")

    async def columns(self, request: Request) -> Response:
        """Show the columns of a stored file with their first values."""
        session = await self._session(request)
        return await self._columns(request, session, request.query_params)

    async def check(self, request: Request) -> Response:
        """Save the mapping if it is to be saved, and check the file."""
        fields = fields_of(await read_pairs(request, MAX_FIELDS))
        self._site.require_ours(request, fields, cookies.SESSION)
        session = await self._session(request)
        row, mapping = await self._chosen(session, fields)
        guessed = await self._read(row, mapping, {})
        columns = {
            each.name: target
            for index, each in enumerate(guessed)
            if (target := fields.get(f"c{index}", "")) in FIELDS and target != each.target
        }
        listed = [{"column": name, "field": field} for name, field in columns.items()]
        saved = {name: mapping and getattr(mapping, name) for name in ("delimiter", "encoding")}
        try:
            if name := fields.get("save", "").strip():
                input = {"projectId": str(row.project_id), "name": name, "columns": listed, **saved}
                await self._mutate(session, SAVE, {"input": input})
            input = {"projectId": str(row.project_id), "fileId": str(row.id), "columns": listed}
            input |= {"documentName": fields.get("document") or None, **saved}
            job = await self._mutate(session, START, {"input": input, "dryRun": True})
        except Problem as problem:
            if problem.code not in ("INVALID", "ALREADY_EXISTS"):
                raise
            return await self._columns(request, session, fields, columns, problem)
        return see(f"{PAGE}/report?job={job['importStart']['jobId']}")

    async def report(self, request: Request) -> Response:
        """Show what an import does, or has done."""
        session = await self._session(request)
        job = await self._job(session, uuid_of(request.query_params.get("job")))
        return self._form(
            request,
            "import_report.html",
            job=job,
            report=job["importReport"],
            is_unfinished=job["status"] in UNFINISHED,
            is_check=job["payload"]["dryRun"],
            project=job["payload"]["projectId"],
            most=MAX_SHOWN,
        )

    async def run(self, request: Request) -> Response:
        """Import the file of a check that has succeeded."""
        fields = await self._site.fields(request, cookies.SESSION)
        session = await self._session(request)
        job = await self._job(session, uuid_of(fields.get("job")))
        if not job["payload"]["dryRun"] or job["status"] != "SUCCEEDED":
            raise Problem("INVALID", "Only a check that has succeeded can be imported.")
        variables = {"input": _again(job["payload"]), "dryRun": False}
        # The same key for the same check: sending the form twice imports once.
        started = await self._mutate(session, START, variables, f"import-{job['id']}")
        return see(f"{PAGE}/report?job={started['importStart']['jobId']}")

    async def _session(self, request: Request) -> ViewerSession:
        back = "" if request.method == "GET" else PAGE
        return self._site.session(request, await self._site.signed_in(request, back))

    async def _start(
        self,
        request: Request,
        session: ViewerSession,
        id: UUID | None,
        problem: Problem | None = None,
    ) -> Response:
        rows = await session.rows(Project, Project.id == id, limit=1) if id else []
        if not rows:
            raise Problem("NOT_FOUND", "There is no such project.")
        mappings = await session.rows(
            ImportMapping, ImportMapping.project_id == id, limit=MAX_MAPPINGS
        )
        return self._form(
            request,
            "import.html",
            problem,
            project=rows[0],
            mappings=[(each.id, each.name) for each in mappings],
            megabytes=MAX_SIZE // 1_000_000,
            endings=",".join(endings()),
        )

    async def _columns(
        self,
        request: Request,
        session: ViewerSession,
        values: Mapping[str, str],
        chosen: Mapping[str, str] | None = None,
        problem: Problem | None = None,
    ) -> Response:
        row, mapping = await self._chosen(session, values)
        if chosen is None:
            saved = mapping.columns if mapping else []
            chosen = {each["column"]: each["field"] for each in saved}
        return self._form(
            request,
            "import_columns.html",
            problem,
            file=row,
            columns=await self._read(row, mapping, chosen),
            fields=FIELDS,
            document=values.get("document", ""),
            mapping=mapping.id if mapping else "",
            save=values.get("save", ""),
        )

    async def _chosen(self, session: ViewerSession, values: Mapping[str, str]) -> tuple[Any, Any]:
        """Return the stored file of a project, and the mapping. Raises NOT_FOUND."""
        file, mapping = uuid_of(values.get("file")), uuid_of(values.get("mapping"))
        rows = await session.rows(File, File.id == file, limit=1) if file else []
        if not rows or FileState(rows[0].state) is not FileState.STORED or not rows[0].project_id:
            raise Problem("NOT_FOUND", "There is no such file.")
        if mapping is None:
            return rows[0], None
        mappings = await session.rows(
            ImportMapping,
            ImportMapping.id == mapping,
            ImportMapping.project_id == rows[0].project_id,
            limit=1,
        )
        if not mappings:
            raise Problem("NOT_FOUND", "There is no such mapping.")
        return rows[0], mappings[0]

    async def _read(self, row: Any, mapping: Any, chosen: Mapping[str, str]) -> list[Column]:
        """Return the columns of a stored file. Raises INVALID."""
        stored = Stored(row.id, row.sha256, row.name, row.media_type)
        async with UPLOADS:
            source = Source(row.name, await self._storage.read(stored, MAX_SIZE))
            delimiter, encoding = (mapping.delimiter, mapping.encoding) if mapping else (None, None)
            found = await asyncio.to_thread(columns_of, source, chosen, delimiter, encoding)
        return found[:MAX_COLUMNS]

    async def _job(self, session: ViewerSession, id: UUID | None) -> Any:
        content = await self._operations.query(session, JOB, {"id": str(id)}) if id else {}
        job = (content.get("data") or {}).get("job")
        if job is None or job["kind"] != IMPORT.name:
            raise Problem("NOT_FOUND", "There is no such import.")
        return job

    async def _mutate(
        self, session: ViewerSession, text: str, variables: Mapping[str, Any], key: str = ""
    ) -> Any:
        """Return the data of a mutation. Raises the problem of its first error."""
        content = await self._operations.mutate(session, text, variables, key or uuid4().hex)
        for error in content.get("errors") or ():
            raise Problem(error["extensions"]["code"], error["message"])
        return content["data"]

    def _form(
        self, request: Request, template: str, problem: Problem | None = None, **values: Any
    ) -> Response:
        values |= {"page": PAGE}
        return self._site.form(request, template, problem, cookie=cookies.SESSION, **values)


def _required(file: Upload | None) -> tuple[str, bytes]:
    """Return the name and the content of a file that can be imported. Raises INVALID."""
    if file is None or not file.content:
        raise Problem("INVALID", "Choose a file.", field=["file"])
    name = "".join(filter(str.isprintable, file.name))[-200:]
    format_of(name, None)
    return name, file.content


def _again(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the input of the import that a check was of."""
    names = ("projectId", "fileId", "url", "documentId", "documentName", "delimiter", "encoding")
    columns = [{"column": name, "field": field} for name, field in payload["columns"].items()]
    return {
        **{name: payload[name] for name in names},
        "format": ExchangeFormat(payload["format"]).name,
        "columns": columns,
        "unknownTests": UnknownTests(payload["unknownTests"]).name,
        "exportId": payload["exportId"],
        "proposeDeletions": payload["proposeDeletions"],
    }
