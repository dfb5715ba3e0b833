"""A bearer token becomes a viewer or is refused; it is never taken for nobody's."""

import base64
import json
import time
from datetime import UTC, datetime, timedelta

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from domain.access import ANONYMOUS, SCOPES, Role
from gateway import auth
from gateway.auth import SignIn, Unauthenticated, issue_token, signing_key

SECRET = "s" * 48
ISSUER = "https://id.example"
AUDIENCE = "shop"


@pytest.fixture
def ours(settings):
    return SignIn(settings())


def test_no_token_is_nobody(client):
    assert client().post("/graphql", json={"query": "{ who }"}).json() == {"data": {"who": "nobody -"}}


async def test_a_token_says_who_one_is_and_what_one_may(ours):
    viewer = await ours.viewer(f"Bearer {issue_token(SECRET, Role.ASSOCIATE, locations=['MI01', 'MI02'])}")

    assert viewer.roles == {Role.ASSOCIATE}
    assert viewer.scopes == SCOPES[Role.ASSOCIATE]
    assert viewer.locations == {"MI01", "MI02"}
    assert viewer.expires_at - datetime.now(UTC) > timedelta(days=29)


@pytest.mark.parametrize("customer", ["ada", "cus_ada"])
async def test_a_customers_id_has_its_prefix_however_it_was_written(ours, customer):
    viewer = await ours.viewer(f"bearer {issue_token(SECRET, Role.CUSTOMER, customer=customer)}")

    assert viewer.customer_id == viewer.subject == viewer.actor == "cus_ada"


async def test_only_a_customer_has_a_customers_id(ours):
    viewer = await ours.viewer(f"Bearer {issue_token(SECRET, Role.AGENT, customer='ada')}")

    assert viewer.customer_id is None


def test_a_token_that_is_not_believed_is_told_so_and_not_served(client):
    answer = client().post("/graphql", json={"query": "{ who }"}, headers={"authorization": "Bearer x.y.z"})

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}


def claims(**given):
    now = datetime.now(UTC)
    return {
        "iss": "orderloom",
        "aud": "orderloom",
        "sub": "ada",
        "roles": ["admin"],
        "iat": now,
        "exp": now + timedelta(hours=1),
    } | given


def signed(key=None, algorithm="HS256", kid="orderloom", **given):
    given = {name: value for name, value in claims(**given).items() if value is not None}
    return jwt.encode(given, signing_key(SECRET) if key is None else key, algorithm, headers={"kid": kid})


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Bearer a b",
        "Bearer " + "x" * 9_000,
        f"Bearer {issue_token(SECRET, Role.ADMIN, lifetime=timedelta(minutes=-1))}",
        f"Bearer {issue_token('t' * 48, Role.ADMIN)}",
        f"Bearer {signed(SECRET.encode())}",
        f"Bearer {signed(algorithm='none', key='')}",
        f"Bearer {signed(aud='elsewhere')}",
        f"Bearer {signed(iss='elsewhere')}",
        f"Bearer {signed(exp=None)}",
        f"Bearer {signed(sub=None)}",
        f"Bearer {signed(sub='anonymous')}",
        f"Bearer {signed(sub='system')}",
        f"Bearer {signed(sub='x' * 201)}",
        f"Bearer {signed(roles='admin')}",
        f"Bearer {signed(roles=['customer'])}",
        f"Bearer {signed(roles=['customer'], customer=7)}",
        f"Bearer {signed(locations=[f'L{n}' for n in range(51)])}",
        f"Bearer {signed(exp=10**20)}",
    ],
)
async def test_what_is_no_token_of_ours_is_refused(ours, authorization):
    with pytest.raises(Unauthenticated):
        await ours.viewer(authorization)


async def test_roles_of_other_systems_give_nothing(ours):
    viewer = await ours.viewer(f"Bearer {signed(roles=['admin-of-the-car-park'])}")

    assert viewer.subject == "ada"
    assert viewer.scopes == frozenset()


def test_anonymous_is_not_a_subject():
    assert ANONYMOUS.subject is None


# ── An OpenID provider ───────────────────────────────────────────────────────────────────────────────────────────

RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


