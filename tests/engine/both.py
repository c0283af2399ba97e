"""Answers of the engine and of graphql-core to the same operation, on real rows."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from auth.credentials.identify import act_for
from auth.session import ViewerSession
from auth.viewer import Viewer
from graph.engine import Unplanned
from graph.http.operation.operations import NotRun, OperationRequest, Operations
from graph.http.operation.params import Params
from graph.kit.context import Context
from graph.schema import schema
from graph.settings import Settings
from tests.world import World

JSON_TYPE = "application/json"


class Nothing:
    """An engine that refuses every operation."""

    async def execute(self, *_: Any) -> Any:
        raise Unplanned("directive")


@dataclass
class Answered:
    """An answer and its cost."""

    text: bytes
    statements: int
    rows_read: int

    @property
    def content(self) -> Any:
        return orjson.loads(self.text)


class Both:
    """The same schema with the engine and without."""

    def __init__(self, settings: Settings) -> None:
        self.planned = Operations(schema, settings)
        self.plain = Operations(schema, settings)
        self.plain.executions.engine = Nothing()

    async def answered(
        self, operations: Operations, world: World, viewer: Viewer, query: str, values: Any
    ) -> Answered:
        """Return the answer as JSON, without its request's identifiers."""
        context = Context(ViewerSession(world.database, viewer))
        params = Params(query, values, None, None)
        asked = OperationRequest(params, JSON_TYPE, "request", {})
        try:
            prepared = operations.prepare(asked, viewer)
        except NotRun as refused:
            return Answered(orjson.dumps({"errors": refused.errors}), 0, 0)
        answer = await operations.run(asked, prepared, context)
        content = dict(answer.content)
        content.pop("extensions", None)
        session = context.session
        return Answered(orjson.dumps(content), session.statements, session.rows_read)

    async def of(
        self, world: World, person: str | Viewer, query: str, **values: Any
    ) -> tuple[Answered, Answered]:
        """Return the engine's answer and that of graphql-core."""
        viewer = (
            person
            if isinstance(person, Viewer)
            else await act_for(world.email(person), world.database)
        )
        sent = {
            key: str(value) if isinstance(value, UUID) else value for key, value in values.items()
        }
        engine = await self.answered(self.planned, world, viewer, query, sent)
        core = await self.answered(self.plain, world, viewer, query, sent)
        return engine, core

    def executed(self) -> dict[str, float]:
        """Return the number of operations by executor."""
        return {by: counter._value.get() for by, counter in self.planned.metrics._executed.items()}
