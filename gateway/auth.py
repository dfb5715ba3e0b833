"""Who is asking: a bearer token becomes a viewer, or is refused; it is never taken for nobody's."""

import asyncio
import hashlib
import hmac
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import jwt
import structlog

from domain.access import ANONYMOUS, SCOPES, VIEWER_LOCATIONS_MAX, Role, Viewer
from domain.ids import PREFIXES, prefixed, split
from gateway.settings import Settings

log = structlog.get_logger(__name__)

OURS = "orderloom"  # Issuer, audience and key id of the tokens we issue ourselves.
OUR_ALGORITHM = "HS256"
THEIR_ALGORITHMS = ["RS256", "ES256"]  # Of an OpenID provider: signatures that its public keys cannot make.
LEEWAY = timedelta(seconds=10)  # By how much two well-kept clocks differ.
TOKEN_LENGTH_MAX = 8_192  # What servers take as one header.
SUBJECT_LENGTH_MAX = 200
RESERVED_SUBJECTS = frozenset({"anonymous", "system"})  # How ledgers name those who have no token.
TOKEN_LIFETIME = timedelta(days=30)

KEYS_KEPT_S = 3600.0  # How long a withdrawn key may still be believed.
KEYS_ASKED_AGAIN_S = 60.0  # A made-up key id makes us ask the provider no more often than this.
KEYS_WAIT_S = 5.0
KEYS_BYTES_MAX = 256 * 1024  # Some providers publish a hundred keys with their certificates.


class Unauthenticated(Exception):  # noqa: N818  (it says what the caller is)
    """The token that was shown is not to be believed; the text says why, to whoever showed it."""


class SignIn:
    """Reads tokens: our own, signed with the secret, and an OpenID provider's where one is set."""

    def __init__(self, settings: Settings, http: httpx2.AsyncClient | None = None) -> None:
        self._our_key = signing_key(settings.secret)
        self._provider = Provider(settings, http) if settings.jwks_url else None

    async def viewer(self, authorization: str | None) -> Viewer:
        """Who an `Authorization` header speaks for; nobody, where there is none. Raises Unauthenticated."""
        if authorization is None:
            return ANONYMOUS
        scheme, _, token = authorization.strip().partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated('Send the token as "Bearer <token>".')
        if len(token) > TOKEN_LENGTH_MAX:
            raise Unauthenticated("The token is too long to be one.")
        try:
            return _viewer(await self._claims(token))
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated("The token has expired.") from error
        except (jwt.PyJWTError, OverflowError, ValueError) as error:  # Claims may be numbers beyond any date.
            raise Unauthenticated("The token is not valid here.") from error

    async def _claims(self, token: str) -> Mapping[str, Any]:
        header = jwt.get_unverified_header(token)
        # The header only chooses between keys; each key is used with its own algorithms and no other.
        if self._provider is None or header.get("kid") == OURS:
            return _verified(token, self._our_key, [OUR_ALGORITHM], issuer=OURS, audience=OURS)
        return await self._provider.claims(token, header)

    async def close(self) -> None:
        if self._provider:
            await self._provider.close()


class Provider:
    """An OpenID provider: its public keys, fetched when needed and kept for a while."""

    def __init__(self, settings: Settings, http: httpx2.AsyncClient | None = None) -> None:
        assert settings.jwks_url
        self._url = settings.jwks_url
        self._issuer = settings.jwt_issuer or ""
        self._audience = settings.jwt_audience or ""
        self._http = http or httpx2.AsyncClient(timeout=KEYS_WAIT_S)
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._fetched_at = self._asked_at = -KEYS_KEPT_S
        self._asking = asyncio.Lock()

    async def claims(self, token: str, header: Mapping[str, Any]) -> Mapping[str, Any]:
        key = await self._key(header.get("kid"))
        algorithms = [key.algorithm_name] if key.algorithm_name in THEIR_ALGORITHMS else []
        return _verified(token, key.key, algorithms, issuer=self._issuer, audience=self._audience)

    async def _key(self, kid: str | None) -> jwt.PyJWK:
        if kid not in self._keys or time.monotonic() - self._fetched_at > KEYS_KEPT_S:
            async with self._asking:
                now = time.monotonic()
                stale = now - self._fetched_at > KEYS_KEPT_S
                if (kid not in self._keys or stale) and now - self._asked_at > KEYS_ASKED_AGAIN_S:
                    self._asked_at = now
                    await self._fetch()
        try:
            return self._keys[kid]
        except KeyError:
            raise jwt.InvalidKeyError("The key that signed the token is not known.") from None

    async def _fetch(self) -> None:
        """Where the provider does not answer, the keys we have stay: its fault is not its users'."""
        try:
            async with self._http.stream("GET", self._url) as response:
                response.raise_for_status()
                published = await _bounded(response)
            self._keys = {key.key_id: key for key in jwt.PyJWKSet.from_json(published).keys}
            self._fetched_at = time.monotonic()
        except (httpx2.HTTPError, jwt.PyJWTError, ValueError) as error:
            log.warning("auth.keys_unavailable", url=self._url, error=type(error).__name__)

    async def close(self) -> None:
        await self._http.aclose()


