"""Errors as clients see them: coded, retryable or not, and masked where the defect is ours."""

import re
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

import structlog
from graphql import FieldNode, GraphQLError, GraphQLSyntaxError, Token, TokenKind
from strawberry.exceptions import StrawberryInputCoercionError

from db.problem import CODES, Problem

log = structlog.get_logger(__name__)

Error = dict[str, Any]
"""One member of `errors`: message, extensions, and locations and path where there are any."""

MASKED = "The gateway has failed; its log tells why under this request id."
NEVER_NULL = "A field of the input is null that may be left out, but is never empty."
MOST = 5
"""Errors of a refused request that are told; a hundred would only tell an attacker more."""
LONGEST_MESSAGE = 500
"""Characters of an error's message; a value that the client sent may be quoted in it."""

SUGGESTION = re.compile(r"\s*Did you mean .*", re.DOTALL)

# PostgreSQL, appendix A: what is not a defect of the statement. A prefix stands for its class.
SQL_STATES = {
    "57014": Problem("TIMEOUT", "The database took too long."),
    "25P03": Problem("TIMEOUT", "The transaction took too long."),
    "25P04": Problem("TIMEOUT", "The transaction took too long."),
    "55P03": Problem("BUSY", "Someone else is changing the same rows."),
    "40": Problem("BUSY", "Someone else has changed the same rows meanwhile."),
    "08": Problem("BUSY", "The database cannot be reached."),
    "53": Problem("BUSY", "The database has no capacity left."),
    "57P": Problem("BUSY", "The database is restarting."),
    "22021": Problem("INVALID", "A text holds a character that cannot be stored."),
    "22P05": Problem("INVALID", "A text holds a character that cannot be stored."),
    "22001": Problem("INVALID", "A text is too long."),
    "22003": Problem("INVALID", "A number is out of range."),
    "22008": Problem("INVALID", "A date is out of range."),
}
POOL_EXHAUSTED = "3o7r"
"""SQLAlchemy's own number of "no connection within pool_timeout"; it has no SQL state."""

SQL_STATE = re.compile(r"[0-9A-Z]{5}")
LONGEST_CHAIN, LONGEST_TRACE = 5, 8


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
    """The problem as an error, in the place where the GraphQL error happened, if anywhere."""
    told: Error = {"message": problem.message[:LONGEST_MESSAGE]}
    if error and error.locations:
        told["locations"] = [place.formatted for place in error.locations]
    if error and error.path:
        told["path"] = error.path
    told["extensions"] = problem.extensions
    return told


def of_document(error: GraphQLError) -> Error:
    """An error found by parsing or validating, before anything was run."""
    syntax = isinstance(error, GraphQLSyntaxError)
    code = "GRAPHQL_PARSE_FAILED" if syntax else "GRAPHQL_VALIDATION_FAILED"
    return described(Problem(code, error.message), error)


class Reporter:
    """Tells the client of one request what has failed, and the log what the client must not see.

    `sent` yields the values that the client sent; none of them reaches the log. However many rows
    of a list fail, the first few are logged.
    """

    def __init__(self, request_id: str, sent: Callable[[], Iterable[str]] = tuple) -> None:
        self.request_id, self._sent = request_id, sent
        self._logged = 0

    def of_execution(self, error: GraphQLError) -> Error:
        """An error found by running an operation."""
        cause = error.original_error
        if isinstance(cause, GraphQLError):
            cause = cause.original_error or cause
        if isinstance(cause, StrawberryInputCoercionError) and error.path is not None:
            return described(Problem("INVALID", NEVER_NULL), error)
        if cause is None or isinstance(cause, GraphQLError):
            return described(self._of_library(error), error)
        if error.path is None and not isinstance(cause, Problem):
            # A scalar could not read a variable: the library's message says which, and why.
            return described(Problem("INVALID", error.message), error)
        return described(self.of_exception(cause, error.path), error)

    def _of_library(self, error: GraphQLError) -> Problem:
        """An error of graphql-core or a scalar: arguments are the client's fault, results ours."""
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
        """What to tell of this exception; one that means nothing to a client is logged."""
        if isinstance(error, Problem) and error.code != "INTERNAL":
            return error
        known = _translated(error)
        self._logged += 1
        if self._logged <= MOST:
            where = {"path": ".".join(map(str, path))} if path else {}
            if known:
                log.warning("refused", code=known.code, error=_name(error), **where)
            else:
                log.error("failed", **_without_values(error, self._sent()), **where)
        if known:
            return Problem(known.code, known.message)
        return Problem("INTERNAL", MASKED, requestId=self.request_id)


def without_suggestions(error: Error) -> Error:
    """The error without "Did you mean": it would spell out the schema, name by name."""
    return error | {"message": SUGGESTION.sub("", error["message"])}


def sent_values(variables: Mapping[str, Any] | None, token: Token | None) -> Iterator[str]:
    """The values in the variables and, from this token on, in the document: nobody's business."""
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


def _translated(error: BaseException) -> Problem | None:
    """The problem behind a driver's exception, whichever of the two drivers it is from.

    Both put the SQL state on their exceptions, so that this module needs to know neither of them.
    """
    for link in _chain(error):
        state = getattr(link, "sqlstate", None)
        if isinstance(state, str) and SQL_STATE.fullmatch(state):
            for length in (5, 3, 2):
                if known := SQL_STATES.get(state[:length]):
                    return known
            return None
        if getattr(link, "code", None) == POOL_EXHAUSTED:
            return SQL_STATES["53"]
        if getattr(link, "connection_invalidated", False):  # it was closed before it was asked
            return SQL_STATES["08"]
    if isinstance(error, TimeoutError):
        return SQL_STATES["57014"]
    return SQL_STATES["08"] if isinstance(error, ConnectionError) else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    for _ in range(LONGEST_CHAIN):
        if link is None:
            return
        yield link
        link = getattr(link, "orig", None) or link.__cause__


def _name(error: BaseException) -> str:
    kind = type(error)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _without_values(error: BaseException, sent: Iterable[str]) -> dict[str, Any]:
    """What the log holds of an exception: its first line, without what the client sent.

    On the lines that follow PostgreSQL tells rows, and SQLAlchemy parameters.
    """
    text = error.message if isinstance(error, GraphQLError) else str(error)
    for value in sent:
        if len(value) > 2 and value in text:  # noqa: PLR2004 (shorter ones are in every word)
            text = text.replace(value, "…")
    first = next(iter(text.splitlines()), "")[:LONGEST_MESSAGE]
    frames = traceback.extract_tb(error.__traceback__)[-LONGEST_TRACE:]
    return {
        "error": f"{_name(error)}: {first}",
        "causes": [_name(cause) for cause in _chain(error)][1:],
        "trace": [
            f"{'/'.join(frame.filename.split('/')[-3:])}:{frame.lineno} {frame.name}"
            for frame in frames
        ],
    }
