"""The pages of members: what administrators do there, and what the rules of the API refuse."""

import httpx
import pytest

from tests.pages.forms import Browser

MEMBER = """query ($id: UUID!, $member: UUID!) { organization(id: $id) {
    invitations { nodes { email role status } }
    members(filter: {id: {eq: $member}}) { nodes { id role status version user { id
        roles(orderBy: [{by: CREATED_AT}]) { nodes { role objectId expiresAt reason } } } } } } }"""
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $role: OrganizationRole!) {
    organizationMemberUpdate(id: $id, expectedVersion: $version, input: {role: $role}) {
        organizationMember { version } } }"""


@pytest.fixture
def browser_of(world, settings):
    """Return a function that signs a person in."""
    return lambda person: Browser.of(world, settings, person)


async def state(world, member="viewer"):
    found = await world.ask("owner", MEMBER, id=world.organization, member=world.members[member])
    return found["invitations"]["nodes"], next(iter(found["members"]["nodes"]), None)


def path_of(world, member="viewer"):
    return f"/members/member?organization={world.organization}&id={world.members[member]}"


async def test_an_administrator_manages_members_and_their_roles(world, browser_of):
    admin = await browser_of("admin")
    text = await admin.open("/members")
    assert f"Members of Organization {world.name}" in text
    assert all(world.email(name) in text for name in ("owner", "billing", "document_editor"))
    assert world.email("outsider") not in text
    assert world.email("owner") not in await admin.open(
        f"/members?organization={world.organization}&only=VIEWER"
    )

    text = await admin.send("/members/invite", email="new@partner.example", role="EDITOR")
    assert "The invitation has been sent" in text
    form = admin.form("/members/cancel")
    invited = {"email": "new@partner.example", "role": "EDITOR", "status": "PENDING"}
    assert (await state(world))[0] == [invited]
    assert "has been cancelled" in await admin.send("/members/cancel", {"id": form["id"]})
    assert (await state(world))[0] == [invited | {"status": "CANCELLED"}]

    await admin.open(path_of(world))
    await admin.send("/members/member/role", role="EDITOR")
    await admin.send("/members/member/suspend")
    assert "Resume the membership" in admin.page.text
    _, member = await state(world)
    assert (member["role"], member["status"]) == ("EDITOR", "SUSPENDED")
    await admin.send("/members/member/resume")
    assert (await state(world))[1]["status"] == "ACTIVE"

    await admin.open(f"{path_of(world)}&project={world.project}")
    assert f"Document {world.name}" in admin.page.text
    await admin.send(
        "/members/member/grant",
        object=world.document,
        role="ADMIN",
        expiresAt="2100-01-31",
        reason="<b>Audit</b>",
    )
    assert "&lt;b&gt;Audit&lt;/b&gt;" in admin.page.text
    (role,) = (await state(world))[1]["user"]["roles"]["nodes"]
    assert (role["role"], role["objectId"]) == ("ADMIN", str(world.document))
    assert role["expiresAt"].startswith("2100-01-31T23:59:59")
    await admin.send(
        "/members/member/change", role="VIEWER", expiresAt="2100-01-31", reason="Reads"
    )
    (changed,) = (await state(world))[1]["user"]["roles"]["nodes"]
    assert changed == role | {"role": "VIEWER", "reason": "Reads"}
    await admin.send("/members/member/revoke")
    assert (await state(world))[1]["user"]["roles"]["nodes"] == []
    assert "The member has been removed" in await admin.send("/members/member/remove")
    assert (await state(world))[1] is None


async def test_the_rules_of_the_mutations_hold_for_forms(world, browser_of):
    admin = await browser_of("admin")
    await admin.open(path_of(world))
    form = admin.form("/members/member/role")
    await admin.post("/members/member/role", form | {"role": "OWNER"})
    assert (admin.page.status_code, admin.refusal) == (
        403,
        "You cannot grant, change or remove a role above your own.",
    )
    await world.ask("owner", UPDATE, id=world.members["viewer"], version=1, role="MEMBER")
    assert (await admin.post("/members/member/role", form | {"role": "ADMIN"})).status_code == 409
    await admin.open(path_of(world, "owner"))
    assert "/members/member/remove" not in admin.page.text
    theirs = form | {"id": str(world.members["owner"]), "version": "1"}
    assert (await admin.post("/members/member/remove", theirs)).status_code == 403
    wrong = {"object": str(world.project), "role": "VIEWER", "expiresAt": "2030-02-31"}
    await admin.open(path_of(world))
    await admin.send("/members/member/grant", **wrong)
    assert admin.page.status_code == 400
    assert "not a date" in admin.refusal
    _, member = await state(world)
    assert (member["role"], member["user"]["roles"]["nodes"]) == ("MEMBER", [])


async def test_a_form_that_is_sent_twice_is_carried_out_once(world, browser_of):
    admin = await browser_of("admin")
    await admin.open("/members")
    form = admin.form("/members/invite") | {"email": "new@partner.example", "role": "VIEWER"}
    answers = [await admin.post("/members/invite", form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert len((await state(world))[0]) == 1
    fresh = form | {"key": "é"}  # which is no key of a form of ours
    assert (await admin.post("/members/invite", fresh)).status_code == 409
    assert "new@partner.example" in admin.page.text


async def test_a_new_owner_requires_a_recent_password(world, browser_of, superuser):
    owner = await browser_of("owner")
    await superuser.execute(
        "UPDATE sessions SET proved_at = now() - interval '1 hour' WHERE user_id = $1",
        world.people["owner"],
    )
    await owner.open(path_of(world))
    form = owner.form("/members/member/role") | {"role": "OWNER"}
    there = (await owner.post("/members/member/role", form)).headers["location"]
    assert there.startswith("/prove?next=%2Fmembers%2Fmember%3Forganization%3D")
    assert (await state(world))[1]["role"] == "VIEWER"


async def test_there_are_no_pages_for_others(world, other_world, browser_of):
    paths = [
        f"/members?organization={world.organization}",
        path_of(world),
        f"/audit?organization={world.organization}",
        f"/audit/alerts?organization={world.organization}",
        f"/access-reviews?organization={world.organization}",
    ]
    for person in ("editor", "project_editor", "billing", "outsider"):
        browser = await browser_of(person)
        for path in paths:
            assert "Members of" not in await browser.open(path)
            assert browser.page.status_code == 404
    admin = await browser_of("admin")
    foreign = f"?organization={other_world.organization}"
    for path in ("/members", "/audit", "/access-reviews"):
        await admin.open(path + foreign)
        assert admin.page.status_code == 404
    await admin.open(
        f"/members/member?organization={world.organization}&id={world.people['owner']}"
    )
    assert admin.page.status_code == 404
    await admin.open("/members")
    form = admin.form("/members/invite") | {"email": "new@partner.example", "role": "VIEWER"}
    outside = form | {"organization": str(other_world.organization)}
    assert (await admin.post("/members/invite", outside)).status_code == 404
    assert (await admin.post("/members/invite", form | {"csrf_token": "x"})).status_code == 403
    assert (await state(world))[0] == []
    anonymous = await world.client.get("/members")
    assert anonymous.headers["location"] == "/sign-in?next=%2Fmembers"


async def test_odd_forms_and_addresses_are_refused_and_change_nothing(world, browser_of):
    admin = await browser_of("admin")
    await admin.open("/members")
    token = admin.form("/members/invite")["csrf_token"]
    place = {"csrf_token": token, "organization": str(world.organization)}
    member = place | {"id": str(world.members["viewer"]), "version": "1"}
    odd = ("\0", "x" * 5000, "é", "<script>", "9" * 30, "2030-01-01T00:00", "OWNER\n")
    for text in odd:
        every = dict.fromkeys(("email", "role", "object", "user", "expiresAt", "reason"), text)
        every |= dict.fromkeys(("grant", "name", "dueDate", "reviewer", "item", "verdict"), text)
        every |= {"from": text, "action": text, "person": text, "risk": text}
        for path, fields in (
            ("/members/invite", place),
            ("/members/member/role", member),
            ("/members/member/role", member | {"version": text}),
            ("/members/member/remove", member | {"id": text}),
            ("/members/member/grant", member),
            ("/members/member/change", member),
            ("/members/member/revoke", member),
            ("/access-reviews/new", place),
            ("/access-reviews/review/decide", member),
            ("/access-reviews/review/close", member),
            ("/audit/export", place),
            ("/audit/alerts/acknowledge", member),
        ):
            answer = await admin.post(path, every | fields)
            assert answer.status_code in (400, 404), (path, text)
            assert "<script>" not in answer.text
        for page in ("members", "members/member", "access-reviews/review", "audit", "audit/alerts"):
            query = httpx.QueryParams(
                {**place, "id": text, "after": text, "only": text, "to": text}
            )
            await admin.open(f"/{page}?{query}")
            assert admin.page.status_code in (400, 404), (page, text)
            assert "<script>" not in admin.page.text
    invitations, viewer = await state(world)
    assert (invitations, viewer["role"], viewer["version"]) == ([], "VIEWER", 1)
    assert await world.records(world.members["viewer"]) == []
