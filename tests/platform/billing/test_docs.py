"""The examples of docs/billing.md run as written, and its tables are those of the code."""

import re
from pathlib import Path

DOCUMENT = (Path(__file__).parents[3] / "docs" / "billing.md").read_text()
SUBSCRIBE, TRIAL, PORTAL, READ, PREVIEW, CANCEL = re.findall(
    r"```graphql\n(.*?)```", DOCUMENT, re.DOTALL
)


async def test_the_examples_work_one_after_the_other(paying, account):
    clock = await account.clock()
    customer = await account.customer(paying, clock=clock.id, card="pm_card_visa")
    organization = {"organization": paying.organization}
    assert (await paying.ask("owner", SUBSCRIBE, **organization))["url"]
    trial = await paying.ask("owner", TRIAL, **organization)
    assert trial["organization"]["billing"]["status"] == "TRIALING"
    assert (await paying.ask("billing", PORTAL, **organization))["url"]
    await account.advance(clock, 20)
    await account.deliver(paying, customer)
    seen = (await paying.ask("admin", READ, **organization))["billing"]
    assert (seen["plan"], seen["status"]) == ("PRO", "ACTIVE")
    assert seen["limits"]["monthlyRequests"] == {"current": 0, "maximum": 2_000_000}
    assert seen["card"] == {"brand": "visa", "last4": "4242"}
    assert {invoice["status"] for invoice in seen["invoices"]} == {"paid"}
    assert [offer["plan"] for offer in seen["plans"]][:3] == ["FREE", "STARTER", "PRO"]
    preview = (await paying.ask("owner", PREVIEW, **organization))["preview"]
    assert preview["amountDue"]["amount"] > 0
    ended = await paying.ask("owner", CANCEL, **organization)
    assert ended["organization"]["billing"]["cancelAtPeriodEnd"]
