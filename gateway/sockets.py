"""GraphQL over WebSocket, with the protocol graphql-transport-ws: subscriptions, and anything else if one likes.

Source: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketState
from strawberry.asgi import GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.subscriptions.protocols.graphql_transport_ws.types import ErrorMessage
from strawberry.types.unset import UNSET, UnsetType

from domain.access import ANONYMOUS, Viewer
from gateway.auth import Unauthenticated
from gateway.http import Gateway, NotServed, asked_of

TRY_AGAIN_LATER = 1013
FORBIDDEN = 4403
OPERATION_ID_LENGTH_MAX = 128  # A UUID has 36 characters.
EXPIRY_GRACE_S = 1.0  # Subscriptions end by themselves when their token does, and say so before the socket closes.


@dataclass(slots=True)
class Connection:
    """One socket and who is at its other end; strawberry leaves the payload of `connection_init` in it."""

    gateway: Gateway
    socket: WebSocket
    viewer: Viewer = ANONYMOUS
    connection_params: Mapping[str, Any] = field(default_factory=dict)
    expiry: asyncio.TimerHandle | None = None
    closing: asyncio.Task[None] | None = None

    async def identify(self) -> None:
        """Read the token of `connection_init`, else of the handshake. Raises Unauthenticated."""
        shown = {key.lower(): value for key, value in self.connection_params.items()}.get("authorization")
        if shown is None:
            shown = self.socket.headers.get("authorization")
        elif not isinstance(shown, str):
            raise Unauthenticated("`authorization` is a text.")
        self.viewer = await self.gateway.sign_in.viewer(shown)
        if self.viewer.expires_at:
            left = self.viewer.expires_at - datetime.now(UTC) + timedelta(seconds=EXPIRY_GRACE_S)
            self.expiry = asyncio.get_running_loop().call_later(max(left.total_seconds(), 0), self._expire)

    def _expire(self) -> None:
        self.closing = asyncio.create_task(self._close())

    async def _close(self) -> None:
        if self.socket.application_state is WebSocketState.CONNECTED:
            await self.socket.close(FORBIDDEN, "The token has expired.")

    def end(self) -> None:
        if self.expiry:
            self.expiry.cancel()


class Handler(BaseGraphQLTransportWSHandler[Connection, None]):
    """The protocol, deaf to messages that are none of its own, and bounded as HTTP is."""

    async def handle_message(self, message: Any) -> None:
        if not _is_message(message):
            await self.handle_invalid_message("This is no message of graphql-transport-ws.")
        elif message["type"] == "subscribe" and self.connection_acknowledged:
            await self._subscribe(message)
        else:
            await super().handle_message(message)

    async def _subscribe(self, message: Any) -> None:
        gateway, socket = self.context.gateway, self.context.socket
        try:
            gateway.admit(self.context.viewer, gateway.address(socket))
            asked_of(message["payload"], gateway.settings)
        except NotServed as refusal:
            # An answer to an operation that is under way would end it.
            if message["id"] not in self.operations:
                error: Any = refusal.error
                await self.send_message(ErrorMessage(id=message["id"], type="error", payload=[error]))
                return
        await super().handle_message(message)


class LiveGraphQL(GraphQL[Connection, None]):
    """The ASGI application at /graphql for WebSockets."""

    graphql_transport_ws_handler_class = Handler

    def __init__(self, gateway: Gateway) -> None:
        settings = gateway.settings
        super().__init__(
            _ContextOfItsOwn(gateway),  # type: ignore[arg-type]  # Of a schema the protocol only asks to stream.
            subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
            connection_init_wait_timeout=timedelta(seconds=settings.socket_init_seconds),
            max_subscriptions_per_connection=settings.subscriptions_per_socket_max,
            # A page elsewhere has no cookie of ours to misuse: what it may ask, its visitor's token says.
            allowed_origins=["*"],
        )
        self._gateway = gateway
        self._open: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        address = self._gateway.address(socket)
        if self._is_full(address):
            await socket.accept(await self.pick_websocket_subprotocol(socket))
            await socket.close(TRY_AGAIN_LATER, "Too many connections.")
            return
        connection = Connection(self._gateway, socket)
        with self._counted(address):
            try:
                await self.run(socket, context=connection)
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

    def _is_full(self, address: str) -> bool:
        settings = self._gateway.settings
        return self._open[address] >= settings.sockets_per_address_max or self._open.total() >= settings.sockets_max

    @contextmanager
    def _counted(self, address: str) -> Iterator[None]:
        self._open[address] += 1
        self._gateway.telemetry.sockets.inc()
        try:
            yield
        finally:
            self._gateway.telemetry.sockets.dec()
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]


class _ContextOfItsOwn:
    """The schema, giving each operation of a connection a context, and so loaders, of its own."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def stream(self, query: str, *, context_value: Connection, **options: Any) -> AsyncGenerator[Any, None]:
        context = self._gateway.context(context_value.viewer, context_value.socket)
        return self._counted(await self._gateway.schema.stream(query, context_value=context, **options))

    async def _counted(self, results: AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
        with self._gateway.telemetry.subscriptions.track_inprogress():
            async with aclosing(results):
                async for result in results:
                    yield result


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
