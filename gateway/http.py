"""GraphQL over HTTP: what is asked, in what form it is answered, and with which status.

Source: the GraphQL-over-HTTP specification, draft of stage 2, https://graphql.github.io/graphql-over-http/draft/.
"""

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.types import Receive, Scope, Send

from domain.access import Viewer
from domain.world import World
from gateway.auth import SignIn, Unauthenticated
from gateway.connections import Connections, TooManyConnections
from gateway.deadlines import Deadline
from gateway.documents import NOT_FOUND, Documents, NoDocument, name_of
from gateway.limits import RequestRate
from gateway.serving import (
    ALL,
    ANSWERED_ONCE,
    BAD_REQUEST,
    FOLLOWED_BY_GET,
    FORBIDDEN,
    INTERNAL,
    METHOD_NOT_ALLOWED,
    READING,
    Answer,
    Asked,
    ServedSchema,
    alone,
)
from gateway.settings import Network, Settings
from gateway.streams import FRAMINGS, stream
from gateway.telemetry import Telemetry, server_timing
from resolvers.context import Context

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
CONTENT_TYPE_OF = {media_type: f"{media_type}; charset=utf-8".encode() for media_type in (JSON, GRAPHQL_JSON)}
TIMING_ASKED = b"x-server-timing"  # A request with this header, whatever it says, is told where its time went.
METHODS = "GET, POST"
BODY_WAIT_S = 30.0  # A caller whose body takes longer than this holds a connection for nothing.
DOCUMENT_LENGTH_MAX = 100_000  # Characters; data belongs into variables. Documents are kept, so their size counts.
ACCEPT_PARTS_MAX = 30  # Browsers send eight.
FORWARDED_PARTS_MAX = 30  # Nobody stands behind more proxies.
HEADERS_READ_MAX = 256  # Of each header that is read again and again, what so many of them said.

# With the newer media type, what a request that was not executed is answered with; all else is 400.
STATUS_OF = {FORBIDDEN: 403, METHOD_NOT_ALLOWED: 405, INTERNAL: 500}

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,7}")

Headers = Mapping[bytes, str]


@dataclass(slots=True)
class Gateway:
    """What every request is answered with; the world is there from start to stop of the process."""

    settings: Settings
    schema: ServedSchema
    documents: Documents
    sign_in: SignIn
    rate: RequestRate
    telemetry: Telemetry
    connections: Connections
    world: World | None = None

    def context(self, viewer: Viewer, scope: Scope, headers: Headers) -> Context:
        """The surroundings of one operation."""
        assert self.world, "Requests are taken once the world is there."
        return Context(
            world=self.world,
            viewer=viewer,
            language=preferred_language(headers.get(b"accept-language")),
            address=self.address(scope, headers),
            request_id=scope.get("state", {}).get("request_id", ""),
            shared=self.schema.shared,
        )

    def address(self, scope: Scope, headers: Headers) -> str:
        peer = scope["client"][0] if scope.get("client") else ""
        trusted = self.settings.trusted_proxies
        return client_address(peer, headers.get(b"x-forwarded-for", ""), trusted) if trusted else peer

    def admit(self, viewer: Viewer, address: str) -> None:
        """Count a request of this caller. Raises NotServed where it is one too many."""
        if seconds := self.rate.wait(viewer, address):
            sentence = f"Too many requests; try again in {seconds} s."
            raise NotServed(429, sentence, "TOO_MANY_REQUESTS", {"Retry-After": str(seconds)})

    @contextmanager
    def counted(self, address: str) -> Iterator[None]:
        """While it lasts, one more connection stays open. Raises NotServed where there are too many."""
        try:
            with self.connections.counted(address):
                yield
        except TooManyConnections:
            raise NotServed(429, "Too many connections.", "TOO_MANY_CONNECTIONS") from None

    async def viewer(self, headers: Headers) -> Viewer:
        """Who asks. Raises NotServed where their token is not to be believed."""
        try:
            return await self.sign_in.viewer(headers.get(b"authorization"))
        except Unauthenticated as refusal:
            headers_ = {"WWW-Authenticate": "Bearer"}
            raise NotServed(401, str(refusal), "UNAUTHENTICATED", headers_) from refusal

    def asked(self, given: object) -> Asked:
        """The request that a JSON value is. Raises NotServed where it is none, or is more than is taken."""
        return asked_of(given, self.settings, self.documents)


