"""The examples of docs/testing.md run as written."""

import re
from pathlib import Path

from tests.requirements.test_results_import import REPORT
from tests.requirements.verifying import requirement

DOCUMENT = (Path(__file__).parents[2] / "docs" / "testing.md").read_text()
CREATE, LIST, RECORD, MATRIX, VIEW, IMPORT = re.findall(
    r"```graphql\n(.*?)```", DOCUMENT, re.DOTALL
)


async def test_the_examples_work_one_after_the_other(world):
    made = (await world.ask("editor", CREATE, project=world.project))["testCase"]
    assert made["estimatedDuration"] == "PT45M"
    recorded = await world.ask("editor", RECORD, case=made["id"], requirement=world.requirement)
    assert recorded["testExecution"]["testCase"] == {
        "status": "FAILED",
        "result": "FAIL: Stopped after 44 m.",
    }
    (listed,) = (await world.ask("viewer", LIST, project=world.project))["testCases"]["nodes"]
    assert listed["executions"]["nodes"][0]["executionStatus"] == "FAIL"
    await requirement(world, "Untested")
    matrix = await world.ask("viewer", MATRIX, project=world.project)
    assert [row["holes"] for row in matrix["rows"]["nodes"]] == [["UNCOVERED"]]
    assert matrix["summary"]["failing"] == 1
    viewed = await world.ask("editor", VIEW, project=world.project)
    assert viewed["testMatrixView"]["isDefault"]
    read = await world.ask("editor", IMPORT, project=world.project, xml=REPORT)
    assert (read["cases"], read["recorded"]) == (7, 0)
