"""Problem, the one exception that reaches a client, and the one table of its codes."""

from collections.abc import Sequence
from typing import NamedTuple


class Code(NamedTuple):
    """A code's meaning, its HTTP status outside GraphQL, and whether a retry can help."""

    meaning: str
    status: int
    retryable: bool = False


CODES = {
    "UNAUTHENTICATED": Code("The request has no session or token, or an invalid one.", 401),
    "FORBIDDEN": Code("The viewer can read the object, but cannot do this with it.", 403),
    "NOT_FOUND": Code("The object does not exist, or the viewer cannot read it.", 404),
    "INVALID": Code("The input is invalid. `field` is the path to the part at fault.", 400),
    "ALREADY_EXISTS": Code(
        "Another object has the same name, slug, email address or identifier.", 409
    ),
    "CONFLICT": Code("The object has been changed since `expectedVersion`.", 409),
    "IDEMPOTENCY_MISMATCH": Code(
        "The idempotency key was used for another request in the last 24 hours, or its response"
        " is no longer available.",
        422,
    ),
    "LAST_OWNER": Code("The organization would be left without an owner.", 409),
    "LIMIT_REACHED": Code("A limit of the organization's plan would be exceeded.", 403),
    "PAYMENT_REQUIRED": Code(
        "The organization has to pay, or to change its plan, before more is written. Reads, exports"
        " and deletions are not refused.",
        402,
    ),
    "NOT_ENABLED": Code("The operator of the gateway has not enabled this feature.", 501),
    "RESYNC": Code(
        "The events after the cursor are no longer available. Read the data again, and continue"
        " from the `cursor` of the error.",
        410,
    ),
    "QUERY_TOO_COMPLEX": Code("The operation exceeds a limit of depth, size or cost.", 400),
    "RATE_LIMITED": Code(
        "Too many requests. Retry after `retryAfter` seconds.", 429, retryable=True
    ),
    "TIMEOUT": Code("The operation exceeded its deadline.", 504, retryable=True),
    "BUSY": Code("The gateway or its database is overloaded.", 503, retryable=True),
    "GRAPHQL_PARSE_FAILED": Code("The document has a syntax error.", 400),
    "GRAPHQL_VALIDATION_FAILED": Code("The document is not valid against the schema.", 400),
    "PERSISTED_QUERY_NOT_FOUND": Code(
        "The document with this hash is not known. Send `query` as well.", 400
    ),
    "PERSISTED_QUERY_NOT_SUPPORTED": Code(
        "This version of persisted queries is not supported. Send `query`.", 400
    ),
    "BAD_REQUEST": Code("The request is not a valid GraphQL request over HTTP.", 400),
    "INTERNAL": Code(
        "An internal error. The log of the gateway has the details by the request ID.", 500
    ),
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