class NotServed(Exception):  # noqa: N818  (it says what became of the request)
    """The request is answered without an operation."""

    def __init__(
        self, status: int, message: str, code: str = BAD_REQUEST, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}

    @property
    def error(self) -> dict[str, Any]:
        return {"message": str(self), "extensions": {"code": self.code}}


class ClientGone(Exception):  # noqa: N818  (it says what became of the client)
    """Whoever asked is no longer there."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The media types a caller takes: of an answer, and of one that goes on; None where it takes none of that form."""

    once: str | None
    stream: str | None


class GraphQLOverHttp:
    """The ASGI application at /graphql for everything that is no WebSocket and no browser's page."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._settings = gateway.settings
        self._body_deadline = Deadline(BODY_WAIT_S)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = headers_of(scope)
        media_type = JSON
        try:
            accepted = negotiated(headers.get(b"accept", ""))
            media_type = accepted.once or JSON
            await self._answer(scope, headers, accepted, receive, send)
        except NotServed as refusal:
            # Clients that are to send the text now look into an answer that went well.
            status = 200 if refusal.code == NOT_FOUND and media_type == JSON else refusal.status
            body = orjson.dumps({"errors": [refusal.error]})
            await _send(send, scope["method"], status, body, media_type, refusal.headers)
        except ClientGone:
            pass

    async def _answer(self, scope: Scope, headers: Headers, accepted: Accepted, receive: Receive, send: Send) -> None:
        gateway, is_get, began = self._gateway, scope["method"] == "GET", perf_counter()
        if not is_get and scope["method"] != "POST":
            raise NotServed(405, "GraphQL is asked by GET or POST.", METHOD_NOT_ALLOWED, {"Allow": METHODS})
        viewer = await gateway.viewer(headers)
        context = gateway.context(viewer, scope, headers)
        gateway.admit(viewer, context.address)
        asked = gateway.asked(_of_url(scope) if is_get else _json(await self._body(headers, receive), "The body"))
        if accepted.stream and (accepted.once is None or gateway.schema.is_subscription(asked)):
            kinds = FOLLOWED_BY_GET if is_get else ALL
            with gateway.counted(context.address):
                answers = await gateway.schema.follow(asked, context, kinds)
                answers = alone(answers) if isinstance(answers, Answer) else answers
                await stream(answers, FRAMINGS[accepted.stream], receive, send)
            return
        read = perf_counter()
        answer = await gateway.schema.execute(asked, context, READING if is_get else ANSWERED_ONCE)
        executed = perf_counter()
        body = answer.encoded()
        more = _allow(answer)
        if TIMING_ASKED in headers:
            instants = (began, read, executed, perf_counter())
            more["Server-Timing"] = server_timing(("read", "execute", "encode"), instants)
        media_type = accepted.once or JSON
        status = 200 if answer.was_executed else _status(answer, media_type)
        await _send(send, scope["method"], status, body, media_type, more)

    async def _body(self, headers: Headers, receive: Receive) -> bytes:
        _check_content_type(headers)
        most = self._settings.body_bytes_max
        length = headers.get(b"content-length", "")
        if length.isdecimal() and int(length) > most:
            raise _too_long(most)
        try:
            return await self._body_deadline.keep(_whole(receive, most))
        except TimeoutError as error:
            raise NotServed(408, "The body did not arrive in time.", headers={"Connection": "close"}) from error


async def _whole(receive: Receive, most: int) -> bytes:
    """A body of at most so many bytes."""
    parts, received = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        parts.append(message.get("body", b""))
        received += len(parts[-1])
        if received > most:
            raise _too_long(most)
        if not message.get("more_body"):
            return b"".join(parts)


# ── Requests ─────────────────────────────────────────────────────────────────────────────────────────────────────


def headers_of(scope: Scope) -> Headers:
    """What a request's head says; a header that comes several times is one list."""
    headers: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        text = value.decode("latin-1")
        headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return headers


