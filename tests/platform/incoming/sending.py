"""Events as Stripe and others send them: their bodies, and their signatures."""

import json
import time
from uuid import uuid4

from stripe import WebhookSignature

from graph.platform.incoming.standard import signature

SECRET, FORMER = "whsec_" + "s" * 32, "whsec_" + "f" * 32
SHARED = "whsec_" + "c2VjcmV0IG9mIGFub3RoZXIgc3lzdGVt"
BORN = 1_790_000_000
"""The time at which the subscriptions of these tests were created."""


def subscription(customer, *, at, status="active", id=None, born=BORN, type="updated", **more):
    """Return an event of Stripe about a subscription, which occurred `at` seconds after `born`."""
    return {
        "id": f"evt_{uuid4().hex}",
        "object": "event",
        "type": f"customer.subscription.{type}",
        "created": born + at,
        "data": {
            "object": {
                "id": id or f"sub_{customer}",
                "object": "subscription",
                "customer": customer,
                "status": status,
                "created": born,
                "cancel_at_period_end": False,
                "items": {
                    "data": [
                        {
                            "price": {"id": f"price_{at}"},
                            "current_period_start": born + at,
                            "current_period_end": born + at + 1000,
                        }
                    ]
                },
                **more,
            }
        },
    }


async def send(client, event, secret=SECRET, *, at=None, headers=(), sign=None):
    """Send an event, or a body, signed as Stripe does; return the answer."""
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    signed = (sign or body).decode(errors="replace")
    shown = WebhookSignature.generate_signature_header(signed, secret, at or int(time.time()))
    headers = {"Stripe-Signature": shown, "Content-Type": "application/json", **dict(headers)}
    return await client.post("/webhooks/stripe", content=body, headers=headers)


async def send_standard(client, event, secret=SHARED, *, id=None, at=None, name="crm"):
    """Send an event, signed as Standard Webhooks says; return the answer."""
    body, id, at = (
        json.dumps(event).encode(),
        id or f"msg_{uuid4().hex}",
        str(at or int(time.time())),
    )
    headers = {
        "webhook-id": id,
        "webhook-timestamp": at,
        "webhook-signature": f"v1,AAAA {signature(secret, id, at, body)}",
    }
    return await client.post(f"/webhooks/{name}", content=body, headers=headers)
