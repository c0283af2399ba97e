"""The explorer: a page in which developers read the schema and try operations."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from graph.settings import Settings


def routes(settings: "Settings") -> "list[BaseRoute]":
    """Return the routes beneath /explorer."""
    # Imported here because the build, which is in this package, is to start without a framework.
    from graph.explorer.page import Explorer  # noqa: PLC0415

    return Explorer(settings).routes()
