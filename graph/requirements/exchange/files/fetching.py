"""Files that are imported from a URL: fetched by the job, within the limits of an import."""

from dataclasses import replace
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from auth.outbound import AnswerTooLongError, Outbound, UnreachableError
from db.problem import Problem
from graph.platform.jobs.run import JobFailed
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.model.draft import Limits

SECONDS = 120.0
"""Seconds for the whole answer, with redirects."""
OK = 200
MAX_NAME_LENGTH = 255


def name_in(url: str) -> str:
    """Return the name of the file that a URL leads to: the last part of its path."""
    name = PurePosixPath(unquote(urlsplit(url).path)).name
    return "".join(each for each in name if each.isprintable())[-MAX_NAME_LENGTH:] or "download"


async def fetched(outbound: Outbound, url: str, limits: Limits) -> Source:
    """Return the file at a URL. Raises JobFailed with a sentence that does not repeat the URL."""
    bounded = replace(outbound, most_bytes=limits.size, seconds=SECONDS)
    try:
        answer = await bounded.fetch("GET", url)
    except AnswerTooLongError:
        raise JobFailed(f"The file has more than {limits.size:,} bytes.") from None
    except (UnreachableError, Problem) as error:
        raise JobFailed(str(error)) from None
    if answer.status != OK:
        raise JobFailed(f"The server of the file answered with status {answer.status}.")
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise JobFailed("The server of the file compressed its answer, which is not read.")
    if not answer.body.strip():
        raise JobFailed("The file is empty.")
    return Source(name_in(url), answer.body)
