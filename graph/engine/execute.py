"""Execute operations by their plans; what has no plan is left to graphql-core."""

from collections.abc import Sequence
from typing import Any

import strawberry
from graphql import (
    ExecutionResult,
    GraphQLError,
    located_error,
)

from db.problem import Problem
from graph.engine.again import Again
from graph.engine.collect import conditions
from graph.engine.compile import Compiler
from graph.engine.fields import Constant
from graph.engine.plan import OperationPlan, Plans
from graph.engine.roots import Root, RootResolved
from graph.engine.run import Run
from graph.engine.unplanned import Unplanned
from graph.engine.variables import Variables


class Planned(ExecutionResult):
    """A result of a plan; `largest` is how many bytes it takes as JSON, at most, if known."""

    largest: float | None = None


class Engine:
    """Executes operations of one schema by plan."""

    def __init__(self, schema: strawberry.Schema) -> None:
        self._schema = schema
        self._core = schema._schema  # noqa: SLF001 (Strawberry has no other door to it)

    async def execute(
        self,
        plans: Plans,
        variables: dict[str, Any] | None,
        context: Any,
        root: Any = None,
    ) -> ExecutionResult:
        """Return the result. Raises Unplanned, or Again, where graphql-core has to run it."""
        plan, run = self._prepare(plans, variables, context, root)
        try:
            return await self._run(plan, run)
        finally:
            run.end()

    async def execute_each(
        self,
        plans: Plans,
        variables: dict[str, Any] | None,
        context: Any,
        roots: Sequence[Any],
    ) -> list[dict[str, Any]]:
        """Return the data of an operation with one field, such as a subscription, for each root.

        All are read together. Raises Unplanned, or whatever is wrong with one of them.
        """
        plan, run = self._prepare(plans, variables, context, None)
        try:
            (field,) = plan.roots
            assert isinstance(field, RootResolved)  # noqa: S101 (a subscription's is)
            return [{field.key: value} for value in await field.of_each(run, roots)]
        finally:
            run.end()

    def _compiler(self, *arguments: Any) -> Compiler:
        return Compiler(*arguments)

    def _prepare(
        self, plans: Plans, variables: dict[str, Any] | None, context: Any, root: Any
    ) -> tuple[OperationPlan, Run]:
        """Return the plan for these variables, and a run of it. Raises Unplanned."""
        operation, fragments = plans.operation, plans.fragments
        if plans.variables is None:
            plans.variables = Variables(self._core, operation.variable_definitions or ())
        values = plans.variables.values(variables or {})
        if plans.conditions is None:
            plans.conditions = conditions(operation, fragments)
        key = tuple(values.coerced.get(name) for name in plans.conditions)
        plan = plans.get(key)
        if plan is None:
            try:
                plan = self._compiler(self._schema, operation, fragments, values).compile()
            except Unplanned as unplanned:
                plan = unplanned
            plans.keep(key, plan)
        if isinstance(plan, Unplanned):
            raise Unplanned(plan.reason)
        return plan, Run(self._core, operation, fragments, values, context, root)

    async def _run(self, plan: OperationPlan, run: Run) -> ExecutionResult:
        if plan.serial:
            found = [await self._serially(root, run) for root in plan.roots]
        elif len(plan.roots) == 1:
            found = [await self._field(plan.roots[0], run)]
        else:
            found = await run.together([self._field(root, run) for root in plan.roots])
        data, errors = {}, []
        for root, (value, error) in zip(plan.roots, found, strict=True):
            data[root.key] = value
            if error is not None:
                errors.append(error)
        for root in plan.roots:
            if isinstance(root, Root) and data[root.key] is None and _is_required(root):
                raise Again(run.resolved)
        if run.broken is not None:
            raise Again(run.resolved)
        result = Planned(data, errors or None)
        session = getattr(run.context, "session", None)
        if session is not None and not run.repeats:
            result.largest = plan.largest(session.rows_read, session.most_bytes)
        return result

    async def _serially(self, root: Any, run: Run) -> tuple[Any, GraphQLError | None]:
        run.forget()
        return await self._field(root, run)

    async def _field(self, root: Any, run: Run) -> tuple[Any, GraphQLError | None]:
        """Return the value of a field at the root, and its error."""
        if isinstance(root, Constant):
            (name,) = await root.of_objects(run, [None])
            return name, None
        try:
            complete = await root.resolve(run)
        except Exception as error:  # noqa: BLE001 (whatever a resolver raises is told in its place)
            if root.is_planned and not isinstance(error, Problem):
                run.broken = error
                return None, None
            run.resolved[root.key] = error
            return None, located_error(error, root.called.nodes, [root.key])
        if run.broken is not None:
            return None, None
        try:
            return await complete(), None
        except Exception as error:  # noqa: BLE001 (graphql-core tells it)
            run.broken = error
            return None, None


def _is_required(root: Root) -> bool:
    return str(root.called.definition.type).endswith("!")
