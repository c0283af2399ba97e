"""The demonstration has something to show on the pages of compliance."""

from auth.credentials.identify import act_for
from auth.session import ViewerSession
from tests.kit.asking import run

SHOWN = """{ organizations(filter: {slug: {eq: "harbour-works"}}) { nodes {
    complianceDocuments { nodes { name status pageCount } }
    findingTasks { nodes { status assignee { email } } }
    assessments { nodes { status progress score shares { nodes { name revokedAt } } } }
    assessmentUsage { assessments { current } }
    openFindings(last: 1) { critical high } } } }"""


async def test_compliance_is_part_of_the_demo(demo, database):
    viewer = await act_for("owner@demo.example", database)
    shown = await run(ViewerSession(database, viewer), SHOWN)
    (found,) = shown["organizations"]["nodes"]
    (document,) = found["complianceDocuments"]["nodes"]
    assert (document["status"], document["pageCount"]) == ("READY", 2)
    begun, done = found["assessments"]["nodes"]
    assert (begun["status"], begun["progress"], begun["score"]) == ("PROCESSING", 0.5, None)
    assert done["status"] == "COMPLETED"
    assert 0 < done["score"] < 1
    assert [share["name"] for share in done["shares"]["nodes"]] == ["Auditor"]
    (task,) = found["findingTasks"]["nodes"]
    assert (task["status"], task["assignee"]["email"]) == ("OPEN", "editor@demo.example")
    assert found["assessmentUsage"]["assessments"]["current"] == 2
    assert found["openFindings"][0]["critical"] > 0
