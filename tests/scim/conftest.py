"""An identity provider that provisions a tenant by SCIM."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.core.keys import make_key
from tests.world import World

TYPE = "application/scim+json"


@dataclass
class Provider:
    """An identity provider with a token of one tenant."""

    world: World
    token: str
    client: httpx.AsyncClient

    async def send(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> httpx.Response:
        """Return the answer to a request beneath /scim/v2."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            headers["Content-Type"] = TYPE
        return await self.client.request(method, f"/scim/v2{path}", json=body, headers=headers)

    async def ok(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Return the body of the answer, which is a success."""
        answer = await self.send(method, path, body, **headers)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def refused(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Return the status and the type of the error of the answer."""
        answer = await self.send(method, path, body, **headers)
        error = answer.json()
        assert error["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
        assert error["status"] == str(answer.status_code)
        return answer.status_code, error.get("scimType")

    def address(self, name: str) -> str:
        return f"{name}.{self.world.name}@idp.example"

    async def user(self, name: str, **more: Any) -> Any:
        """Create a user."""
        return await self.ok("POST", "/Users", self.user_of(name, **more))

    def user_of(self, name: str, **more: Any) -> dict[str, Any]:
        return {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": self.address(name),
            "externalId": f"x-{name}",
            "displayName": f"{name.title()} Ample",
            "name": {"givenName": name.title(), "familyName": "Ample"},
            "active": True,
        } | more

    async def group(self, name: str, *members: Any) -> Any:
        """Create a group of these users."""
        return await self.ok("POST", "/Groups", self.group_of(name, *members))

    def group_of(self, name: str, *members: Any) -> dict[str, Any]:
        return {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": name,
            "members": [{"value": one["id"]} for one in members],
        }

    async def patch(self, path: str, *operations: Any) -> Any:
        """Change a resource by these operations, and return it."""
        await self.ok("PATCH", path, patch_of(*operations))
        return await self.ok("GET", path)


def patch_of(*operations: Any) -> dict[str, Any]:
    return {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": list(operations),
    }


async def provider_of(world: World, role: str = "ADMIN", scope: str = "scim") -> Provider:
    """Return a provider with an API key of the tenant, which allows 1,000 members."""
    await world.superuser.execute(
        "UPDATE organizations SET billing_plan = 'enterprise', max_members = 1000 WHERE id = $1",
        world.organization,
    )
    key = await make_key(world, scope, role=role, person="scim")
    return Provider(world, key.text, world.client)


@pytest.fixture
async def idp(world: World) -> Provider:
    """Return the identity provider of the tenant."""
    return await provider_of(world)