class Provider:
    """Publishes keys, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.is_up = True
        self.keys = {"r1": _published(RSA_KEY, "RS256", "r1"), "e1": _published(EC_KEY, "ES256", "e1")}

    def __call__(self, _request):
        self.asked += 1
        return httpx2.Response(200, json={"keys": list(self.keys.values())}) if self.is_up else httpx2.Response(500)


def _published(private, algorithm, kid):
    implementation = jwt.get_algorithm_by_name(algorithm)
    return json.loads(implementation.to_jwk(private.public_key())) | {"kid": kid, "use": "sig", "alg": algorithm}


def theirs(key=RSA_KEY, algorithm="RS256", kid="r1", **given):
    return f"Bearer {signed(key, algorithm, kid, iss=ISSUER, aud=AUDIENCE, **given)}"


@pytest.fixture
def provider():
    return Provider()


@pytest.fixture
async def sign_in(settings, provider):
    http = httpx2.AsyncClient(transport=httpx2.MockTransport(provider))
    given = settings(jwks_url="https://id.example/keys", jwt_issuer=ISSUER, jwt_audience=AUDIENCE)
    reading = SignIn(given, http)
    yield reading
    await reading.close()


@pytest.mark.parametrize("shown", [theirs(), theirs(EC_KEY, "ES256", "e1")])
async def test_a_providers_token_is_believed_by_its_published_key(sign_in, shown):
    viewer = await sign_in.viewer(shown)

    assert viewer.subject == "ada"
    assert Role.ADMIN in viewer.roles


async def test_our_own_tokens_stay_good_beside_a_provider(sign_in, provider):
    viewer = await sign_in.viewer(f"Bearer {issue_token(SECRET, Role.AGENT)}")

    assert viewer.roles == {Role.AGENT}
    assert provider.asked == 0


def _hs256_with(key: bytes, header: dict) -> str:
    """A token by hand: the library refuses to misuse a public key as a secret."""
    said = claims(iss=ISSUER, aud=AUDIENCE, iat=int(time.time()), exp=int(time.time()) + 3_600)
    parts = [_encoded(json.dumps(part).encode()) for part in (header, said)]
    signature = _encoded(jwt.get_algorithm_by_name("HS256").sign(b".".join(parts), key))
    return f"Bearer {b'.'.join([*parts, signature]).decode()}"


def _encoded(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")


PUBLIC_PEM = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    "shown",
    [
        theirs(rsa.generate_private_key(65537, 2048)),
        theirs(EC_KEY, "ES256", "r1"),
        theirs(RSA_KEY, "RS512"),
        theirs(kid="unknown"),
        theirs(exp=datetime.now(UTC) - timedelta(minutes=1)),
        f"Bearer {signed(RSA_KEY, 'RS256', 'r1', iss=ISSUER, aud='another')}",
        f"Bearer {signed(RSA_KEY, 'RS256', 'r1', iss='https://evil.example', aud=AUDIENCE)}",
        f"Bearer {signed('', 'none', 'r1', iss=ISSUER, aud=AUDIENCE)}",
        _hs256_with(PUBLIC_PEM, {"alg": "HS256", "typ": "JWT", "kid": "r1"}),
        # Ours by its key id, theirs by all else.
        f"Bearer {signed(RSA_KEY, 'RS256', 'orderloom', iss=ISSUER, aud=AUDIENCE)}",
    ],
)
async def test_what_a_provider_did_not_sign_is_refused(sign_in, shown):
    with pytest.raises(Unauthenticated):
        await sign_in.viewer(shown)


async def test_keys_are_kept_and_asked_for_again_once_a_minute_at_most(sign_in, provider, monkeypatch):
    now = time.monotonic()
    monkeypatch.setattr(auth.time, "monotonic", lambda: now)
    for _ in range(3):
        await sign_in.viewer(theirs())
    assert provider.asked == 1

    now += auth.KEYS_ASKED_AGAIN_S + 1
    for kid in ("made-up-1", "made-up-2"):
        with pytest.raises(Unauthenticated):
            await sign_in.viewer(theirs(kid=kid))
    assert provider.asked == 2

    now += auth.KEYS_ASKED_AGAIN_S + 1
    provider.keys["r2"] = provider.keys["r1"] | {"kid": "r2"}
    assert (await sign_in.viewer(theirs(kid="r2"))).subject == "ada"


async def test_a_withdrawn_key_is_believed_no_longer_than_keys_are_kept(sign_in, provider, monkeypatch):
    now = time.monotonic()
    monkeypatch.setattr(auth.time, "monotonic", lambda: now)
    await sign_in.viewer(theirs())
    del provider.keys["r1"]

    now += auth.KEYS_KEPT_S + 1

    with pytest.raises(Unauthenticated):
        await sign_in.viewer(theirs())


async def test_keys_stay_good_while_their_provider_is_down(sign_in, provider, monkeypatch):
    now = time.monotonic()
    monkeypatch.setattr(auth.time, "monotonic", lambda: now)
    await sign_in.viewer(theirs())
    provider.is_up = False

    now += auth.KEYS_KEPT_S + 1

    assert (await sign_in.viewer(theirs())).subject == "ada"
