"""The pages of an import, as a phone visits them."""

import json
from uuid import UUID, uuid4

from asyncpg import Connection

from tests.pages.looking import Looking
from tests.tenants import organization_of


async def walk_imports(looking: Looking, superuser: Connection, me: UUID, long: str) -> None:
    """Visit the pages of an import, and the reports of checks that found something, and failed."""
    organization = await organization_of(superuser, me, long)
    project = uuid4()
    await superuser.execute(
        f"INSERT INTO projects (organization_id, id, name, slug) VALUES ($1, $2, '{long}', 'p')",
        organization,
        project,
    )
    await looking.at("/import", "import-projects")
    await looking.at(f"/import?project={project}", "import")
    table = f"{long},Title\n{long * 5},Brake\n".encode()
    chooser = looking.page.get_by_label("File", exact=True)
    await chooser.set_input_files({"name": "a.doc", "mimeType": "text/csv", "buffer": table})
    await looking.send("Upload")
    await looking.here("import-refused")
    await chooser.set_input_files({"name": "a.csv", "mimeType": "text/csv", "buffer": table})
    await looking.send("Upload")
    await looking.here("import-columns")
    await looking.send("Check the file", save=long)
    await looking.here("import-waiting")
    counts = dict.fromkeys(("created", "updated", "restored", "unchanged", "absent"), 1)
    told = {"kind": "requirements", "external_id": long, "name": long, "outcome": "updated"}
    report = {
        "dryRun": True,
        "documents": [long],
        "counts": {"requirements": counts},
        "objects": [told | {"fields": ["description"]}],
        "notes": [long],
    }
    changed = (
        "UPDATE jobs SET status = 'succeeded', result = $2, lease_id = NULL,"
        " lease_expires_at = NULL WHERE organization_id = $1"
    )
    await superuser.execute(changed, organization, json.dumps(report))
    await looking.page.get_by_role("link", name="Show what it has found").click()
    await looking.here("import-report")
