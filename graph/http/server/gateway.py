"""The application of one process: the API in front of everything else."""

from typing import Any

from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from graph.http.operation.negotiate import EVENT_STREAM, answer_type
from graph.http.request.endpoint import GraphQLEndpoint

PATH = "/graphql"


class Gateway(Starlette):
    """The application, which answers operations without routing: most requests are operations.

    Streams of events and preflights are routed like everything else, and so are visits of a browser
    without an operation where `has_page`.
    """

    def __init__(
        self, endpoint: GraphQLEndpoint, *, has_page: bool = False, **options: Any
    ) -> None:
        super().__init__(**options)
        self._endpoint, self._has_page = endpoint, has_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or run the lifespan."""
        if scope["type"] == "http" and scope["path"] == PATH and self._is_operation(scope):
            await self._endpoint(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def _is_operation(self, scope: Scope) -> bool:
        method = scope["method"]
        if method == "OPTIONS" and self._endpoint.tells_origins:
            return False
        may_be_visit = self._has_page and method == "GET" and not scope["query_string"]
        for name, value in scope["headers"]:
            if name == b"accept":
                accept = value.decode("latin-1")
                is_visit = may_be_visit and "text/html" in accept
                return not is_visit and answer_type(accept) != EVENT_STREAM
        return True
