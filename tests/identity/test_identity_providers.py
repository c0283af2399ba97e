"""Identity providers in the API: who sets them up, what is checked, and what is never told."""

import pytest

from auth.credentials.people import create_person
from tests.auth.conftest import PASSWORD, hidden, sign_in
from tests.identity.provider import CLIENT, SECRET
from tests.identity.signing_on import browse, connect, person_at, provide, provider, second_factor
from tests.world import Refused

__all__ = ["browse", "connect", "provide", "provider"]

FIELDS = "identityProvider { id version name issuer isEnforced testedAt redirectUri logoutUri }"
CREATE = f"""mutation ($input: IdentityProviderCreateInput!) {{
    identityProviderCreate(input: $input) {{ {FIELDS} }} }}"""
UPDATE = f"""mutation ($id: UUID!, $version: BigInt!, $input: IdentityProviderUpdateInput!) {{
    identityProviderUpdate(id: $id, expectedVersion: $version, input: $input) {{ {FIELDS} }} }}"""
DELETE = f"""mutation ($id: UUID!, $version: BigInt!, $force: Boolean! = false) {{
    identityProviderDelete(id: $id, expectedVersion: $version, force: $force) {{
        {FIELDS} }} }}"""
READ = """query ($id: UUID!) { organization(id: $id) { identityProviders(first: 5) {
    nodes { id name issuer } } } }"""


def given(world, provider, **input):
    return {
        "organizationId": str(world.organization),
        "name": "Directory",
        "issuer": provider.issuer,
        "clientId": CLIENT,
        "clientSecret": SECRET,
        **input,
    }


@pytest.fixture
async def made(world, provider):
    answer = await world.ask("owner", CREATE, input=given(world, provider))
    return answer["identityProvider"]


async def test_an_owner_sets_an_identity_provider_up(world, made, superuser, settings):
    assert made["testedAt"] is None
    assert made["redirectUri"] == f"{settings.url}/sso/{made['id']}/callback"
    stored = await superuser.fetchrow(
        "SELECT * FROM identity_providers WHERE organization_id = $1", world.organization
    )
    assert SECRET.encode() not in bytes(stored["client_secret"])
    [event] = await world.records(made["id"])
    assert SECRET not in str(dict(event))


async def test_only_owners_write_and_administrators_read(world, other_world, provider, made):
    read = (await world.ask("admin", READ, id=world.organization))["identityProviders"]
    assert [one["id"] for one in read["nodes"]] == [made["id"]]
    unseen = (await world.ask("viewer", READ, id=world.organization))["identityProviders"]
    assert unseen["nodes"] == []
    one = {"id": made["id"], "version": made["version"]}
    for person, code in {
        "admin": "FORBIDDEN",
        "editor": "NOT_FOUND",
        "outsider": "NOT_FOUND",
    }.items():
        assert await world.code(person, UPDATE, **one, input={"name": "X"}) == code
        assert await world.code(person, DELETE, **one) == code
    assert await other_world.code("owner", DELETE, **one) == "NOT_FOUND"
    theirs = given(other_world, provider)
    assert await world.code("owner", CREATE, input=theirs) == "NOT_FOUND"
    assert await other_world.code("admin", CREATE, input=theirs) == "FORBIDDEN"
    assert await world.code("owner", CREATE, input=given(world, provider)) == "ALREADY_EXISTS"


@pytest.mark.parametrize(
    "issuer",
    [
        *("http://10.0.0.1", "http://169.254.169.254/latest", "http://[::1]", "ftp://a.example"),
        *("https://user:password@a.example", "http://a.example:22", "not a URL", ""),
        *("https://a.example?x=1", "https://a.example#x", "file:///etc/passwd"),
    ],
)
async def test_an_issuer_that_leads_inside_is_refused(world, provider, issuer):
    with pytest.raises(Refused) as refused:
        await world.ask("owner", CREATE, input=given(world, provider, issuer=issuer))
    assert (refused.value.code, refused.value.field) == ("INVALID", ["input", "issuer"])


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://another.example"},
        {"issuer": None},
        {"token_endpoint": None},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"token_endpoint": ["https://a.example"]},
    ],
)
async def test_a_document_that_does_not_fit_its_issuer_is_refused(world, provider, metadata):
    provider.metadata = metadata
    assert await world.code("owner", CREATE, input=given(world, provider)) == "INVALID"


