"""A line is one event, short, and without secrets; in production it is JSON."""

import io
import json
import logging

import pytest
import structlog

from graph.logs import set_up
from graph.settings import Settings


@pytest.fixture
def lines():
    """Yield a function that sets logging up for this test and returns the written lines."""
    root = logging.getLogger()
    handlers, level, stream = root.handlers, root.level, io.StringIO()

    def lines(**settings):
        if settings:
            set_up(Settings(**settings), stream)
        return stream.getvalue().splitlines()

    yield lines
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def test_production_writes_one_json_object_an_event(lines):
    lines(gateway_env="production")
    structlog.contextvars.bind_contextvars(request_id="r-1")
    structlog.get_logger("gateway").info("asked", operation="two\nlines")
    logging.getLogger("a.library").warning("it is %s", "late")
    ours, theirs = map(json.loads, lines())
    assert (ours["event"], ours["level"], ours["operation"]) == ("asked", "info", "two\nlines")
    assert (theirs["event"], theirs["level"]) == ("it is late", "warning")
    assert ours["request_id"] == theirs["request_id"] == "r-1"


@pytest.mark.parametrize("environment", ["production", "development"])
def test_secrets_are_taken_out(lines, environment):
    lines(gateway_env=environment)
    structlog.get_logger("gateway").warning(
        "Bearer hidden",
        password="hidden",
        headers={"Authorization": "hidden", "cookie": ["hidden"]},
        url="postgresql://user:hidden@host/db",
        access_token="hidden",
        tokens=12,
    )
    (line,) = lines()
    assert "hidden" not in line
    assert "host/db" in line
    assert "12" in line


def test_a_line_stays_short_whatever_it_is_given(lines):
    lines(gateway_env="production")
    structlog.get_logger("gateway").error("x" * 100_000, document="y" * 100_000)
    (line,) = lines()
    assert len(line) < 3000
    assert json.loads(line)["document"].endswith("[of 100000 characters]")


def test_a_defect_is_logged_with_the_end_of_its_traceback(lines):
    lines(gateway_env="production")
    try:
        {}["here " * 2000]
    except KeyError:
        structlog.get_logger("gateway").exception("failed")
    (line,) = lines()
    assert len(line) < 5000
    assert "here" in json.loads(line)["exception"]
    assert json.loads(line)["exception"].endswith(" characters]")


def test_events_beneath_the_level_are_not_written(lines):
    lines(gateway_env="production", log_level="WARNING")
    structlog.get_logger("gateway").info("asked")
    logging.getLogger("a.library").info("asked")
    assert lines() == []
