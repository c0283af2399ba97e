"""The checks of scim2-tester, which others have written from RFC 7643 and RFC 7644."""

import asyncio
from uuid import uuid4

import httpx2
import pytest
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server, filling


class Bridge(httpx2.BaseTransport):
    """Sends the requests of a thread in the event loop of the tests."""

    def __init__(self, client, loop):
        self._client, self._loop = client, loop

    def handle_request(self, request):
        headers = [(k, v) for k, v in request.headers.items() if k != "host"]
        sent = self._client.request(
            request.method, str(request.url), content=request.read(), headers=headers
        )
        answer = asyncio.run_coroutine_threadsafe(sent, self._loop).result()
        return httpx2.Response(
            answer.status_code, headers=answer.headers.multi_items(), content=answer.content
        )


OWN = {
    "User check_replace_attribute: Attribute 'emails' was not replaced or has unexpected value",
    "User check_add_attribute: Attribute 'emails' was not added or has unexpected value",
    "User check_remove_attribute: Attribute 'emails' was not removed",
    "User check_remove_attribute: Attribute 'active' was not removed",
}
"""An account has exactly one address, and is active unless it is said not to be."""


@pytest.fixture
def named_by_addresses(monkeypatch):
    """Have the checks name users by addresses, since they send no other address."""
    example = filling.get_random_example_value

    def value(path):
        is_name = str(path).lower().endswith("username")
        return f"{uuid4()}@idp.example" if is_name else example(path)

    monkeypatch.setattr(filling, "get_random_example_value", value)


@pytest.mark.usefixtures("named_by_addresses")
async def test_the_service_passes_all_checks(idp):
    transport = Bridge(idp.client, asyncio.get_running_loop())
    client = httpx2.Client(
        base_url="http://localhost/scim/v2",
        transport=transport,
        headers={"Authorization": f"Bearer {idp.token}"},
    )
    results = await asyncio.to_thread(check_server, SyncSCIMClient(client))
    failed = {
        f"{one.resource_type} {one.title}: {one.reason}".partition("\n")[0]
        for one in results
        if one.status not in (Status.SUCCESS, Status.SKIPPED)
    }
    assert failed <= OWN, "\n".join(failed)
    assert len(results) > 50
