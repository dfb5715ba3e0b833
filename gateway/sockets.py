"""GraphQL over WebSocket, with the protocol graphql-transport-ws: subscriptions, and anything else if one likes.

Source: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md.
"""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import structlog
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketState
from strawberry.asgi import GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler, Operation
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    CompleteMessage,
    ErrorMessage,
    Message,
    NextMessage,
)
from strawberry.types.unset import UNSET, UnsetType

from domain.access import ANONYMOUS, Viewer
from gateway.auth import Unauthenticated
from gateway.connections import TooManyConnections, taken
from gateway.http import Gateway, Headers, NotServed, headers_of
from gateway.serving import Answer, Asked

log = structlog.get_logger(__name__)

INTERNAL_ERROR = 1011
TRY_AGAIN_LATER = 1013
FORBIDDEN = 4403
OPERATION_ID_LENGTH_MAX = 128  # A UUID has 36 characters.
EXPIRY_GRACE_S = 1.0  # Subscriptions end by themselves when their token does, and say so before the socket closes.


@dataclass(slots=True)
class Connection:
    """One socket and who is at its other end; strawberry leaves the payload of `connection_init` in it.

    asked: the operations that are about to begin, by id.
    """

    gateway: Gateway
    socket: WebSocket
    headers: Headers
    address: str
    viewer: Viewer = ANONYMOUS
    connection_params: Mapping[str, Any] = field(default_factory=dict)
    asked: dict[str, Asked] = field(default_factory=dict)
    expiry: asyncio.TimerHandle | None = None
    closing: asyncio.Task[None] | None = None

    async def identify(self) -> None:
        """Read the token of `connection_init`, else of the handshake. Raises Unauthenticated."""
        shown = {key.lower(): value for key, value in self.connection_params.items()}.get("authorization")
        if shown is None:
            shown = self.headers.get(b"authorization")
        elif not isinstance(shown, str):
            raise Unauthenticated("`authorization` is a text.")
        self.viewer = await self.gateway.sign_in.viewer(shown)
        if self.viewer.expires_at:
            left = self.viewer.expires_at - datetime.now(UTC) + timedelta(seconds=EXPIRY_GRACE_S)
            self.expiry = asyncio.get_running_loop().call_later(max(left.total_seconds(), 0), self._expire)

    async def close(self, code: int, reason: str) -> None:
        if self.socket.application_state is WebSocketState.CONNECTED:
            await self.socket.close(code, reason)

    def _expire(self) -> None:
        self.closing = asyncio.create_task(self.close(FORBIDDEN, "The token has expired."))

    def end(self) -> None:
        if self.expiry:
            self.expiry.cancel()


class Handler(BaseGraphQLTransportWSHandler[Connection, None]):
    """The protocol, deaf to messages that are none of its own, and bounded as HTTP is.

    Operations are answered as everywhere else; their answers come encoded, and are only put into their messages.
    """

    async def handle_message(self, message: Any) -> None:
        if not _is_message(message):
            await self.handle_invalid_message("This is no message of graphql-transport-ws.")
        elif message["type"] == "subscribe" and self.connection_acknowledged and message["id"] not in self.operations:
            await self._subscribe(message)
        else:
            await super().handle_message(message)

    async def _subscribe(self, message: Any) -> None:
        gateway, connection = self.context.gateway, self.context
        try:
            gateway.admit(connection.viewer, connection.address)
            asked = gateway.asked(message["payload"])
        except NotServed as refusal:
            error: Any = refusal.error
            await self.send_message(ErrorMessage(id=message["id"], type="error", payload=[error]))
            return
        connection.asked[message["id"]] = asked
        payload: Any = {"query": asked.text}
        await self.handle_subscribe({"id": message["id"], "type": "subscribe", "payload": payload})
        if message["id"] not in self.operations:
            del connection.asked[message["id"]]

    async def run_operation(self, operation: Operation[Connection, None]) -> None:
        try:
            await self._run(operation)
        except Exception as error:
            # Answers never raise, so it is ours; strawberry logs nothing of a task that ends so.
            log.exception("socket.fault", exc_info=error)
            await self.context.close(INTERNAL_ERROR, "Something went wrong on our side.")

    async def _run(self, operation: Operation[Connection, None]) -> None:
        connection = self.context
        context = connection.gateway.context(connection.viewer, connection.socket.scope, connection.headers)
        answers = await connection.gateway.schema.follow(connection.asked.pop(operation.id), context)
        if isinstance(answers, Answer):
            await operation.send_initial_errors(answers.errors or [])
            return
        async with aclosing(answers):
            async for answer in answers:
                payload: Any = orjson.Fragment(answer)
                await operation.send_operation_message(NextMessage(id=operation.id, type="next", payload=payload))
        await operation.send_operation_message(CompleteMessage(id=operation.id, type="complete"))

    async def send_message(self, message: Message) -> None:
        """Whoever takes nothing is let go; it resumes from its last cursor."""
        if not await taken(super().send_message(message)):
            await self.context.close(TRY_AGAIN_LATER, "Too slow.")


class LiveGraphQL(GraphQL[Connection, None]):
    """The ASGI application at /graphql for WebSockets."""

    graphql_transport_ws_handler_class = Handler

    def __init__(self, gateway: Gateway) -> None:
        settings = gateway.settings
        super().__init__(
            gateway.schema.strawberry,
            subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
            connection_init_wait_timeout=timedelta(seconds=settings.socket_init_seconds),
            max_subscriptions_per_connection=settings.subscriptions_per_socket_max,
            # A page elsewhere has no cookie of ours to misuse: what it may ask, its visitor's token says.
            allowed_origins=["*"],
        )
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket, headers = WebSocket(scope, receive, send), headers_of(scope)
        connection = Connection(self._gateway, socket, headers, self._gateway.address(scope, headers))
        try:
            with self._gateway.connections.counted(connection.address):
                await self.run(socket, context=connection)
        except TooManyConnections:
            await socket.accept(await self.pick_websocket_subprotocol(socket))
            await socket.close(TRY_AGAIN_LATER, "Too many connections.")
        finally:
            connection.end()

    async def on_ws_connect(self, context: Connection) -> UnsetType:
        try:
            await context.identify()
        except Unauthenticated as refusal:
            raise ConnectionRejectionError from refusal
        return UNSET  # type: ignore[no-any-return]

    def decode_json(self, data: str | bytes) -> object:
        return orjson.loads(data)

    def encode_json(self, data: object) -> str:
        return orjson.dumps(data).decode()  # Text frames, says the protocol.


def _is_message(message: object) -> bool:
    """Whether the parts that the handler reads are of the types it takes them for."""
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return False
    if message["type"] not in {"subscribe", "complete"}:
        return True
    id_ = message.get("id")
    if not isinstance(id_, str) or not 0 < len(id_) <= OPERATION_ID_LENGTH_MAX:
        return False
    return message["type"] == "complete" or isinstance(message.get("payload"), dict)
