"""Execute operations: by the engine's plan, or by graphql-core where it takes none."""

from collections.abc import Awaitable, Callable, Sequence
from inspect import isawaitable, iscoroutine
from typing import TYPE_CHECKING, Any, TypeGuard, cast

import strawberry
from graphql import ExecutionResult, Executor, GraphQLError, execute_root_selection_set
from strawberry.execution import optimized_is_awaitable

from db.problem import Problem
from graph.engine import Again, Engine, Resolved, TracedEngine, Unplanned
from graph.http.operation.documents import Document
from graph.http.operation.errors import MAX_ERRORS
from graph.http.operation.metrics import Metrics
from graph.http.operation.params import Params
from graph.http.operation.release import released

if TYPE_CHECKING:
    from graph.tracing import Tracing


class Executions:
    """Executes operations of one schema."""

    def __init__(
        self, schema: strawberry.Schema, metrics: Metrics, tracing: "Tracing | None" = None
    ) -> None:
        self.engine = TracedEngine(schema, tracing.level) if tracing else Engine(schema)
        self._schema, self._metrics = schema, metrics
        self._core = schema._schema  # noqa: SLF001 (Strawberry has no other door to it)

    async def run(
        self,
        document: Document,
        params: Params,
        context: Any,
        root: object = None,
        *middleware: Any,
    ) -> ExecutionResult:
        """Return the result; with `middleware` it is graphql-core that finds it."""
        if not middleware:
            operation = document.operation(params.operation_name)
            plans, read = operation.plans, _read_by(context)
            try:
                planned = await self.engine.execute(plans, params.variables, context, root)
            except Unplanned as unplanned:
                self._metrics.executed(unplanned.reason)
            except Again as again:
                self._metrics.executed("error")
                if operation.kind == "query":
                    _count_from(context, read)
                else:  # what it has done is not done again
                    middleware = (Resolved(again.resolved),)
                context.end()
            else:
                self._metrics.executed("plan")
                return planned
        executor = self.executor(document, params, context, root, *middleware)
        if isinstance(executor, list):
            return ExecutionResult(None, executor)
        with released(executor):
            result = execute_root_selection_set(executor)
            return result if isinstance(result, ExecutionResult) else await result

    async def run_each(
        self, document: Document, params: Params, context: Any, roots: Sequence[object]
    ) -> list[dict[str, Any]] | None:
        """Return the data for each root value, all read together.

        Returns None where they have to be run one by one: there is no plan, or an error to tell.
        """
        plans = document.operation(params.operation_name).plans
        try:
            planned = await self.engine.execute_each(plans, params.variables, context, roots)
        except Exception:  # noqa: BLE001 (whatever it is, it is told of the one that has it)
            return None
        for _ in roots:
            self._metrics.executed("plan")
        return planned

    def executor(
        self,
        document: Document,
        params: Params,
        context: Any,
        root: object = None,
        *middleware: Any,
    ) -> Executor[Any] | list[GraphQLError]:
        """Return graphql-core's executor, or why there is none for these variables."""
        assert document.node is not None  # noqa: S101 (it has no errors)
        return (self._schema.execution_context_class or Executor).build(
            self._core,
            document.node,
            root_value=root,
            context_value=context,
            raw_variable_values=params.variables,
            operation_name=params.operation_name,
            max_coercion_errors=MAX_ERRORS,
            middleware=middleware or None,
            is_awaitable=cast("Callable[[Any], TypeGuard[Awaitable[Any]]]", optimized_is_awaitable),
            operation_extensions=params.extensions or {},
        )


def _read_by(context: Any) -> tuple[int, int]:
    """Return how many rows and bytes were read for the request so far."""
    session = getattr(context, "session", None)
    return (session.rows_read, session.bytes_read) if session else (0, 0)


def _count_from(context: Any, read: tuple[int, int]) -> None:
    """Reset the counts of rows and bytes for a second run, which reads the same as before."""
    if session := getattr(context, "session", None):
        session.rows_read, session.bytes_read = read


class Without:
    """A middleware that replaces resolvers that would wait with this problem."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem

    def resolve(self, resolver: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Return what the resolver computes without waiting, else raise the problem.

        graphql-core calls it by this name.
        """
        found = resolver(*arguments, **named)
        if not isawaitable(found):
            return found
        if iscoroutine(found):
            found.close()
        raise self._problem
