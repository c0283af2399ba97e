"""Requests to Stripe: the one module that uses its client, by threads of their own.

Every request has a time limit, and is repeated after errors of the network with the same
idempotency key. The SDK takes 20 MB, and is imported with the first request.
"""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from pydantic import SecretStr

from db.problem import Problem

if TYPE_CHECKING:
    from stripe import StripeClient

log = structlog.get_logger(__name__)

TIMEOUT = (5.0, 15.0)
"""Seconds to connect to Stripe, and to wait for its answer."""
RETRIES = 2
THREADS = 4
AWAY = "Stripe cannot be reached at the moment. Try again later."
REFUSED = (
    "Stripe has refused this. The subscription may have changed there: read the billing again."
)
Object = dict[str, Any]
Params = Mapping[str, Any]


class StripeSettings(Protocol):
    """The settings that the client needs."""

    @property
    def stripe_secret_key(self) -> SecretStr | None:
        """Return the secret key; None if billing is off."""

    @property
    def stripe_api_base(self) -> str:
        """Return the base URL of the API, if it is not Stripe's."""


class StripeApi:
    """The parts of Stripe's API that the gateway uses. Objects are plain dictionaries.

    All raise BUSY when Stripe cannot be reached, PAYMENT_REQUIRED when it declines a card, and
    INVALID when it refuses the request.
    """

    def __init__(self, key: SecretStr, base: str) -> None:
        self._key, self._base = key, base
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="stripe")

    @classmethod
    def of(cls, settings: StripeSettings) -> "StripeApi | None":
        """Return the API of these settings; None without a key."""
        key = settings.stripe_secret_key
        return cls(key, settings.stripe_api_base) if key else None

    @cached_property
    def _client(self) -> "StripeClient":
        from stripe import RequestsClient, StripeClient  # noqa: PLC0415 (20 MB)

        return StripeClient(
            self._key.get_secret_value(),
            http_client=RequestsClient(timeout=TIMEOUT),
            max_network_retries=RETRIES,
            base_addresses={"api": self._base} if self._base else None,
        )

    async def _call(
        self, method: str, path: str, params: Params | None = None, key: str | None = None
    ) -> Object:
        """Send a request; `key` is the idempotency key, by default a random one."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, self._send, method, path, params, key
        )

    def _send(self, method: str, path: str, params: Params | None, key: str | None) -> Object:
        import stripe  # noqa: PLC0415 (20 MB)

        options: Any = {"idempotency_key": key} if key else {}
        try:
            answer = self._client.raw_request(method, path, **(params or {}), **options)
            found: Object = answer.data
        except stripe.CardError as error:
            message = error.user_message or "The payment was declined."
            raise Problem("PAYMENT_REQUIRED", message) from error
        except (stripe.APIConnectionError, stripe.RateLimitError) as error:
            raise Problem("BUSY", AWAY) from error
        except (stripe.AuthenticationError, stripe.PermissionError) as error:
            log.warning("stripe refuses the key", path=path, code=error.code)
            raise Problem("BUSY", AWAY) from error
        except stripe.APIError as error:
            log.warning("stripe failed", path=path, status=error.http_status)
            raise Problem("BUSY", AWAY) from error
        except stripe.StripeError as error:  # such as of an object that has changed there
            log.warning("stripe refuses", path=path, status=error.http_status, code=error.code)
            raise Problem("INVALID", REFUSED) from error
        return found

    async def _list(self, path: str, params: Params, most: int) -> list[Object]:
        """Return the objects of all pages, at most so many."""
        found: list[Object] = []
        page: Object = {"has_more": True}
        while page["has_more"] and len(found) < most:
            after = {"starting_after": found[-1]["id"]} if found else {}
            page = await self._call("get", path, {"limit": 100, **params, **after})
            found += page["data"]
            if not page["data"]:
                break
        return found[:most]

    async def customer_create(self, organization: str, name: str) -> str:
        """Create the customer of an organization, once; return its ID."""
        params = {"name": name, "metadata": {"organization": organization}}
        made = await self._call("post", "/v1/customers", params, f"customer-{organization}")
        return str(made["id"])

    async def customer(self, id: str) -> Object:
        """Return a customer with its default payment method."""
        expand = ["invoice_settings.default_payment_method"]
        return await self._call("get", f"/v1/customers/{id}", {"expand": expand})

    async def subscriptions(self, customer: str) -> list[Object]:
        """Return the subscriptions of a customer, ended ones too, with their payment methods."""
        params = {"customer": customer, "status": "all", "expand": ["data.default_payment_method"]}
        return await self._list("/v1/subscriptions", params, 100)

    async def subscription(self, id: str) -> Object:
        """Return a subscription."""
        return await self._call("get", f"/v1/subscriptions/{id}")

    async def subscription_create(self, params: Params, key: str) -> Object:
        """Create a subscription."""
        return await self._call("post", "/v1/subscriptions", params, key)

    async def subscription_update(self, id: str, params: Params) -> Object:
        """Change a subscription."""
        return await self._call("post", f"/v1/subscriptions/{id}", params)

    async def subscription_cancel(self, id: str) -> Object:
        """End a subscription at once."""
        return await self._call("delete", f"/v1/subscriptions/{id}", {"prorate": "true"})

    async def subscription_resume(self, id: str) -> Object:
        """Continue a paused subscription."""
        path = f"/v1/subscriptions/{id}/resume"
        return await self._call("post", path, {"billing_cycle_anchor": "now"})

    async def preview(self, params: Params) -> Object:
        """Return the invoice that a change would create."""
        return await self._call("post", "/v1/invoices/create_preview", params)

    async def invoices(self, customer: str, most: int) -> list[Object]:
        """Return the newest invoices of a customer."""
        params = {"customer": customer, "limit": most}
        return await self._list("/v1/invoices", params, most)

    async def checkout_create(self, params: Params) -> Object:
        """Create a page on which a customer subscribes."""
        return await self._call("post", "/v1/checkout/sessions", params)

    async def checkout(self, id: str) -> Object:
        """Return a page of a checkout."""
        return await self._call("get", f"/v1/checkout/sessions/{id}")

    async def checkouts_open(self, customer: str) -> list[Object]:
        """Return the pages of checkouts on which a customer can still subscribe."""
        params = {"customer": customer, "status": "open"}
        return await self._list("/v1/checkout/sessions", params, 100)

    async def checkout_expire(self, id: str) -> Object:
        """Close a page of a checkout."""
        return await self._call("post", f"/v1/checkout/sessions/{id}/expire")

    async def portal_create(self, customer: str, return_url: str) -> Object:
        """Create a page on which a customer manages cards and invoices."""
        params = {"customer": customer, "return_url": return_url}
        return await self._call("post", "/v1/billing_portal/sessions", params)

    async def prices(self, keys: Sequence[str]) -> list[Object]:
        """Return the active prices with these lookup keys."""
        params = {"active": "true", "limit": 100}
        pages = [
            await self._list(
                "/v1/prices", {**params, "lookup_keys": list(keys[start : start + 10])}, 100
            )
            for start in range(0, len(keys), 10)
        ]
        return [price for page in pages for price in page]

    async def price_create(self, params: Params) -> Object:
        """Create a price."""
        return await self._call("post", "/v1/prices", params)

    async def price_update(self, id: str, params: Params) -> Object:
        """Change a price."""
        return await self._call("post", f"/v1/prices/{id}", params)

    async def products(self, ids: Sequence[str]) -> list[Object]:
        """Return the products with these IDs that exist."""
        return await self._list("/v1/products", {"ids": list(ids), "limit": 100}, 100)

    async def product_create(self, params: Params) -> Object:
        """Create a product."""
        return await self._call("post", "/v1/products", params)

    async def product_update(self, id: str, params: Params) -> Object:
        """Change a product."""
        return await self._call("post", f"/v1/products/{id}", params)

    async def meters(self) -> list[Object]:
        """Return the active meters."""
        return await self._list("/v1/billing/meters", {"status": "active"}, 1000)

    async def meter_create(self, params: Params) -> Object:
        """Create a meter."""
        return await self._call("post", "/v1/billing/meters", params)

    async def meter_event(self, params: Params) -> Object:
        """Report a quantity to a meter; its identifier makes a repetition harmless."""
        return await self._call("post", "/v1/billing/meter_events", params)

    def close(self) -> None:
        """End the threads, once they have nothing to do."""
        self._threads.shutdown(wait=False, cancel_futures=True)
