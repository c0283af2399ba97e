"""An application of an organization outlives its creator: the rights needed, and the notices."""

import pytest

from tests.mails import captured
from tests.oauth.conftest import API
from tests.tenants import join, organization_of

FIELDS = "client: oauthClient { id version clientId scopes redirectUris isDisabled } }"
CREATE = f"""mutation ($input: OAuthClientCreateInput!) {{
    oauthClientCreate(input: $input) {{ secret {FIELDS} }}"""
UPDATE = f"""mutation ($id: UUID!, $version: BigInt!, $input: OAuthClientUpdateInput!) {{
    oauthClientUpdate(id: $id, expectedVersion: $version, input: $input) {{ {FIELDS} }}"""
ROTATE = f"""mutation ($id: UUID!, $version: BigInt!) {{
    oauthClientSecretRotate(id: $id, expectedVersion: $version) {{ secret {FIELDS} }}"""
DELETE = """mutation ($id: UUID!, $version: BigInt!) {
    oauthClientDelete(id: $id, expectedVersion: $version) { client: oauthClient { id } } }"""
MEMBER = """mutation ($id: UUID!, $version: BigInt!, $input: OrganizationMemberUpdateInput!) {
    organizationMemberUpdate(id: $id, expectedVersion: $version, input: $input) {
        member: organizationMember { id version } } }"""
REMOVE = """mutation ($id: UUID!, $version: BigInt!) {
    organizationMemberRemove(id: $id, expectedVersion: $version) {
        member: organizationMember { id version } } }"""
RESTORE = """mutation ($id: UUID!, $version: BigInt!) {
    organizationMemberRestore(id: $id, expectedVersion: $version) {
        member: organizationMember { id version } } }"""
STALE = "UPDATE sessions SET proved_at = now() - interval '16 minutes' WHERE user_id = $1"
CALLBACK = "https://partner.example/cb"
NARROW = "organizations:write requirements:write"
WIDER = [
    {"scopes": ["admin"]},
    {"redirectUris": ["https://elsewhere.example/cb"]},
    {"isDisabled": False},
    {"name": "Planner"},
]


@pytest.fixture
async def organization(superuser, person):
    """Return an organization that the person owns."""
    return await organization_of(superuser, person.id)


async def ask(http, query, token=None, **variables):
    """Return the answer to a person's session, or to this token."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    body = {"query": query, "variables": variables}
    return (await http.post(API, json=body, headers=headers)).json()


def wanted(organization, **change):
    return {
        "organizationId": str(organization),
        "name": "Partner",
        "scopes": ["requirements:read"],
        "redirectUris": [CALLBACK],
        "serviceAccountRole": "VIEWER",
    } | change


async def made(person, organization, **change):
    """Return the payload of registering an application in an owner's session."""
    answer = await ask(person.browser, CREATE, input=wanted(organization, **change))
    return answer["data"]["oauthClientCreate"]


async def changed(browser, client, **input):
    """Return the application after an update in its owner's session."""
    about = {"id": client["id"], "version": client["version"]}
    return (await ask(browser, UPDATE, **about, input=input))["data"]["oauthClientUpdate"]["client"]


def attempts(organization, client):
    """Yield all attempts to widen an application, or to get a secret of it."""
    about = {"id": client["id"], "version": client["version"]}
    yield CREATE, {"input": wanted(organization)}
    yield CREATE, {"input": wanted(organization, scopes=["admin"], serviceAccountRole="ADMIN")}
    for input in WIDER:
        yield UPDATE, {**about, "input": input}
    yield ROTATE, about


async def kept(superuser, organization):
    """Return all stored rows of the organization's applications and service accounts."""
    return await superuser.fetch(
        "SELECT c.version, o.* FROM oauth_clients o JOIN organization_clients c USING (id)"
        " WHERE c.organization_id = $1",
        organization,
    ), await superuser.fetch("SELECT id FROM profiles WHERE service_of = $1", organization)


async def test_an_application_registers_none_that_outlives_it(
    applications, person, organization, superuser
):
    client = (await made(person, organization))["client"]
    client = await changed(person.browser, client, isDisabled=True)
    planner = await applications(scope=NARROW)
    token = (await planner.connect(person, scope=NARROW))["access_token"]
    before = await kept(superuser, organization)
    for query, variables in attempts(organization, client):
        answer = await ask(planner.http, query, token, **variables)
        refused = answer["errors"][0]["extensions"]
        assert (refused["code"], refused["scope"]) == ("FORBIDDEN", "admin")
    assert await kept(superuser, organization) == before


async def test_an_application_may_end_one_without_the_scope_for_everything(
    applications, person, organization
):
    client = (await made(person, organization))["client"]
    planner = await applications(scope=NARROW)
    token = (await planner.connect(person, scope=NARROW))["access_token"]
    answer = await ask(planner.http, DELETE, token, id=client["id"], version=client["version"])
    assert answer["data"]["oauthClientDelete"]["client"] == {"id": client["id"]}


