"""Record refusals, and answers that export data in bulk, in the audit log."""

from typing import Any, Protocol

from graphql import FieldNode, OperationDefinitionNode, OperationType

from auth import refusals
from auth.refusals import Refusals, Refused
from auth.session import ViewerSession
from auth.viewer import Viewer
from graph.http.operation.answer import Answer


class Asker(Protocol):
    """The context of the request that was answered."""

    @property
    def viewer(self) -> Viewer:
        """Return the viewer."""

    @property
    def session(self) -> ViewerSession:
        """Return the viewer's session."""


def is_noted(context: Asker, answer: Answer) -> bool:
    """Return whether there may be something to record, which is rare."""
    return "errors" in answer.content or context.session.rows_read >= refusals.LARGE_READ


async def note(
    recorder: Refusals, operation: OperationDefinitionNode, context: Asker, answer: Answer
) -> None:
    """Record the first refusal of an answer, and the number of its rows when that is large.

    NOT_FOUND of a mutation counts: the row may be one that the viewer may not see.
    """
    codes = {"FORBIDDEN"}
    if operation.operation is OperationType.MUTATION:
        codes.add("NOT_FOUND")
    session, errors = context.session, answer.content.get("errors", ())
    first = next((error for error in errors if error["extensions"]["code"] in codes), None)
    if first:
        code, scope = first["extensions"]["code"], first["extensions"].get("scope")
        what = Refused(code, _field(operation, first), scope)
        await recorder.refused(context.viewer, session.origin, what)
    await recorder.read_much(context.viewer, session.origin, session.rows_read)


def _field(operation: OperationDefinitionNode, error: dict[str, Any]) -> str:
    """Return the name of the root field that was refused, whatever its alias."""
    fields = [node for node in operation.selection_set.selections if isinstance(node, FieldNode)]
    asked = error.get("path", [None])[0]
    for node in fields:
        if asked in (None, (node.alias or node.name).value):
            return node.name.value
    return operation.operation.value