async def test_endpoints_of_the_document_do_not_lead_inside(
    world, browse, provider, connect, domains
):
    domain = await domains.verified(world, verificationRequired=False)
    connection = await connect(world, provider)
    provider.metadata = {"token_endpoint": "http://169.254.169.254/token"}
    browser = await browse()
    answer = await browser.sign_on(connection, provider, person_at(domain))
    assert answer.status_code == 400
    assert "169.254" not in answer.text


async def test_a_provider_is_tried_then_enforced_and_tried_again_after_a_change(
    world, browse, provider, made, domains
):
    one = {"id": made["id"], "version": made["version"]}
    with pytest.raises(Refused) as refused:
        await world.ask("owner", UPDATE, **one, input={"isEnforced": True})
    assert refused.value.field == ["input", "isEnforced"]
    owner = await browse(world.email("owner"))
    page = (await owner.get("/single-sign-on")).text
    assert "not tried yet" in page
    form = _form(page, "/single-sign-on/try")
    away = await owner.post("/single-sign-on/try", data=form)
    target = away.text.split('class="button" href="')[1].split('"')[0].replace("&amp;", "&")
    back = await owner.get(provider.answer(target, {"sub": "the owner"}))
    assert back.headers["location"].endswith("news=tried")
    tested = (await world.records(made["id"]))[-1]
    assert tested["action"] == "test"
    one["version"] = tested["version"]
    for missing in ("Verify a domain", "second factor"):
        with pytest.raises(Refused) as refused:
            await world.ask("owner", UPDATE, **one, input={"isEnforced": True})
        assert missing in refused.value.errors[0]["message"]
        if missing == "Verify a domain":
            await domains.verified(world)
    await second_factor(owner)
    enforced = await world.ask("owner", UPDATE, **one, input={"isEnforced": True})
    assert enforced["identityProvider"]["isEnforced"]
    one["version"] = enforced["identityProvider"]["version"]
    moved = await world.ask("owner", UPDATE, **one, input={"clientId": "another"})
    assert moved["identityProvider"]["testedAt"] is None
    assert moved["identityProvider"]["isEnforced"] is False


@pytest.mark.parametrize("change", [{"clientSecret": "another"}, {"clientSecret": None}])
async def test_another_secret_has_to_be_tried_again_before_it_is_enforced(
    world, browse, provider, connect, domains, database, change
):
    domain = await domains.verified(world, verificationRequired=False)
    id = await connect(world, provider, enforced=True)
    email = person_at(domain)["email"]
    await create_person(database, email, "Somebody", PASSWORD)
    assert "Continue with Directory" in (await sign_in(await browse(), email)).text
    both = {"id": id, "version": 1, "input": change | {"isEnforced": True}}
    with pytest.raises(Refused) as refused:
        await world.ask("owner", UPDATE, **both)
    assert refused.value.field == ["input", "isEnforced"]
    changed = await world.ask("owner", UPDATE, id=id, version=1, input=change)
    assert changed["identityProvider"]["testedAt"] is None
    assert changed["identityProvider"]["isEnforced"] is False
    browser = await browse()
    assert (await browser.get(f"/sso/{id}")).status_code == 403
    await sign_in(browser, email)
    assert await browser.email() == email  # nobody is locked out meanwhile


async def test_another_name_keeps_a_provider_enforced(world, provider, connect):
    id = await connect(world, provider, enforced=True)
    named = await world.ask("owner", UPDATE, id=id, version=1, input={"name": "Staff"})
    assert named["identityProvider"]["isEnforced"] is True