@lru_cache(HEADERS_READ_MAX)
def negotiated(accept: str) -> Accepted:
    """The media types to answer in. Raises NotServed (406) where the caller takes none of ours.

    Of the two for one answer, the newer one wins where both are named alike, the older where only a wildcard stands
    for both; an answer that goes on is given to those who name its form.
    """
    if not accept.strip():
        return Accepted(GRAPHQL_JSON, None)
    wanted = _weighted(accept)
    best: tuple[float, bool] = (0.0, False)
    once = None
    for media_type in (GRAPHQL_JSON, JSON):
        weight = (wanted.get(media_type, wanted.get("application/*", wanted.get("*/*", 0.0))), media_type in wanted)
        if weight[0] > 0 and (weight > best or (weight == best and not weight[1])):
            best, once = weight, media_type
    going_on = next((media_type for media_type in FRAMINGS if wanted.get(media_type, 0.0) > 0), None)
    if once is None and going_on is None:
        raise NotServed(406, f"Answers are {GRAPHQL_JSON} or {JSON}.", "NOT_ACCEPTABLE")
    return Accepted(once, going_on)


def accepts_html(accept: str | None) -> bool:
    """Whether a browser asks for a page."""
    return _weighted(accept or "").get("text/html", 0.0) > 0


@lru_cache(HEADERS_READ_MAX)
def preferred_language(header: str | None) -> str | None:
    """The language an Accept-Language header likes best; None where it names none."""
    liked = [(weight, tag) for tag, weight in _weighted(header or "").items() if weight and _LANGUAGE.fullmatch(tag)]
    return max(liked, key=lambda each: each[0])[1] if liked else None


def client_address(peer: str, forwarded: str, trusted: Sequence[Network]) -> str:
    """Who is at the other end: the last address that no trusted proxy vouches for.

    X-Forwarded-For is the caller's own word up to what our proxies appended, so it is read from its end.
    """
    hops = [hop for each in forwarded.split(",") if (hop := each.strip())][-FORWARDED_PARTS_MAX:]
    address = peer
    while hops and _is_among(address, trusted):
        address = hops.pop()
    return address


def _is_among(address: str, networks: Sequence[Network]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)


