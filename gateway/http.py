"""GraphQL over HTTP: what is asked, in what form it is answered, and with which status.

Source: the GraphQL-over-HTTP specification, draft of stage 2, https://graphql.github.io/graphql-over-http/draft/.
"""

import asyncio
import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry.types.execution import ExecutionResult
from strawberry.types.graphql import OperationType

from domain.access import Viewer
from domain.world import World
from gateway.auth import SignIn, Unauthenticated
from gateway.limits import RequestRate
from gateway.serving import BAD_REQUEST, FORBIDDEN, INTERNAL, METHOD_NOT_ALLOWED, ServedSchema
from gateway.settings import Network, Settings
from gateway.telemetry import Telemetry
from resolvers.context import Context

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
METHODS = "GET, POST"
BODY_WAIT_S = 30.0  # A caller whose body takes longer than this holds a connection for nothing.
DOCUMENT_LENGTH_MAX = 100_000  # Characters; data belongs into variables. Documents are kept, so their size counts.
ACCEPT_PARTS_MAX = 30  # Browsers send eight.
FORWARDED_PARTS_MAX = 30  # Nobody stands behind more proxies.

# With the newer media type, what a request that was not executed is answered with; all else is 400.
STATUS_OF = {FORBIDDEN: 403, METHOD_NOT_ALLOWED: 405, INTERNAL: 500}

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,7}")
# No database keeps a NUL in a text; in a document it may hide behind an escape.
_NUL = re.compile(r"\x00|\\u0000|\\u\{0+\}")


@dataclass(slots=True)
class Gateway:
    """What every request is answered with; the world is there from start to stop of the process."""

    settings: Settings
    schema: ServedSchema
    sign_in: SignIn
    rate: RequestRate
    telemetry: Telemetry
    world: World | None = None

    def context(self, viewer: Viewer, connection: HTTPConnection) -> Context:
        """The surroundings of one operation."""
        assert self.world, "Requests are taken once the world is there."
        return Context(
            world=self.world,
            viewer=viewer,
            language=preferred_language(connection.headers.get("accept-language")),
            address=self.address(connection),
            request_id=connection.scope.get("state", {}).get("request_id", ""),
        )

    def address(self, connection: HTTPConnection) -> str:
        peer = connection.client.host if connection.client else ""
        return client_address(peer, connection.headers.getlist("x-forwarded-for"), self.settings.trusted_proxies)

    def admit(self, viewer: Viewer, address: str) -> None:
        """Count a request of this caller. Raises NotServed where it is one too many."""
        if seconds := self.rate.wait(viewer, address):
            sentence = f"Too many requests; try again in {seconds} s."
            raise NotServed(429, sentence, "TOO_MANY_REQUESTS", {"Retry-After": str(seconds)})

    async def viewer(self, headers: Headers) -> Viewer:
        """Who asks. Raises NotServed where their token is not to be believed."""
        shown = headers.getlist("authorization")
        try:
            return await self.sign_in.viewer(", ".join(shown) if shown else None)
        except Unauthenticated as refusal:
            headers_ = {"WWW-Authenticate": "Bearer"}
            raise NotServed(401, str(refusal), "UNAUTHENTICATED", headers_) from refusal


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


@dataclass(frozen=True, slots=True)
class Asked:
    """A well-formed request, whatever its document says."""

    query: str
    variables: dict[str, Any] | None
    operation_name: str | None
    extensions: dict[str, Any] | None


