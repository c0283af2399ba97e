"""The capture of log lines itself: what runs beside a test is not among them."""

import asyncio

from structlog import get_logger

from tests.log_lines import log_lines

log = get_logger()


async def test_lines_of_a_task_that_was_started_before_are_left_out():
    begun = asyncio.Event()

    async def job() -> None:
        await begun.wait()
        log.debug("job")

    beside = asyncio.create_task(job())
    with log_lines() as lines:
        begun.set()
        await beside
        await asyncio.create_task(asyncio.to_thread(log.info, "ours"))
    assert [line["event"] for line in lines] == ["ours"]
