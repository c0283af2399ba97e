"""A stand-in for Stripe over HTTP: its objects, idempotency keys, test clocks and events.

It answers the requests that the gateway and its tests send, in the form of Stripe's API. As a
program, `python -m tests.platform.billing.stand_in PORT`, it is an account of which tests know no
more than of one at Stripe.
"""

import copy
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.platform.billing.lifecycle import (
    Declined,
    Lifecycle,
    expanded,
    nested,
    new_subscription,
)

KEY = "sk_test_stand_in"


class Invalid(Exception):
    """The object does not allow this; the text is the code of the error."""

    status = 400


class Missing(Invalid):
    """There is no such object."""

    status = 404


@dataclass
class StandIn(Lifecycle):
    """The state of the account."""

    requests: list[tuple[str, str]] = field(default_factory=list)
    """The method and path of each request so far."""
    answers: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    """The request and the answer of each idempotency key."""
    failures: list[int] = field(default_factory=list)
    """The statuses with which the next requests fail; what they ask for is done before."""
    failing: str = ""
    """The method and the beginning of the path of those that fail."""

    def app(self) -> Starlette:
        """Return the server."""
        return Starlette(
            routes=[
                Route("/{path:path}", self.answer, methods=["GET", "POST", "DELETE"]),
            ]
        )

    async def answer(self, request: Request) -> Response:
        """Answer one request, once for each idempotency key."""
        path = request.url.path
        self.requests.append((request.method, path))
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return _error(401, "invalid_request_error", "Invalid API Key provided")
        query = await request.body() if request.method == "POST" else request.url.query
        text = query.decode() if isinstance(query, bytes) else query
        params = nested(parse_qsl(text, keep_blank_values=True))
        sent = copy.deepcopy(params)
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        if key in self.answers:
            asked, told = self.answers[key]
            if asked != (path, sent):
                return _error(400, "idempotency_error", "Keys for idempotent requests differ.")
            return self._sent(told)
        try:
            told = self._do(request.method, path.removeprefix("/v1/").split("/"), params)
        except Invalid as refused:
            code = str(refused) or "resource_missing"
            return _error(refused.status, "invalid_request_error", "This is not possible.", code)
        except Declined:
            return _error(402, "card_error", "Your card was declined.", "card_declined")
        if key:
            self.answers[key] = ((path, sent), told)
        return self._sent(told)

    def _sent(self, told: Any) -> Response:
        """Send an answer, unless it is to be lost."""
        if self.failures and " ".join(self.requests[-1]).startswith(self.failing):
            return _error(self.failures.pop(0), "api_error", "Something went wrong.")
        return JSONResponse(told)

    def _do(self, method: str, steps: list[str], params: dict[str, Any]) -> Any:  # noqa: C901, PLR0911, PLR0912 (a table of routes)
        match method, steps:
            case "GET", [kind]:
                return self._list(kind, params)
            case "GET", ["billing", "meters"]:
                return self._list("meters", params)
            case "GET", ["checkout", "sessions"]:
                return self._list("sessions", params)
            case "GET", [kind, id]:
                return expanded(self, self.find(kind, id), params.get("expand", []))
            case "POST", ["test_helpers", "test_clocks"]:
                return self.add("test_clocks", "clock", {"frozen_time": int(params["frozen_time"])})
            case "POST", ["test_helpers", "test_clocks", id, "advance"]:
                return self.advance(id, int(params["frozen_time"]))
            case "GET", ["test_helpers", "test_clocks", id]:
                return {**self.find("test_clocks", id), "status": "ready"}
            case "POST", ["billing", "meters"]:
                return self.add("meters", "mtr", {**params, "status": "active"})
            case "POST", ["billing", "meter_events"]:
                self._require_meter(params["event_name"])
                self.meter_events.setdefault(params["identifier"], params)
                return {"object": "billing.meter_event", **params}
            case "POST", ["checkout", "sessions"]:
                session = self.add("sessions", "cs", {"status": "open", **params})
                return {**session, "url": f"https://checkout.stripe.test/c/{session['id']}"}
            case "GET", ["checkout", "sessions", id]:
                return self.find("sessions", id)
            case "POST", ["checkout", "sessions", id, "expire"]:
                session = self._open(id)
                session["status"] = "expired"
                return session
            case "POST", ["checkout", "sessions", id, "complete"]:
                return self.complete(id, params.get("card", "pm_card_visa"))
            case "POST", ["billing_portal", "sessions"]:
                self.find("customers", params["customer"])
                return {"id": "bps_1", "url": f"https://billing.stripe.test/p/{uuid4().hex}"}
            case "POST", ["invoices", "create_preview"]:
                return self.preview(params)
            case "POST", ["invoices", id, "pay"]:
                return self.pay(self.find("invoices", id))
            case "POST", ["payment_methods", name, "attach"]:
                return self.attach(name, params["customer"])
            case "POST", ["subscriptions"]:
                return new_subscription(self, params)
            case "POST", ["subscriptions", id, "resume"]:
                return self.resume(self.find("subscriptions", id))
            case (("POST" | "DELETE"), ["subscriptions", id]):
                found = self.find("subscriptions", id)
                if found["status"] == "canceled":
                    raise Invalid("resource_missing")
                return self.change(found, params) if method == "POST" else self.cancel(found)
            case "POST", ["customers"]:
                params.setdefault("invoice_settings", {"default_payment_method": None})
                return self.add("customers", "cus", params)
            case "POST", ["customers", id]:
                return self.update_customer(self.find("customers", id), params)
            case "POST", ["prices"]:
                return self._price(params)
            case "POST", ["products"]:
                return self.add("products", "prod", {"active": True, **params})
            case "POST", [("prices" | "products") as kind, id]:
                found = self.find(kind, id)
                found |= {k: v == "true" if k == "active" else v for k, v in params.items()}
                return found
        raise Missing

    def _require_meter(self, name: str) -> None:
        """Raise Invalid unless the meter of this name is active."""
        meters = self.objects["meters"].values()
        if not any(one["event_name"] == name and one["status"] == "active" for one in meters):
            raise Invalid("archived_meter")

    def find(self, kind: str, id: str) -> dict[str, Any]:
        """Return an object."""
        try:
            return self.objects[kind][id]
        except KeyError:
            raise Missing from None

    def _price(self, params: dict[str, Any]) -> Any:
        key = params.get("lookup_key")
        for other in self.objects["prices"].values():
            if key and other.get("lookup_key") == key:
                assert params.get("transfer_lookup_key") == "true", "the key is taken"
                other["lookup_key"] = None
        amount = int(params.pop("unit_amount"))
        recurring = params.pop("recurring")
        recurring["interval_count"] = int(recurring.get("interval_count", 1))
        made = {"active": True, "unit_amount": amount, "recurring": recurring, **params}
        return self.add("prices", "price", made)

    def _list(self, kind: str, params: dict[str, Any]) -> Any:
        chosen = [one for one in self.objects[kind].values() if _matches(one, params)]
        chosen.reverse()
        if after := params.get("starting_after"):
            ids = [one["id"] for one in chosen]
            chosen = chosen[ids.index(after) + 1 :]
        most = int(params.get("limit", 10))
        expand = [path.removeprefix("data.") for path in params.get("expand", [])]
        page = [expanded(self, one, expand) for one in chosen[:most]]
        return {"object": "list", "data": page, "has_more": len(chosen) > most}

    def _open(self, id: str) -> Any:
        """Return a checkout session, which must be open."""
        session = self.find("sessions", id)
        if session["status"] != "open":
            raise Invalid("checkout_session_not_open")
        return session

    def complete(self, id: str, card: str) -> Any:
        """Do what a customer does on the page of a checkout session."""
        session = self._open(id)
        session["status"] = "complete"
        method = self.attach(card, session["customer"])
        item = session["line_items"][0]
        params = {
            "customer": session["customer"],
            "items": [{"price": item["price"]}],
            "default_payment_method": method["id"],
        }
        made = new_subscription(self, params)
        session["subscription"] = made["id"]
        self.tell("checkout.session.completed", session)
        return session


def _matches(one: Mapping[str, Any], params: Mapping[str, Any]) -> bool:
    for name in ("customer", "type"):
        if name in params and one.get(name) != params[name]:
            return False
    if "ids" in params and one["id"] not in params["ids"]:
        return False
    if params.get("status") not in (None, "all") and one.get("status") != params["status"]:
        return False
    if params.get("active") and one.get("active") is not (params["active"] == "true"):
        return False
    return "lookup_keys" not in params or one.get("lookup_key") in params["lookup_keys"]


def _error(status: int, type_: str, message: str, code: str | None = None) -> Response:
    error = {"type": type_, "message": message, "code": code}
    return JSONResponse({"error": error}, status, headers={"Request-Id": f"req_{time.time_ns()}"})


if __name__ == "__main__":
    uvicorn.run(StandIn().app(), port=int(sys.argv[1]), log_level="warning")
