"""What the people of a journey do, each as their client does it: one GraphQL document a step."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from domain.access import Role
from tests.factories import key
from tests.running import Caller, Following, Server

ERRORS = "userErrors { code path message }"
PLACE = f"""
mutation ($input: PlaceOrderInput!) {{
  placeOrder(input: $input) {{
    accessToken order {{ id number status totals {{ total {{ amount }} }} lines {{ id sku }} }} {ERRORS}
  }}
}}
"""
TRACK = """
query ($token: String!) {
  trackOrder(accessToken: $token) {
    id status fulfillmentStatus paymentStatus
    totals { shipping { amount } total { amount } } paid { amount } authorized { amount } balance { amount }
    lines { sku quantity quantities { allocated backordered shipped delivered canceled } }
    fulfillmentOrders { id status location { code } }
    pickups { id status code }
    timeline(first: 250) { nodes { id kind } }
  }
}
"""
FOLLOW = """
subscription ($token: String!, $after: String) {
  orderStatusChanged(accessToken: $token, after: $after) {
    cursor event { id kind } order { id status fulfillmentOrders { id status location { code } } }
  }
}
"""
ACCEPT = f"mutation ($id: ID!) {{ acceptFulfillmentOrder(id: $id) {{ fulfillmentOrder {{ status }} {ERRORS} }} }}"
READY = f"mutation ($id: ID!) {{ markReadyForPickup(id: $id) {{ fulfillmentOrder {{ status }} {ERRORS} }} }}"
REJECT = f"""
mutation ($input: RejectFulfillmentOrderInput!) {{
  rejectFulfillmentOrder(input: $input) {{ fulfillmentOrder {{ status }} {ERRORS} }}
}}
"""
PICK = f"""
mutation ($input: PickFulfillmentOrderInput!) {{
  pickFulfillmentOrder(input: $input) {{ fulfillmentOrder {{ status }} {ERRORS} }}
}}
"""
SHIP = f"""
mutation ($input: ShipFulfillmentOrderInput!) {{
  shipFulfillmentOrder(input: $input) {{ shipment {{ carrier trackingNumber }} {ERRORS} }}
}}
"""
COLLECT = f"""
mutation ($input: CollectPickupInput!) {{
  collectPickup(input: $input) {{ order {{ id fulfillmentStatus }} {ERRORS} }}
}}
"""
RECORD = f"""
mutation ($events: [TrackingEventInput!]!) {{ recordTracking(events: $events) {{ accepted duplicates {ERRORS} }} }}
"""
CANCEL = f"""
mutation ($input: CancelOrderInput!) {{
  cancelOrder(input: $input) {{ order {{ status }} balance {{ amount }} {ERRORS} }}
}}
"""

HOME = {"delivery": {"address": {"name": "Ada Rossi", "line1": "Via Brera 1", "city": "Milano", "country": "IT"}}}


def collected_at(location: str) -> dict[str, Any]:
    return {"pickup": {"location": location}}


def basket(*lines: tuple[str, int], **changes: Any) -> dict[str, Any]:
    """A guest's basket, to be delivered and paid by card."""
    return {
        "idempotencyKey": key(),
        "channel": "web",
        "email": "ada@example.com",
        "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines],
        "fulfillment": HOME,
        "payments": [{"method": "CARD", "token": "ok"}],
        **changes,
    }


class Guest:
    """Somebody who placed an order and has its access token, and no other right."""

    def __init__(self, caller: Caller, placed: Any) -> None:
        self._caller = caller
        self.order = placed["order"]
        self.token = placed["accessToken"]

    @classmethod
    async def placing(cls, server: Server, *lines: tuple[str, int], **changes: Any) -> "Guest":
        return cls(server.anybody, await server.anybody.do(PLACE, input=basket(*lines, **changes)))

    def at(self, server: Server) -> "Guest":
        """The same guest at another server."""
        return Guest(server.anybody, {"order": self.order, "accessToken": self.token})

    def follows(self, after: str | None = "") -> AbstractAsyncContextManager[Following]:
        """Every step of the order from the beginning, or after a cursor."""
        return self._caller.follow(FOLLOW, token=self.token, after=after)

    async def sees(self) -> Any:
        return (await self._caller.ask(TRACK, token=self.token))["trackOrder"]

    async def sees_work(self, places: int = 1) -> dict[str, str]:
        """The ids of the order's open work by place, once so many places were asked."""
        async with self.follows() as steps:
            seen = await steps.until(lambda step: len(_open(step)) == places)
        return _open(seen[-1])


def _open(step: Any) -> dict[str, str]:
    work = step["order"]["fulfillmentOrders"]
    return {task["location"]["code"]: task["id"] for task in work if task["status"] == "OPEN"}


class Store:
    """An associate of one place."""

    def __init__(self, server: Server, location: str) -> None:
        self._caller = server.caller(Role.ASSOCIATE, location=location)

    async def accepts(self, work: str) -> Any:
        return await self._caller.do(ACCEPT, id=work)

    async def rejects(self, work: str, reason: str = "NOT_FOUND") -> Any:
        return await self._does(REJECT, work, reason=reason)

    async def picks(self, work: str, lines: Sequence[Any] | None = None) -> Any:
        return await self._does(PICK, work, lines=lines)

    async def ships(self, work: str, **changes: Any) -> Any:
        return (await self._does(SHIP, work, **changes))["shipment"]

    async def makes_ready(self, work: str) -> Any:
        return await self._caller.do(READY, id=work)

    async def hands_over(self, code: str) -> Any:
        """The payload as it is: a code may be wrong."""
        asked = {"idempotencyKey": key(), "code": code}
        return (await self._caller.ask(COLLECT, input=asked))["collectPickup"]

    async def _does(self, mutation: str, work: str, **changes: Any) -> Any:
        return await self._caller.do(mutation, input={"fulfillmentOrderId": work, "idempotencyKey": key(), **changes})


class Carrier:
    """Whoever brings the parcels, and tells of it."""

    def __init__(self, server: Server) -> None:
        self._caller = server.caller(Role.INTEGRATION)

    async def tells(self, shipment: Any, *statuses: str) -> Any:
        """What happened to a parcel, a minute apart; every event is told twice, as carriers do."""
        events = [
            {
                "eventId": key(),
                "carrier": shipment["carrier"],
                "trackingNumber": shipment["trackingNumber"],
                "status": status,
                "at": f"2027-01-01T10:{minute:02}:00Z",
            }
            for minute, status in enumerate(statuses)
        ]
        await self._caller.do(RECORD, events=events)
        return await self._caller.do(RECORD, events=events)
