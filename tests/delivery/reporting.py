"""Reports of build servers for tests."""

import json

from tests.delivery.objects import feature

CYCLONEDX = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.5",
    "components": [
        {
            "type": "library",
            "name": "jinja2",
            "version": "3.1.2",
            "purl": "pkg:pypi/jinja2@3.1.2",
            "bom-ref": "a",
        }
    ],
    "vulnerabilities": [
        {
            "id": "CVE-2024-22195",
            "ratings": [{"score": 5.4, "severity": "medium"}],
            "description": "Scripts in attributes.",
            "affects": [{"ref": "a"}],
        },
        {"id": "CVE-2020-0001", "affects": [{"ref": "a"}], "analysis": {"state": "not_affected"}},
    ],
}
SARIF = {
    "version": "2.1.0",
    "runs": [
        {
            "tool": {
                "driver": {
                    "name": "scanner",
                    "rules": [{"id": "sql", "properties": {"security-severity": "9.1"}}],
                }
            },
            "results": [
                {
                    "ruleId": "sql",
                    "message": {"text": "A query is built from input."},
                    "locations": [
                        {
                            "physicalLocation": {
                                "artifactLocation": {"uri": "rover/brakes.py"},
                                "region": {"startLine": 3},
                            }
                        }
                    ],
                    "partialFingerprints": {"primaryLocationLineHash": "abc"},
                }
            ],
        }
    ],
}
JUNIT = """<testsuites><testsuite name="brakes" timestamp="2026-02-03T04:05:06Z">
  <testcase classname="brakes" name="stops" time="0.25"/>
  <testcase classname="brakes" name="holds" time="1"><failure message="It rolls."/></testcase>
  <testcase classname="brakes" name="locks"><skipped/></testcase>
</testsuite></testsuites>"""


class Reporter:
    """Sends reports of one project, with numbers that count up."""

    def __init__(self, world, person="editor"):
        self.world, self.person, self.number = world, person, 0

    async def send(self, *files, person=None, **fields):
        """Send a report, and return the response."""
        self.number += 1
        build = {
            "projectId": str(self.world.project),
            "buildNumber": str(self.number),
            "versionTag": "1.4.0",
            "gitCommitHash": "0123abc",
            "gitBranch": "main",
            **fields,
        }
        headers = {"Authorization": f"Bearer {await self.world.token(person or self.person)}"}
        sent = [(name, (f"{name}.txt", text(content))) for name, content in files]
        none = [("none", (None, ""))]  # so that a form without files is multipart, too
        form = {name: value for name, value in build.items() if value is not None}
        return await self.world.client.post(
            "/build-reports", data=form, files=sent or none, headers=headers
        )

    async def report(self, *files, **fields):
        """Send a report, and return the outcome."""
        response = await self.send(*files, **fields)
        assert response.status_code in (200, 201), response.text
        return response.json()

    async def refused(self, *files, **fields):
        """Send a report that is refused, and return the code and the path."""
        response = await self.send(*files, **fields)
        (error,) = response.json()["errors"]
        return error["extensions"]["code"], error["extensions"].get("field")

    async def outcomes(self, **outcomes):
        """Send the outcomes of tests by their external IDs, and return what became of defects."""
        results = [{"test": test, "status": status} for test, status in outcomes.items()]
        return (await self.report(("results", results)))["defects"]


def text(content):
    return content if isinstance(content, (str, bytes)) else json.dumps(content)


async def tested_feature(world, *names, **values):
    """Create a feature with automated tests of these external IDs, and return its ID."""
    made = await feature(world, externalId="F-1", **values)
    await world.superuser.execute(
        "INSERT INTO test_cases (organization_id, project_id, feature_id, external_id, name)"
        " SELECT $1, $2, $3, name, 'Test of ' || name FROM unnest($4::text[]) AS n (name)",
        *(world.organization, world.project, made["id"], list(names)),
    )
    return made["id"]
