"""Keys and digests: how personal data is sealed, found again, and how tokens are told from guesses."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.customers.model import normalized_email
from domain.ids import split

_NONCE_BYTES = 12  # What AES-GCM takes (NIST SP 800-38D).
_TOKEN_BYTES = 16  # 128 bits: nobody guesses an access token.
_PICKUP_CODE_CHARACTERS = 8  # 40 bits, read aloud at a counter; guesses are rate-limited.
_READABLE = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Vault:
    """Everything that hangs on ORDERLOOM_SECRET_KEY. Each use has a key of its own, derived by name."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._wrapping = AESGCM(self._derived("wrap a customer's key"))
        self._digesting = self._derived("digest")

    def _derived(self, purpose: str) -> bytes:
        return hmac.digest(self._secret, purpose.encode(), hashlib.sha256)

    # ── Sealing ──

    def new_key(self, customer_id: str) -> bytes:
        """A fresh key for a customer, wrapped: it opens with the process's secret, and for this customer alone."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._wrapping.encrypt(nonce, AESGCM.generate_key(256), customer_id.encode())

    def seal(self, value: Any, wrapped_key: bytes, owner: str, row: str) -> bytes:
        """A dataclass or mapping, sealed under a customer's key and bound to the row it stands in."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        plain = orjson.dumps(asdict(value) if is_dataclass(value) and not isinstance(value, type) else value)
        return nonce + self._key_of(wrapped_key, owner).encrypt(nonce, plain, row.encode())

    def open(self, sealed: bytes, wrapped_key: bytes, owner: str, row: str) -> Mapping[str, Any]:
        """What was sealed. Raises InvalidTag where the secret, the owner or the row is another."""
        plain = self._key_of(wrapped_key, owner).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], row.encode())
        opened: Mapping[str, Any] = orjson.loads(plain)
        return opened

    def _key_of(self, wrapped: bytes, owner: str) -> AESGCM:
        return AESGCM(self._wrapping.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], owner.encode()))

    # ── Digests ──

    def digest(self, purpose: str, text: str) -> str:
        """A keyed hash: the same text is found again, and nobody without the secret learns it."""
        return hmac.new(self._digesting, f"{purpose}:{text}".encode(), hashlib.sha256).hexdigest()

    def email_hash(self, email: str | None) -> str | None:
        return self.digest("email", normalized_email(email)) if email and email.strip() else None

    def input_digest(self, command: object) -> str:
        """Of a command, for an idempotency key: equal for equal input, whatever the order of sets and mappings."""
        plain = orjson.dumps(command, default=_plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
        return self.digest("input", plain.decode())

    def access_token(self, order_id: str) -> str:
        """What opens one order to a guest: derived from its id, never stored."""
        return f"{split(order_id)[1]}.{self._token(order_id)}"

    def order_opened_by(self, token: str) -> str | None:
        """The id of the order a token opens; None where it opens none."""
        key, _, proof = token.partition(".")
        order_id = f"ord_{key}"
        return order_id if hmac.compare_digest(proof.encode(), self._token(order_id).encode()) else None

    def _token(self, order_id: str) -> str:
        digest = hmac.digest(self._digesting, f"order access:{order_id}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest[:_TOKEN_BYTES]).rstrip(b"=").decode()

    def payment_proof(self, payment_id: str) -> str:
        """What a link to a payment's page carries, so that only who was sent there opens it."""
        return self.digest("payment page", payment_id)[:32]

    def is_payment_proof(self, payment_id: str, proof: str) -> bool:
        return hmac.compare_digest(proof.encode(), self.payment_proof(payment_id).encode())

    def pickup_code(self, pickup_id: str) -> str:
        digest = hmac.digest(self._digesting, f"pickup:{pickup_id}".encode(), hashlib.sha256)
        return "".join(_READABLE[byte & 31] for byte in digest[:_PICKUP_CODE_CHARACTERS])

    def pickup_code_hash(self, code: str) -> str:
        return self.digest("pickup code", code.strip().upper())

    @property
    def fingerprint(self) -> str:
        """Tells one secret from another without telling it: a database opened with the wrong one says so at once."""
        return self.digest("fingerprint", "")[:16]


def _plain(value: Any) -> Any:
    """What JSON has no word for, always alike."""
    if isinstance(value, frozenset | set):
        return sorted(value, key=str)
    return dict(value) if isinstance(value, Mapping) else str(value)


__all__ = ["InvalidTag", "Vault"]