async def _bounded(response: httpx2.Response) -> str:
    body = b""
    async for part in response.aiter_bytes():
        body += part
        if len(body) > KEYS_BYTES_MAX:
            raise ValueError("The key set is too long.")
    return body.decode()


def signing_key(secret: str) -> bytes:
    """What our own tokens are signed with: derived by name, so that nothing else is done with the same key."""
    return hmac.digest(secret.encode(), b"sign tokens", hashlib.sha256)


def issue_token(
    secret: str,
    role: Role,
    *,
    customer: str | None = None,
    locations: Iterable[str] = (),
    lifetime: timedelta = TOKEN_LIFETIME,
) -> str:
    """A token of our own for a role; `customer` for a customer, `locations` (their codes) for an associate."""
    now = datetime.now(UTC)
    claims: dict[str, Any] = {"iss": OURS, "aud": OURS, "iat": now, "exp": now + lifetime, "roles": [role.value]}
    places = sorted(set(locations))
    if customer:
        claims["customer"] = _customer_id(customer)
    if places:
        claims["locations"] = places
    claims["sub"] = claims.get("customer") or ":".join([role.value, *places])[:SUBJECT_LENGTH_MAX]
    return jwt.encode(claims, signing_key(secret), OUR_ALGORITHM, headers={"kid": OURS})


def _verified(token: str, key: Any, algorithms: list[str], *, issuer: str, audience: str) -> Mapping[str, Any]:
    claims: Mapping[str, Any] = jwt.decode(
        token,
        key,
        algorithms,
        issuer=issuer,
        audience=audience,
        leeway=LEEWAY,
        options={"require": ["exp", "sub", "iss", "aud"]},
    )
    return claims


def _viewer(claims: Mapping[str, Any]) -> Viewer:
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_LENGTH_MAX or subject in RESERVED_SUBJECTS:
        raise Unauthenticated(f"The token's `sub` is 1 to {SUBJECT_LENGTH_MAX} characters and names its bearer.")
    known = {role.value: role for role in Role}
    # A provider's token may name roles of other systems too.
    roles = frozenset(known[name] for name in _texts(claims, "roles") if name in known)
    locations = frozenset(_texts(claims, "locations"))
    if len(locations) > VIEWER_LOCATIONS_MAX:
        raise Unauthenticated(f"The token names more than {VIEWER_LOCATIONS_MAX} locations.")
    return Viewer(
        subject=subject,
        roles=roles,
        scopes=frozenset(scope for role in roles for scope in SCOPES[role]),
        customer_id=_customer(claims) if Role.CUSTOMER in roles else None,
        locations=locations,
        expires_at=datetime.fromtimestamp(int(claims["exp"]), UTC),
    )


def _customer(claims: Mapping[str, Any]) -> str:
    customer = claims.get("customer")
    if not isinstance(customer, str) or not 0 < len(customer) <= SUBJECT_LENGTH_MAX:
        raise Unauthenticated("A customer's token names the customer, in `customer`.")
    return _customer_id(customer)


def _customer_id(text: str) -> str:
    """The customer's id, however it was written."""
    prefix = PREFIXES["Customer"]
    return text if split(text)[0] == prefix else prefixed(prefix, text)


def _texts(claims: Mapping[str, Any], name: str) -> list[str]:
    value = claims.get(name, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise Unauthenticated(f"The token's `{name}` is a list of texts.")
    return value