class GraphQLOverHttp:
    """The ASGI application at /graphql for everything that is no WebSocket and no browser's page."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._settings = gateway.settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        media_type = JSON
        try:
            media_type = negotiated(request.headers.get("accept"))
            response = await self._answer(request, media_type)
        except NotServed as refusal:
            response = _response({"errors": [refusal.error]}, media_type, refusal.status, refusal.headers)
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _answer(self, request: Request, media_type: str) -> Response:
        if request.method not in {"GET", "POST"}:
            raise NotServed(405, "GraphQL is asked by GET or POST.", METHOD_NOT_ALLOWED, {"Allow": METHODS})
        viewer = await self._gateway.viewer(request.headers)
        context = self._gateway.context(viewer, request)
        self._gateway.admit(viewer, context.address)
        is_get = request.method == "GET"
        asked = asked_of(_of_url(request) if is_get else await self._body(request), self._settings)
        result = await self._gateway.schema.execute(
            asked.query,
            variable_values=asked.variables,
            context_value=context,
            operation_name=asked.operation_name,
            allowed_operation_types={OperationType.QUERY} if is_get else {OperationType.QUERY, OperationType.MUTATION},
            operation_extensions=asked.extensions,
        )
        return _answered(result, media_type)

    async def _body(self, request: Request) -> Any:
        _check_content_type(request.headers)
        most = self._settings.body_bytes_max
        too_long = NotServed(413, f"The body is longer than {most} bytes.", "TOO_LARGE", {"Connection": "close"})
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > most:
            raise too_long
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_WAIT_S):
                async for part in request.stream():
                    body += part
                    if len(body) > most:
                        raise too_long
        except TimeoutError as error:
            raise NotServed(408, "The body did not arrive in time.", headers={"Connection": "close"}) from error
        return _json(body, "The body")


# ── Requests ─────────────────────────────────────────────────────────────────────────────────────────────────────


def negotiated(accept: str | None) -> str:
    """The media type to answer in. Raises NotServed (406) where the caller takes neither.

    The newer one wins where both are named alike, the older where only a wildcard stands for both.
    """
    if accept is None or not accept.strip():
        return GRAPHQL_JSON
    wanted = _weighted(accept)
    best: tuple[float, bool] = (0.0, False)
    chosen = None
    for media_type in (GRAPHQL_JSON, JSON):
        weight = (wanted.get(media_type, wanted.get("application/*", wanted.get("*/*", 0.0))), media_type in wanted)
        if weight[0] > 0 and (weight > best or (weight == best and not weight[1])):
            best, chosen = weight, media_type
    if chosen is None:
        raise NotServed(406, f"Answers are {GRAPHQL_JSON} or {JSON}.", "NOT_ACCEPTABLE")
    return chosen


def accepts_html(accept: str | None) -> bool:
    """Whether a browser asks for a page."""
    return _weighted(accept or "").get("text/html", 0.0) > 0


def preferred_language(header: str | None) -> str | None:
    """The language an Accept-Language header likes best; None where it names none."""
    liked = [(weight, tag) for tag, weight in _weighted(header or "").items() if weight and _LANGUAGE.fullmatch(tag)]
    return max(liked, key=lambda each: each[0])[1] if liked else None


def client_address(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """Who is at the other end: the last address that no trusted proxy vouches for.

    X-Forwarded-For is the caller's own word up to what our proxies appended, so it is read from its end.
    """
    hops = [hop.strip() for line in forwarded for hop in line.split(",")][-FORWARDED_PARTS_MAX:]
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


def asked_of(given: object, settings: Settings) -> Asked:
    """The request that a JSON value is. Raises NotServed where it is none, or is more than is taken."""
    if isinstance(given, list):
        raise NotServed(400, "One operation a request: batches are not taken.")
    if not isinstance(given, dict):
        raise NotServed(400, "A request is an object with `query`, and `variables`, `operationName`, `extensions`.")
    query = given.get("query")
    if not isinstance(query, str) or not query:
        raise NotServed(400, "`query` is missing, or is not a text.")
    if len(query) > DOCUMENT_LENGTH_MAX:
        raise NotServed(400, f"The document is longer than {DOCUMENT_LENGTH_MAX} characters; pass data as variables.")
    name = given.get("operationName")
    if name is not None and not isinstance(name, str):
        raise NotServed(400, "`operationName` is not a text.")
    variables, extensions = _mapping(given, "variables"), _mapping(given, "extensions")
    if _NUL.search(query) or not _is_bounded(variables, settings.variable_values_max):
        raise NotServed(400, "The variables have too many values, or a text has a NUL character in it.")
    return Asked(query, variables, name or None, extensions)


def _check_content_type(headers: Headers) -> None:
    media_type, _, parameters = headers.get("content-type", "").lower().partition(";")
    charset = re.search(r'charset="?([\w-]+)', parameters)
    if media_type.strip() != JSON or (charset and charset[1] not in {"utf-8", "utf8"}):
        raise NotServed(415, f"The body is {JSON}, in UTF-8.", "UNSUPPORTED_MEDIA_TYPE", {"Accept": JSON})
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise NotServed(
            415, "The body is taken uncompressed.", "UNSUPPORTED_MEDIA_TYPE", {"Accept-Encoding": "identity"}
        )


def _of_url(request: Request) -> dict[str, Any]:
    """The parameters of a GET; those that are maps are JSON texts."""
    given: dict[str, Any] = dict(request.query_params)
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


def _mapping(given: dict[str, Any], name: str) -> dict[str, Any] | None:
    value = given.get(name)
    if value is not None and not isinstance(value, dict):
        raise NotServed(400, f"`{name}` is not an object.")
    return value


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


def _answered(result: ExecutionResult, media_type: str) -> Response:
    body: dict[str, Any] = {}
    # An error of a field has a path; without one nothing was executed, and there is no data to speak of.
    executed = result.data is not None or not all(error.path is None for error in result.errors or ())
    if executed:
        body["data"] = result.data
    if result.errors:
        body["errors"] = [error.formatted for error in result.errors]
    if result.extensions:
        body["extensions"] = result.extensions
    return _response(body, media_type, 200 if executed else _status(result, media_type), _allow(result))


def _status(result: ExecutionResult, media_type: str) -> int:
    codes = [(error.extensions or {}).get("code") for error in result.errors or ()]
    if METHOD_NOT_ALLOWED in codes or media_type == GRAPHQL_JSON:
        return next((STATUS_OF[code] for code in codes if code in STATUS_OF), 400)
    return 200


def _allow(result: ExecutionResult) -> dict[str, str]:
    codes = {(error.extensions or {}).get("code") for error in result.errors or ()}
    return {"Allow": "POST"} if METHOD_NOT_ALLOWED in codes else {}


def _response(body: Any, media_type: str, status: int, headers: Mapping[str, str]) -> Response:
    answer = Response(orjson.dumps(body), status, dict(headers))
    answer.headers["Content-Type"] = f"{media_type}; charset=utf-8"
    # What is answered depends on who asks, and may be personal.
    answer.headers["Cache-Control"] = "no-store"
    return answer
