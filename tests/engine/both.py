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
        self._results: list[Any] = []
        execute = self.planned.executions.engine.execute

        async def remembered(*arguments: Any) -> Any:
            self._results.append(await execute(*arguments))
            return self._results[-1]

        self.planned.executions.engine.execute = remembered

    def _largest(self) -> float | None:
        """Return how large the engine has said that its last answer may be; None if it did not."""
        return self._results.pop().largest if self._results else None

    async def answered(
        self, world: World, viewer: Viewer, query: str, values: Any
    ) -> list[Answered]:
        """Return the answers as JSON, without identifiers of the request, to one valid document."""
        params = Params(query, values, None, None)
        asked = OperationRequest(params, JSON_TYPE, "request", {})
        try:
            prepared = self.planned.prepare(asked, viewer)
        except NotRun as refused:
            return [Answered(orjson.dumps({"errors": refused.errors}), 0, 0)] * 2
        found = []
        for operations in (self.planned, self.plain):
            context = Context(ViewerSession(world.database, viewer))
            answer = await operations.run(asked, prepared, context)
            content = dict(answer.content)
            if (largest := self._largest()) is not None:
                assert largest >= len(orjson.dumps(content["data"])), query
            content.pop("extensions", None)
            session = context.session
            found.append(Answered(orjson.dumps(content), session.statements, session.rows_read))
        return found

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
        engine, core = await self.answered(world, viewer, query, sent)
        return engine, core

    def executed(self) -> dict[str, float]:
        """Return the number of operations by executor."""
        return self.planned.metrics.executions()