def _weighted(header: str) -> dict[str, float]:
    """What a header of alternatives names, in its order, each with its weight: `a;q=0.5, b` is a 0.5, b 1."""
    weights: dict[str, float] = {}
    for part in header.split(",")[:ACCEPT_PARTS_MAX]:
        name, *parameters = (piece.strip() for piece in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip().lower() == "q":
                try:
                    weight = float(value)
                except ValueError:
                    weight = 0.0
        # A language keeps its case; a media type has none.
        weights.setdefault(name.lower() if "/" in name else name, weight if 0 <= weight <= 1 else 0.0)
    return weights


def asked_of(given: object, settings: Settings, documents: Documents) -> Asked:
    """The request that a JSON value is. Raises NotServed where it is none, or is more than is taken."""
    if isinstance(given, list):
        raise NotServed(400, "One operation a request: batches are not taken.")
    if not isinstance(given, dict):
        raise NotServed(400, "A request is an object with `query`, and `variables`, `operationName`, `extensions`.")
    variables, name = given.get("variables"), given.get("operationName")
    if variables is not None and not isinstance(variables, dict):
        raise NotServed(400, "`variables` is not an object.")
    if name is not None and not isinstance(name, str):
        raise NotServed(400, "`operationName` is not a text.")
    text = _document(given, documents)
    if variables and not _is_bounded(variables, settings.variable_values_max):
        raise NotServed(400, "The variables have too many values, or a text has a NUL character in it.")
    return Asked(text, variables, name or None, documents.is_trusted(text))


def _document(given: Mapping[str, Any], documents: Documents) -> str:
    query, extensions = given.get("query"), given.get("extensions")
    if query is not None and not isinstance(query, str):
        raise NotServed(400, "`query` is not a text.")
    if query and len(query) > DOCUMENT_LENGTH_MAX:
        raise NotServed(400, f"The document is longer than {DOCUMENT_LENGTH_MAX} characters; pass data as variables.")
    if extensions is not None and not isinstance(extensions, dict):
        raise NotServed(400, "`extensions` is not an object.")
    try:
        text = documents.text(query or None, name_of(given))
    except NoDocument as missing:
        raise NotServed(400, str(missing), missing.code) from missing
    if not text:
        raise NotServed(400, "`query` is missing.")
    return text


@lru_cache(HEADERS_READ_MAX)
def _content_type(text: str) -> bool:
    """Whether it is JSON in UTF-8."""
    media_type, _, parameters = text.lower().partition(";")
    charset = re.search(r'charset="?([\w-]+)', parameters)
    return media_type.strip() == JSON and (not charset or charset[1] in {"utf-8", "utf8"})


def _too_long(most: int) -> NotServed:
    return NotServed(413, f"The body is longer than {most} bytes.", "TOO_LARGE", {"Connection": "close"})


def _check_content_type(headers: Headers) -> None:
    if not _content_type(headers.get(b"content-type", "")):
        raise NotServed(415, f"The body is {JSON}, in UTF-8.", "UNSUPPORTED_MEDIA_TYPE", {"Accept": JSON})
    if headers.get(b"content-encoding", "identity").lower() != "identity":
        raise NotServed(
            415, "The body is taken uncompressed.", "UNSUPPORTED_MEDIA_TYPE", {"Accept-Encoding": "identity"}
        )


def query_of(scope: Scope) -> dict[str, Any]:
    return dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))


def _of_url(scope: Scope) -> dict[str, Any]:
    """The parameters of a GET; those that are maps are JSON texts."""
    given = query_of(scope)
    for name in ("variables", "extensions"):
        if given.get(name):
            given[name] = _json(given[name], f"`{name}`")
        else:
            given.pop(name, None)
    return given


def _json(text: str | bytes | bytearray, what: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise NotServed(400, f"{what} is not JSON: {error}.") from error


def _is_bounded(variables: object, most: int) -> bool:
    """Whether there are no more values than `most`, and no text that no database could keep."""
    waiting = [variables]
    count = 0
    while waiting:
        value = waiting.pop()
        count += 1
        if count > most or (isinstance(value, str) and "\x00" in value):
            return False
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return True


# ── Answers ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _status(answer: Answer, media_type: str) -> int:
    """Of an operation that was not executed."""
    if METHOD_NOT_ALLOWED in answer.codes or media_type == GRAPHQL_JSON:
        return next((status for code, status in STATUS_OF.items() if code in answer.codes), 400)
    return 200


def _allow(answer: Answer) -> dict[str, str]:
    return {"Allow": "POST"} if answer.errors and METHOD_NOT_ALLOWED in answer.codes else {}


async def _send(send: Send, method: str, status: int, body: bytes, media_type: str, more: Mapping[str, str]) -> None:
    headers = [(b"content-type", CONTENT_TYPE_OF[media_type]), (b"content-length", b"%d" % len(body))]
    # What is answered may be personal. An answer to a POST nobody keeps anyway: RFC 9110, 9.3.3.
    if method != "POST":
        headers.append((b"cache-control", b"no-store"))
    if more:
        headers += [(name.lower().encode(), value.encode()) for name, value in more.items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
