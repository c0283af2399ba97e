"""The explorer in a real browser: each visit fails on any error in it and any foreign request."""

import asyncio
import json
import re
from datetime import timedelta
from operator import contains

import pytest
from playwright.async_api import expect

from auth.credentials import tokens
from db.pool import Database
from tests.browsing import keep_picture
from tests.explorer.conftest import Visitor

pytestmark = pytest.mark.processes

EDITOR = "editor@demo.example"
STORED = """() => ['tabState', 'query', 'variables'].map(
    (key) => localStorage.getItem(`graphiql:${key}`) ?? '')"""
"""The tabs, and the contents of the open one, as they are kept for the next visit: each half a
second after a change. A visit whose contents are not those of a tab opens another."""


async def test_a_signed_in_visitor_runs_an_example(visitor: Visitor):
    await visitor.sign_in(EDITOR)
    await expect(visitor.page.get_by_role("banner")).to_contain_text(EDITOR)

    await visitor.page.get_by_role("button", name="A whole specification").click()
    await expect(visitor.page.locator(".graphiql-tab-button")).to_have_text(["Specification"])
    answer = await visitor.execute()

    document = answer["data"]["document"]
    assert document["blocks"]["nodes"][0]["requirements"]["nodes"]
    await expect(visitor.page.locator(".graphiql-response")).to_contain_text(document["name"])
    await keep_picture(visitor.page, "explorer")


async def test_a_first_visit_finds_the_first_example_ready_to_run(visitor: Visitor):
    await visitor.sign_in(EDITOR)
    await expect(visitor.page.locator(".graphiql-query-editor .view-lines")).to_contain_text(
        re.compile(r"query\sMe")
    )
    answer = await visitor.execute()
    assert answer["data"]["viewer"]["profile"]["email"] == EDITOR
    await visitor.page.get_by_role("button", name="Search the text").click()
    await expect(visitor.page.locator(".graphiql-tab-button")).to_have_text(["Search"])


async def test_whoever_is_not_signed_in_is_shown_where_to_sign_in(visitor: Visitor):
    await visitor.open()
    banner = visitor.page.get_by_role("banner")
    await expect(banner).to_contain_text("Gateway")
    await expect(banner).to_contain_text("Not signed in")
    await expect(visitor.page).to_have_title("Gateway API explorer")
    await expect(visitor.page.locator(".graphiql-response")).to_contain_text(
        "Sign in to see the schema"
    )
    await visitor.sign_in(EDITOR)
    await expect(banner).to_contain_text(EDITOR)
    assert visitor.page.url == f"{visitor.gateway.url}/explorer"


async def test_signing_out_ends_the_session_and_stays_in_the_explorer(visitor: Visitor):
    await visitor.sign_in(EDITOR)
    page = visitor.page
    async with page.expect_request(lambda sent: sent.url.endswith("/sign-out")) as sent:
        await page.get_by_role("button", name="Sign out").click()
    # What a navigation is answered with can lead on to the logout of an identity provider.
    assert (await sent.value).is_navigation_request()
    await expect(visitor.page.get_by_role("banner")).to_contain_text("Not signed in")
    assert visitor.page.url == f"{visitor.gateway.url}/explorer"

    await visitor.type_operation("{ viewer { profile { email } } }")
    assert (await visitor.execute())["data"] == {"viewer": None}


async def test_a_mutation_is_filled_with_ids_that_the_viewer_can_see(visitor: Visitor):
    await visitor.sign_in(EDITOR)
    await visitor.page.get_by_role("button", name="Create a requirement").click()
    await expect(visitor.page.get_by_role("region", name="Variables")).to_contain_text(
        re.compile(r'"documentId":\s"[0-9a-f]{8}-')
    )
    answer = await visitor.execute()
    created = answer["data"]["requirementCreate"]["requirement"]
    assert created["createdBy"]["email"] == EDITOR


async def test_errors_and_extensions_are_shown_as_the_server_sends_them(visitor: Visitor):
    await visitor.open()
    await visitor.type_operation('{ project(id: "01890000-0000-7000-8000-000000000000") { name } }')
    answer = await visitor.execute()
    (error,) = answer["errors"]
    await expect(visitor.page.locator(".graphiql-response")).to_contain_text(
        error["extensions"]["code"]
    )
    told = await visitor.complaints.arrival("401")
    assert told == 1  # nobody is asked to sign in, which the browser notes


