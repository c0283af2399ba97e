"""Problem, the one exception that reaches a client, and the one table of its codes."""

from collections.abc import Sequence
from typing import NamedTuple


class Code(NamedTuple):
    """What a code means, its HTTP status outside GraphQL, and whether a retry can help."""

    meaning: str
    status: int
    retryable: bool = False


CODES = {
    "UNAUTHENTICATED": Code("Nobody is signed in, or the token is not (or no longer) valid.", 401),
    "FORBIDDEN": Code("The row is visible to the viewer, who may not do this with it.", 403),
    "NOT_FOUND": Code("There is no such row, or the viewer may not see it.", 404),
    "INVALID": Code("The input is not acceptable; `field` says which part of it.", 400),
    "ALREADY_EXISTS": Code("Another row has this name, slug, e-mail or identifier.", 409),
    "CONFLICT": Code("Someone has changed the row since the version the client has seen.", 409),
    "IDEMPOTENCY_MISMATCH": Code(
        "The idempotency key was used for another request in the last 24 hours, or its answer can"
        " no longer be read.",
        422,
    ),
    "LAST_OWNER": Code("An organization keeps at least one owner.", 409),
    "LIMIT_REACHED": Code("A limit of the organization's plan would be exceeded.", 403),
    "QUERY_TOO_COMPLEX": Code("The document exceeds a limit of depth, size or cost.", 400),
    "RATE_LIMITED": Code("Too many requests; wait for `retryAfter` seconds.", 429, retryable=True),
    "TIMEOUT": Code("The operation took longer than its deadline.", 504, retryable=True),
    "BUSY": Code("The gateway or its database has no capacity left.", 503, retryable=True),
    "GRAPHQL_PARSE_FAILED": Code("The document is not GraphQL.", 400),
    "GRAPHQL_VALIDATION_FAILED": Code("The document does not fit the schema.", 400),
    "BAD_REQUEST": Code("The HTTP request is not a GraphQL request.", 400),
    "INTERNAL": Code("A defect of the gateway; the request id is in its log.", 500),
}


class Problem(Exception):
    """A refusal the client can act on.

    `code` is a key of `CODES`; `field` is the path of the input at fault, outermost first, in the
    names of the API; `details` are further members of the error's extensions. GraphQL sends
    `extensions` along with the message.
    """

    def __init__(
        self, code: str, message: str, *, field: Sequence[str | int] = (), **details: object
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = tuple(field)
        self.extensions: dict[str, object] = {"code": code, "retryable": CODES[code].retryable}
        if field:
            self.extensions["field"] = list(field)
        self.extensions |= details