async def test_a_provider_that_is_enforced_is_removed_by_force_alone(
    world, provider, connect, browse
):
    one = {"id": await connect(world, provider, enforced=True), "version": 1}
    with pytest.raises(Refused) as refused:
        await world.ask("owner", DELETE, **one)
    assert (refused.value.code, refused.value.field) == ("INVALID", ["force"])
    assert await world.code("admin", DELETE, **one, force=True) == "FORBIDDEN"
    assert await world.code("viewer", DELETE, **one) == "NOT_FOUND"
    owner = await browse(world.email("owner"))
    form = _form((await owner.get("/single-sign-on")).text, "/single-sign-on/provider/remove")
    refusal = await owner.post("/single-sign-on/provider/remove", data=form)
    assert "Allow passwords first" in refusal.text
    form = _form((await owner.get("/single-sign-on")).text, "/single-sign-on/provider/remove")
    answer = await owner.post("/single-sign-on/provider/remove", data=form | {"force": "on"})
    assert answer.headers["location"].endswith("news=removed")
    assert (await owner.get(f"/sso/{one['id']}")).status_code == 404


async def test_a_provider_that_is_not_enforced_is_removed_without_force(world, made):
    await world.ask("owner", DELETE, id=made["id"], version=made["version"])


async def test_a_removed_provider_signs_nobody_in(world, browse, provider, connect, made):
    await world.ask("owner", DELETE, id=made["id"], version=made["version"])
    browser = await browse()
    assert (await browser.get(f"/sso/{made['id']}")).status_code == 404
    assert (await browser.post(f"/sso/{made['id']}/logout", data={})).status_code == 400


async def test_owners_do_all_of_it_on_a_page(world, browse, provider, domains, names):
    owner = await browse(world.email("owner"))
    admin = await browse(world.email("admin"))
    assert (
        await admin.get(f"/single-sign-on?organization={world.organization}")
    ).status_code == 404
    page = (await owner.get("/single-sign-on")).text
    form = _form(page, "/single-sign-on/domain/add") | {"domain": "gmail.com"}
    refused = await owner.post("/single-sign-on/domain/add", data=form)
    assert "cannot own it" in refused.text
    domain = f"{world.name}.example"
    answer = await owner.post("/single-sign-on/domain/add", data=form | {"domain": domain})
    page = (await owner.get(answer.headers["location"])).text
    assert f"_gateway-challenge.{domain}" in page
    value = page.split("gateway-verification=")[1].split("<")[0]
    form = _form(page, "/single-sign-on/verify")
    assert "no TXT record" in (await owner.post("/single-sign-on/verify", data=form)).text
    names.texts[f"_gateway-challenge.{domain}"] = [f'"gateway-verification={value}"']
    answer = await owner.post("/single-sign-on/verify", data=form)
    page = (await owner.get(answer.headers["location"])).text
    assert "The domain is verified." in page
    form = _form(page, "/single-sign-on/domain") | {"autoJoin": "on", "role": "VIEWER"}
    answer = await owner.post("/single-sign-on/domain", data=form)
    page = (await owner.get(answer.headers["location"])).text
    assert '<option value="VIEWER" selected>' in page
    form = _form(page, "/single-sign-on/provider/add")
    form |= {"name": "Directory", "issuer": provider.issuer, "clientId": CLIENT}
    answer = await owner.post("/single-sign-on/provider/add", data=form)
    page = (await owner.get(answer.headers["location"])).text
    assert "/callback" in page
    form = _form(page, "/single-sign-on/provider/remove")
    answer = await owner.post("/single-sign-on/provider/remove", data=form)
    page = (await owner.get(answer.headers["location"])).text
    form = _form(page, "/single-sign-on/domain/remove")
    answer = await owner.post("/single-sign-on/domain/remove", data=form)
    assert "There are no domains yet" in (await owner.get(answer.headers["location"])).text


def _form(page: str, action: str) -> dict[str, str]:
    """Return the hidden fields of the form with this action."""
    return hidden(page.split(f'action="{action}"')[1].split("</form>", maxsplit=1)[0])
