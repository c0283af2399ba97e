"""Serve the plots of a project: its coverage and test results over time, as SVG or as a page.

The page has the plot and a table with its numbers. Who may not read the project is answered as if
it did not exist.
"""

import re
from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from auth.accounts.mail import Outbox
from auth.session import Row
from auth.web.site import Site, answering
from db.core.projects import Project
from db.pool import Database
from db.problem import Problem
from graph.editor.parameters import require_known
from graph.kit.context import Context
from graph.kit.plots import Plot, Series, svg, table
from graph.requirements.testing_days import DEFAULT_DAYS, MAX_DAYS, TestingDay, history
from graph.settings import Settings

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class Line(NamedTuple):
    """A line of a plot: its name, and its number on a day."""

    name: str
    of: Callable[[TestingDay], int]


PLOTS = {
    "coverage": (
        "Coverage of requirements",
        (
            Line("Requirements", lambda day: day.requirement_count),
            Line("Covered", lambda day: day.covered_count),
        ),
    ),
    "results": (
        "Test results",
        (
            Line("Passed", lambda day: day.passed_count),
            Line("Failed", lambda day: day.failed_count),
            Line("Other", lambda day: day.other_count),
        ),
    ),
}
"""The title and the lines of each plot, by its name in the address."""


def routes(database: Database, settings: Settings, outbox: Outbox) -> list[BaseRoute]:
    """Return the routes beneath /plots."""
    site = Site(database, settings, outbox)

    async def plotted(request: Request) -> tuple[Row, Plot]:
        viewer = await site.signed_in(request)
        session = site.session(request, viewer)
        title, lines = _named(request)
        days = _days(request)
        project = await Context(session).get(Project, request.path_params["project"])
        (found,) = await history(session, [project.id], days)
        return project, plot_of(f"{title}: {project.name}", lines, found)

    async def picture(request: Request) -> Response:
        """Return the plot as SVG."""
        _, plot = await plotted(request)
        return Response(svg(plot), media_type="image/svg+xml", headers=HEADERS)

    async def page(request: Request) -> Response:
        """Return a page with the plot, and its numbers in a table."""
        _, plot = await plotted(request)
        return HTMLResponse(
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(plot.title)}</title></head><body><main>"
            f"<h1>{escape(plot.title)}</h1><figure>{svg(plot)}</figure>{table(plot)}"
            "</main></body></html>",
            headers=HEADERS,
        )

    return [
        Route("/plots/{project:uuid}/{plot}.svg", answering(picture)),
        Route("/plots/{project:uuid}/{plot}", answering(page)),
    ]


def plot_of(title: str, lines: Sequence[Line], days: Sequence[TestingDay]) -> Plot:
    """Return the plot of these lines over these days."""
    series = [Series(line.name, [line.of(day) for day in days]) for line in lines]
    return Plot(title, [day.day for day in days], series)


def _named(request: Request) -> tuple[str, Sequence[Line]]:
    name = request.path_params["plot"]
    if name not in PLOTS:
        raise Problem("NOT_FOUND", f"There is no such plot, only {' and '.join(PLOTS)}.")
    return PLOTS[name]


def _days(request: Request) -> int:
    """Return the number of days in the query. Raises INVALID."""
    require_known(request, ("last",))
    text = request.query_params.get("last", str(DEFAULT_DAYS))
    if not re.fullmatch("[0-9]{1,3}", text) or not 1 <= int(text) <= MAX_DAYS:
        raise Problem("INVALID", f"`last` must be a number of days from 1 to {MAX_DAYS}.")
    return int(text)
