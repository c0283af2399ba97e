"""The CPU cost of the tests of each folder, and their budgets.

A cost is CPU time of the process that runs the tests: the load of other programs is not in it, so
that a budget does not fail by chance. PostgreSQL and browsers are not in it either,
but each statement and page is sent and read by that process. The report shows wall time as well.
"""

import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent

BUDGETS = {
    "audit": 30,
    "auth": 150,
    "compliance": 25,
    "core": 120,
    "delivery": 50,
    "editor": 40,
    "engine": 25,
    "explorer": 40,
    "http": 150,
    "identity": 60,
    "isolation": 270,
    "kit": 80,
    "live": 150,
    "oauth": 220,
    "pages": 60,
    "platform": 60,
    "policy": 120,
    "requirements": 220,
    "scim": 30,
    "session": 30,
    "storage": 12,
    "structure": 45,
}
"""CPU seconds, about twice what was measured where REFERENCE was. A new product adds a line; a
commit that raises one gives the reason."""
TOTAL = 2030
"""CPU seconds that all folders may have together: 25 for each product besides the first."""
MORE = {"engine": 0.04 * int(os.environ.get("GATEWAY_DOCUMENTS", "0"))}
"""CPU seconds besides, for random documents of which more than usual are asked for."""
REFERENCE = 0.009
"""CPU seconds of `_workload` where the budgets were measured; slower machines have more time."""


def _workload() -> float:
    """Return the CPU seconds of some work that is always the same, of several tries the least."""
    tries = []
    for _ in range(5):
        began = time.process_time()
        numbers: dict[int, str] = {}
        for number in range(100_000):
            numbers[number % 1000] = str(number)
        tries.append(time.process_time() - began)
    return min(tries)


class Costs:
    """The plugin: it counts in each worker, and the one that started them adds up and judges."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.cpu: Counter[str] = Counter()
        self.wall: Counter[str] = Counter()
        self.tests: Counter[str] = Counter()
        self.slowness = 1.0

    def pytest_sessionstart(self) -> None:
        self.slowness = max(1.0, _workload() / REFERENCE)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        cpu, wall = time.process_time(), time.monotonic()
        result = yield
        folder = item.path.relative_to(HERE).parts[0]
        self.cpu[folder] += time.process_time() - cpu
        self.wall[folder] += time.monotonic() - wall
        self.tests[folder] += 1
        return result

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(self.config, "workerinput"):
            counted = [dict(self.cpu), dict(self.wall), dict(self.tests)]
            self.config.workeroutput["costs"] = counted
        elif self.faults() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        counters = (self.cpu, self.wall, self.tests)
        counted = getattr(node, "workeroutput", {}).get("costs", ())
        for counter, of_worker in zip(counters, counted, strict=False):
            counter.update(of_worker)

    def faults(self) -> list[str]:
        """Return the folders that are over their budget, or have none."""
        found = [
            f"tests/{folder} took {seconds:.0f} CPU seconds of {self._budget(folder):.0f}."
            for folder, seconds in self.cpu.items()
            if folder in BUDGETS and seconds > self._budget(folder)
        ]
        found += [f"tests/{folder} has no budget." for folder in self.cpu.keys() - BUDGETS.keys()]
        if sum(BUDGETS.values()) > TOTAL:
            found.append(f"All budgets together are more than {TOTAL} CPU seconds.")
        return found

    def _budget(self, folder: str) -> float:
        return (BUDGETS[folder] + MORE.get(folder, 0)) * self.slowness

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if len(self.cpu) > 1 or self.faults():
            terminalreporter.section("costs: CPU seconds of budget, wall seconds, tests")
            for folder, seconds in self.cpu.most_common():
                budget = self._budget(folder) if folder in BUDGETS else 0
                line = f"{seconds:8.1f} of {budget:5.0f} {self.wall[folder]:8.1f}"
                terminalreporter.write_line(f"{line} {self.tests[folder]:6}  tests/{folder}")
        for fault in self.faults():
            terminalreporter.write_line(f"{fault} See tests/costs.py.", red=True)