async def test_whoever_is_let_do_everything_registers_and_changes_them(
    applications, person, organization
):
    planner = await applications(scope="admin")
    token = (await planner.connect(person, scope="admin"))["access_token"]
    answer = await ask(planner.http, CREATE, token, input=wanted(organization, scopes=["admin"]))
    client = answer["data"]["oauthClientCreate"]["client"]
    assert client["scopes"] == ["admin"]
    about = {"id": client["id"], "version": client["version"]}
    answer = await ask(planner.http, UPDATE, token, **about, input={"scopes": ["admin"]})
    assert answer["data"]["oauthClientUpdate"]


async def test_a_session_registers_and_changes_them_after_a_fresh_proof(
    person, organization, superuser
):
    client = (await made(person, organization))["client"]
    await superuser.execute(STALE, person.id)
    before = await kept(superuser, organization)
    for query, variables in attempts(organization, client):
        answer = await ask(person.browser, query, **variables)
        refused = answer["errors"][0]["extensions"]
        assert (refused["code"], refused["prove"]) == ("FORBIDDEN", "/prove")
    assert await kept(superuser, organization) == before
    about = {"id": client["id"], "version": client["version"]}
    assert (await ask(person.browser, DELETE, **about))["data"]["oauthClientDelete"]


async def test_owners_are_told_by_mail_of_what_an_application_may(
    people, person, organization, superuser
):
    other, admin = await people(), await people()
    await join(superuser, organization, other.id, "owner")
    await join(superuser, organization, admin.id, "admin")
    with captured() as mails:

        async def told(did, number):
            """Return the text of the mail to both owners with this subject."""
            for owner in (person, other):
                subject, text = (await mails.arrived(owner.email, number))[-1]
                assert subject == f"Harbour: an owner has {did}"
            return text

        first = await made(person, organization)
        client = first["client"]
        text = await told("registered an application", 1)
        assert client["clientId"] in text
        assert "It acts for itself as Partner" in text
        assert first["secret"] not in text
        client = await changed(person.browser, client, scopes=["admin"])
        assert "do everything" in await told("changed an application", 2)
        client = await changed(person.browser, client, redirectUris=[CALLBACK, f"{CALLBACK}/2"])
        assert "partner. example" in await told("changed an application", 3)
        for nothing in ({"name": "Renamed"}, {"scopes": ["admin"]}, {"isDisabled": True}):
            client = await changed(person.browser, client, **nothing)
        client = await changed(person.browser, client, isDisabled=False)
        await told("enabled an application again", 4)
        about = {"id": client["id"], "version": client["version"]}
        rotated = (await ask(person.browser, ROTATE, **about))["data"]["oauthClientSecretRotate"]
        text = await told("created a new secret of an application", 5)
        assert rotated["secret"] not in text
        assert "Name: Renamed" in text
        assert "The previous secret works until" in text
        assert not mails.to(admin.email)


async def test_nothing_is_told_of_what_was_refused(person, organization):
    with captured() as mails:
        answer = await ask(person.browser, CREATE, input=wanted(organization, scopes=["all"]))
        assert answer["errors"][0]["extensions"]["field"] == ["input", "scopes"]
        await made(person, organization)
        assert len(await mails.arrived(person.email)) == 1


async def test_a_service_account_reaches_no_further_through_an_application(
    applications, people, person, organization, superuser
):
    """The holder of its key would go on with a higher role after being disconnected."""
    await made(person, organization)
    colleague = await people()
    await join(superuser, organization, colleague.id)
    rows = await superuser.fetch(
        "SELECT m.id, m.version FROM organization_members m"
        " JOIN profiles p ON p.id = m.user_id WHERE organization_id = $1 AND role = 'viewer'"
        " ORDER BY p.service_of NULLS LAST",
        organization,
    )
    robot, human = ({"id": str(row["id"]), "version": row["version"]} for row in rows)
    planner = await applications(scope=NARROW)
    token = (await planner.connect(person, scope=NARROW))["access_token"]

    async def tried(about, query, **more):
        """Make the attempt through the application; return the missing scope if it is refused."""
        answer = await ask(planner.http, query, token, **about, **more)
        if "errors" in answer:
            return answer["errors"][0]["extensions"]["scope"]
        [payload] = answer["data"].values()
        about["version"] = payload["member"]["version"]
        return None

    up, down = {"input": {"role": "EDITOR"}}, {"input": {"role": "BILLING"}}
    on, off = {"input": {"status": "ACTIVE"}}, {"input": {"status": "SUSPENDED"}}
    for about, missing in ((robot, "admin"), (human, None)):
        assert await tried(about, MEMBER, **up) == missing
        assert await tried(about, MEMBER, **down) is None
        assert await tried(about, MEMBER, **off) is None
        assert await tried(about, MEMBER, **on) == missing
        assert await tried(about, REMOVE) is None
        assert await tried(about, RESTORE) == missing
    answer = await ask(person.browser, RESTORE, **robot)
    robot = answer["data"]["organizationMemberRestore"]["member"]
    await superuser.execute(STALE, person.id)
    answer = await ask(person.browser, MEMBER, **robot, input={"role": "ADMIN"})
    assert answer["errors"][0]["extensions"]["prove"] == "/prove"
