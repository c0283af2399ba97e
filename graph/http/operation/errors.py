"""Errors as clients see them: coded, retryable or not, and masked where the defect is ours."""

import re
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

import structlog
from graphql import FieldNode, GraphQLError, GraphQLSyntaxError, Token, TokenKind
from strawberry.exceptions import StrawberryInputCoercionError
from strawberry.types.arguments import convert_argument

from db.problem import CODES, Problem
from db.sqlstates import chain, problem_of

log = structlog.get_logger(__name__)

Error = dict[str, Any]
"""One member of `errors`: message, extensions, and locations and path where there are any."""

MASKED = "Internal error. The log of the gateway has the details by this request ID."
NEVER_NULL = "An input field is null. It can be omitted, but not null."
MAX_ERRORS = 5
"""Errors of a refused request in the answer; more would only help an attacker."""
MAX_MESSAGE_LENGTH = 500
"""Characters of an error's message; a value that the client sent may be quoted in it."""

SUGGESTION = re.compile(r"\s*Did you mean .*", re.DOTALL)

MAX_TRACE_LENGTH = 8


class Refusal(Problem):
    """An HTTP request that is refused as such, with an HTTP status and perhaps headers."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str = "BAD_REQUEST",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code, message)
        self.status, self.headers = status, headers or {}


def described(problem: Problem, error: GraphQLError | None = None) -> Error:
    """Return a problem as an error, with the path and locations of the GraphQL error if given."""
    told: Error = {"message": problem.message[:MAX_MESSAGE_LENGTH]}
    if error and error.locations:
        told["locations"] = [place.formatted for place in error.locations]
    if error and error.path:
        told["path"] = error.path
    told["extensions"] = problem.extensions
    return told


def of_document(error: GraphQLError) -> Error:
    """Return an error found by parsing or validating, before anything was run."""
    syntax = isinstance(error, GraphQLSyntaxError)
    code = "GRAPHQL_PARSE_FAILED" if syntax else "GRAPHQL_VALIDATION_FAILED"
    return described(Problem(code, error.message), error)


class Reporter:
    """Reports the failures of one request to the client, and the details to the log alone.

    `sent` yields the values that the client sent; none of them reaches the log. Only the first few
    failures of a list are logged.
    """

    def __init__(self, request_id: str, sent: Callable[[], Iterable[str]] = tuple) -> None:
        self.request_id, self._sent = request_id, sent
        self._logged = 0

    def of_execution(self, error: GraphQLError) -> Error:
        """Return an error found by running an operation."""
        cause = error.original_error
        if isinstance(cause, GraphQLError):
            cause = cause.original_error or cause
        if isinstance(cause, StrawberryInputCoercionError) and error.path is not None:
            return described(_null(cause), error)
        if cause is None or isinstance(cause, GraphQLError):
            return described(self._of_library(error), error)
        if error.path is None and not isinstance(cause, Problem):
            # A scalar could not read a variable: the library's message says which, and why.
            return described(Problem("INVALID", error.message), error)
        return described(self.of_exception(cause, error.path), error)

    def _of_library(self, error: GraphQLError) -> Problem:
        """Return the problem of an error of graphql-core or a scalar: INVALID for an argument."""
        given = error.extensions or {}
        if (code := given.get("code")) in CODES:
            details = {k: v for k, v in given.items() if k not in ("code", "retryable")}
            return Problem(str(code), error.message, **details)
        at_field = error.nodes is not None and isinstance(error.nodes[0], FieldNode)
        if error.path is None or not at_field:  # a variable or an argument; results are at fields
            return Problem("INVALID", error.message)
        return self.of_exception(error, error.path)

    def of_exception(
        self, error: BaseException, path: Collection[str | int] | None = None
    ) -> Problem:
        """Return the problem to report for an exception; a masked one is logged."""
        if isinstance(error, Problem) and error.code != "INTERNAL":
            return error
        known = problem_of(error)
        self._logged += 1
        if self._logged <= MAX_ERRORS:
            where = {"path": ".".join(map(str, path))} if path else {}
            if known:
                log.warning("refused", code=known.code, error=_name(error), **where)
            else:
                log.error("failed", **_without_values(error, self._sent()), **where)
        if known:
            return known
        return Problem("INTERNAL", MASKED, requestId=self.request_id)


def _null(cause: StrawberryInputCoercionError) -> Problem:
    """Return the refusal of a null in an input, with its path, read from Strawberry's frames."""
    places = [
        frame.f_locals["path"]
        for frame, _ in traceback.walk_tb(cause.__traceback__)
        if frame.f_code is convert_argument.__code__
    ]
    field = places[-1] if places else ()
    return Problem(
        "INVALID", f"`{field[-1]}` may not be null." if field else NEVER_NULL, field=field
    )


def without_suggestions(error: Error) -> Error:
    """Return the error without "Did you mean", which would reveal the schema's names."""
    return error | {"message": SUGGESTION.sub("", error["message"])}


def sent_values(variables: Mapping[str, Any] | None, token: Token | None) -> Iterator[str]:
    """Yield the values in the variables and, from this token on, in the document."""
    stack: list[Any] = [variables]
    while stack:
        match stack.pop():
            case dict() as members:
                stack.extend(members.values())
            case list() as items:
                stack.extend(items)
            case str() | int() | float() as value:
                yield str(value)
    while token is not None:
        if token.kind in (TokenKind.STRING, TokenKind.BLOCK_STRING, TokenKind.INT, TokenKind.FLOAT):
            yield token.value or ""
        token = token.next


def _name(error: BaseException) -> str:
    kind = type(error)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _without_values(error: BaseException, sent: Iterable[str]) -> dict[str, Any]:
    """Return the log fields of an exception: its first line, without values that the client sent.

    The lines that follow may hold values: rows from PostgreSQL, parameters from SQLAlchemy.
    """
    text = error.message if isinstance(error, GraphQLError) else str(error)
    for value in sent:
        if len(value) > 2 and value in text:  # noqa: PLR2004 (shorter ones are in every word)
            text = text.replace(value, "…")
    first = next(iter(text.splitlines()), "")[:MAX_MESSAGE_LENGTH]
    frames = traceback.extract_tb(error.__traceback__)[-MAX_TRACE_LENGTH:]
    return {
        "error": f"{_name(error)}: {first}",
        "causes": [_name(cause) for cause in chain(error)][1:],
        "trace": [
            f"{'/'.join(frame.filename.split('/')[-3:])}:{frame.lineno} {frame.name}"
            for frame in frames
        ],
    }