async def test_an_authorization_header_from_the_headers_editor_is_sent(
    visitor: Visitor, database: Database
):
    token = await tokens.issue(database, "viewer@demo.example", timedelta(hours=1))
    await visitor.open()
    await visitor.page.get_by_role("button", name="Headers", exact=True).click()
    await visitor.page.locator(".graphiql-editor-tool .monaco-editor:visible").click()
    await visitor.page.keyboard.insert_text(json.dumps({"Authorization": f"Bearer {token}"}))
    await visitor.type_operation("{ viewer { profile { email } } }")
    answer = await visitor.execute()
    assert answer["data"] == {"viewer": {"profile": {"email": "viewer@demo.example"}}}

    await visitor.page.get_by_role("button", name="Re-fetch GraphQL schema").click()
    await visitor.page.get_by_role("button", name="Show Documentation Explorer").click()
    docs = visitor.page.locator(".graphiql-doc-explorer")
    await expect(docs.get_by_role("link", name="Query", exact=True)).to_be_visible()


async def test_the_documentation_leads_from_a_root_field_to_its_type(visitor: Visitor):
    await visitor.sign_in(EDITOR)
    await visitor.page.get_by_role("button", name="Show Documentation Explorer").click()
    docs = visitor.page.locator(".graphiql-doc-explorer")
    await docs.get_by_role("link", name="Query", exact=True).click()
    await docs.get_by_role("link", name="requirement", exact=True).click()
    await docs.get_by_role("link", name="Requirement", exact=True).click()
    await expect(docs).to_contain_text("A single, verifiable statement of what a product must")


async def test_the_query_builder_writes_the_operation_and_closes_again(visitor: Visitor):
    await visitor.sign_in(EDITOR)
    await visitor.type_operation("query Mine { viewer { scopes } }")
    await visitor.page.get_by_role("button", name="Show Query builder").click()
    builder = visitor.page.locator(".graphiql-explorer-root")
    await builder.get_by_text("profile", exact=True).click()
    await expect(visitor.page.locator(".graphiql-query-editor .view-lines")).to_contain_text(
        "profile"
    )
    await visitor.page.get_by_role("button", name="Hide Query builder").click()
    await expect(builder).to_be_hidden()


async def test_fields_are_completed_and_mistakes_are_underlined(visitor: Visitor):
    await visitor.sign_in(EDITOR)
    await visitor.type_operation("{ viewer { profile { em } } }")
    for _ in range(len(" } } }")):
        await visitor.page.keyboard.press("ArrowLeft")
    await visitor.page.keyboard.press("Control+Space")
    suggestion = visitor.page.locator(".suggest-widget .monaco-list-row", has_text="email")
    await expect(suggestion).to_be_visible()
    await visitor.page.keyboard.press("Escape")
    await expect(visitor.page.locator(".graphiql-query-editor .squiggly-error")).to_be_visible()


async def test_tabs_are_there_again_after_a_reload(visitor: Visitor):
    await visitor.open()
    await visitor.page.get_by_role("button", name="Who is asking").click()
    await visitor.page.get_by_role("button", name="Search the text").click()
    tabs = visitor.page.locator(".graphiql-tab-button")
    await expect(tabs).to_have_text(["Me", "Search"])
    async with asyncio.timeout(20):
        said = ("calm water", "query Search", "calm water")
        while not all(map(contains, await visitor.page.evaluate(STORED), said)):
            await visitor.page.wait_for_timeout(50)
    await visitor.open()
    await expect(tabs).to_have_text(["Me", "Search"])


async def test_what_looks_like_markup_in_an_operation_is_shown_as_it_was_typed(visitor: Visitor):
    await visitor.open()
    await visitor.type_operation('# <b style="color:red"> style="x" data-style="y"')
    await expect(visitor.page.locator(".graphiql-query-editor .view-lines")).to_have_text(
        re.compile(r'#\s<b\sstyle="color:red">\sstyle="x"\sdata-style="y"')
    )
