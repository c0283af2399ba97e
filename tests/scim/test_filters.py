"""Finding users and groups: filters, order, pages and attributes."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scim2_models import ScimFilter

from graph.scim.resources import User

NAMES = ("ada", "bob", "cyd", "dan")


@pytest.fixture
async def users(idp):
    """Create four users: one has a title, one is inactive, two are in a group."""
    users = {
        "ada": await idp.user("ada", title="Lead"),
        "bob": await idp.user("bob", active=False),
        "cyd": await idp.user("cyd", externalId=None),
        "dan": await idp.user("dan", displayName='Dan "D" O\\N'),
    }
    await idp.group("Pilots", users["ada"], users["bob"])
    return users


async def found(idp, filter, **more):
    """Return the names of the provisioned users who match."""
    params = {"filter": filter, "count": "200"} | more
    answer = await idp.client.get(
        "/scim/v2/Users", params=params, headers={"Authorization": f"Bearer {idp.token}"}
    )
    assert answer.status_code == 200, answer.text
    names = [one["userName"].partition(".")[0] for one in answer.json()["Resources"]]
    return [name for name in names if name in NAMES]


async def test_each_operator_finds_what_it_says(idp, users):
    for filter, names in {
        f'userName eq "{idp.address("ADA").upper()}"': "ada",
        'userName ne "x"': "ada bob cyd dan",
        'displayName co "b A"': "bob",
        'displayName sw "CYD"': "cyd",
        'userName ew "@idp.example" and title eq "lead"': "ada",
        "title pr": "ada",
        'not (title pr) and active eq true and userName sw "d"': "dan",
        "active eq false": "bob",
        'externalId eq "x-ada"': "ada",
        'externalId eq "X-ADA"': "",
        'externalId eq null and userName sw "c"': "cyd",
        'meta.created gt "2020-01-01T00:00:00Z" and userName lt "c"': "ada bob",
        'emails[type eq "work" and value co "ada"]': "ada",
        'emails.value sw "bob"': "bob",
        'groups.display eq "pilots"': "ada bob",
        'groups[display eq "Pilots"] and not (active eq false)': "ada",
        f'id eq "{users["dan"]["id"]}"': "dan",
        'id eq "nothing"': "",
        'roles.value eq "OWNER"': "",
        'name.givenName eq "Ada" or name.familyName eq "Nobody"': "ada",
        'urn:ietf:params:scim:schemas:core:2.0:User:userName sw "ada"': "ada",
        'displayName eq "Dan \\"D\\" O\\\\N"': "dan",
        'displayName co "\'; DROP TABLE profiles; --"': "",
        'title eq "Lead" or title eq "x" and active eq false': "ada",
        '(title eq "Lead" or userName sw "b") and active eq false': "bob",
    }.items():
        assert sorted(await found(idp, filter)) == names.split(), filter


async def test_a_filter_that_makes_no_sense_is_refused(idp):
    deep = "(" * 30 + "title pr" + ")" * 30
    for filter in (
        "title", 'title eq "', "title xx 1", "active gt true", 'nonsense eq "x"', 'id gt "a"',
        'meta.created gt "yesterday"', "title eq 1 and", deep, f'title eq "{"x" * 5000}"',
        " or ".join(["title pr"] * 500), '[type eq "work"]', "title pr title pr",
    ):  # fmt: skip
        answer = await idp.client.get(
            "/scim/v2/Users",
            params={"filter": filter},
            headers={"Authorization": f"Bearer {idp.token}"},
        )
        assert answer.status_code == 400, filter[:50]
        assert answer.json()["scimType"] in ("invalidFilter", "invalidValue", "invalidSyntax")


async def test_a_search_by_post_takes_the_same(idp, users):
    body = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        "filter": 'groups.display eq "Pilots"',
        "sortBy": "userName",
        "sortOrder": "descending",
        "attributes": ["userName"],
        "count": 1,
    }
    page = await idp.ok("POST", "/Users/.search", body)
    assert (page["totalResults"], page["itemsPerPage"], page["startIndex"]) == (2, 1, 1)
    (only,) = page["Resources"]
    assert set(only) == {"schemas", "id", "userName"}
    assert only["userName"] == idp.address("bob")
    deep = body | {"filter": "(" * 30 + "title pr" + ")" * 30}
    assert (await idp.refused("POST", "/Users/.search", deep))[0] == 400


async def test_pages_are_in_order_and_bounded(idp, users):
    read = []
    for start in (1, 3, 5):
        path = (
            f'/Users?filter=userName ew "@idp.example"&sortBy=userName&count=2&startIndex={start}'
        )
        page = await idp.ok("GET", path)
        assert page["totalResults"] == 4
        read += [one["userName"].partition(".")[0] for one in page.get("Resources", ())]
    assert read == list(NAMES)
    assert (await idp.ok("GET", "/Users?count=0"))["totalResults"] > 4
    assert (await idp.ok("GET", "/Users?startIndex=100000"))["itemsPerPage"] == 0
    assert len((await idp.ok("GET", "/Users?count=100000"))["Resources"]) <= 200
    bare = await idp.ok("GET", "/Groups?excludedAttributes=members")
    assert "members" not in bare["Resources"][0]


TEXTS = st.sampled_from(["", "a", "Ada Ample", "b", "AMPLE", "zz", "%", "_", "\\", "'", "é"])
PATHS = st.sampled_from(["userName", "displayName", "title", "name.givenName", "emails.value"])
SIMPLE = st.builds(
    lambda path, op, text: f"{path} {op} {ScimFilter.quote(text)}",
    PATHS,
    st.sampled_from(["eq", "ne", "co", "sw", "ew"]),
    TEXTS,
) | st.sampled_from(["title pr", "active eq true", "active ne true", "displayName pr"])
FILTERS = st.recursive(
    SIMPLE,
    lambda inner: (
        st.builds("not ({})".format, inner)
        | st.builds("({}) {} ({})".format, inner, st.sampled_from(["and", "or"]), inner)
    ),
    max_leaves=6,
)


@pytest.fixture
async def everybody(idp, users):
    """Return all users as the library reads them."""
    return [User.model_validate(one) for one in (await idp.ok("GET", "/Users"))["Resources"]]


@pytest.mark.slow
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(filters=st.lists(FILTERS, min_size=5, max_size=5))
async def test_the_database_finds_what_the_library_finds(idp, everybody, filters):
    for filter in filters:
        expected = {one.id for one in everybody if ScimFilter[User](filter).match(one)}
        answer = await idp.client.get(
            "/scim/v2/Users",
            params={"filter": filter, "count": "200", "attributes": "id"},
            headers={"Authorization": f"Bearer {idp.token}"},
        )
        assert answer.status_code == 200, (filter, answer.text)
        assert {one["id"] for one in answer.json().get("Resources", ())} == expected, filter
