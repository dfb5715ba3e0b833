"""What an operator may set, read from the environment; docs/configuration.md says it in prose."""

import difflib
import ipaddress
import os
import secrets
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from limits import parse_many
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from persistence.database import async_url

PREFIX = "ORDERLOOM_"
SECRET_KEY_LENGTH_MIN = 32  # Characters; even of hexadecimal digits that is 128 bits.
SECRET_FILE = "secret"
DATABASE_FILE = "orderloom.sqlite"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# Lists are written with commas, as people write them; pydantic-settings would ask for JSON.
Listed = NoDecode


class SettingsError(Exception):
    """A setting is wrong; the text says which, and what would be right."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How big one operation may be."""

    depth: int
    tokens: int
    aliases: int
    root_fields: int
    cost: int


class LogFormat(Enum):
    CONSOLE = "console"
    JSON = "json"


class LogLevel(Enum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Settings(BaseSettings):
    """Every setting, with its default. Each is named ORDERLOOM_ and the field's name in capitals."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, hide_input_in_errors=True)

    # Where things are kept.
    data_dir: Path = Path("var")
    database_url: str = ""
    redis_url: str | None = None
    secret_key: SecretStr | None = None

    # Who signs in.
    jwks_url: str | None = None
    jwt_issuer: str | None = None
    jwt_audience: str | None = None

    # How it is reached.
    public_url: str | None = None
    cors_origins: Annotated[tuple[str, ...], Listed] = ()
    trusted_proxies: Annotated[tuple[Network, ...], Listed] = ()

    # What is shown.
    graphiql: bool = True
    introspection: bool = True
    metrics: bool = True
    log_format: LogFormat = LogFormat.CONSOLE
    log_level: LogLevel = LogLevel.INFO

    # What one operation may be: deep enough for a Relay client's nested connections.
    depth_max: int = Field(15, ge=1)
    tokens_max: int = Field(2_000, ge=10)
    aliases_max: int = Field(50, ge=0)
    root_fields_max: int = Field(30, ge=1)
    # Fields answered, lists multiplied out: at some 5 µs a field about half a second of one core.
    cost_max: int = Field(100_000, ge=1)
    # What it may be where nobody says who asks: a shop's pages (fifty products with variants, prices and what each
    # place has come to 26,000), and GraphiQL's look at the schema (21,000, more with every type).
    anonymous_depth_max: int = Field(12, ge=1)
    anonymous_aliases_max: int = Field(20, ge=0)
    anonymous_root_fields_max: int = Field(15, ge=1)
    anonymous_cost_max: int = Field(40_000, ge=1)
    # An import of 250 products with four languages and ten variants each fits.
    body_bytes_max: int = Field(4 * 1024 * 1024, ge=1024)
    variable_values_max: int = Field(100_000, ge=1)

    # The documents that are known from the start, and whether any other is answered.
    trusted_documents: Path | None = None
    trusted_only: bool = False

    # Whether documents seen before are executed by plans; off, graphql-core executes everything, with the same answers.
    compiled: bool = True

    # How much one caller may do. A shop's own server places many people's orders from one address.
    request_rate: str = "600/second"
    guesses_per_caller: str = "30/minute"
    guesses_per_address: str = "60/minute"

    # Live connections.
    sockets_max: int = Field(10_000, ge=1)
    sockets_per_address_max: int = Field(2_500, ge=1)
    subscriptions_per_socket_max: int = Field(100, ge=1)
    socket_message_bytes_max: int = Field(256 * 1024, ge=1024)
    socket_init_seconds: float = Field(10, gt=0)

    # For trying things out.
    test_payments: bool = False

    @field_validator("cors_origins", "trusted_proxies", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("log_format", "log_level", mode="before")
    @classmethod
    def _lowered(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value and len(value.get_secret_value()) < SECRET_KEY_LENGTH_MIN:
            raise ValueError(
                f"at least {SECRET_KEY_LENGTH_MIN} characters are needed, e.g. of `openssl rand -base64 48`"
            )
        return value

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: str | None) -> str | None:
        return _with_scheme(value, "redis", "rediss", "unix")

    @field_validator("jwks_url", "public_url")
    @classmethod
    def _is_web(cls, value: str | None) -> str | None:
        return _with_scheme(value, "https", "http")

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            parts = urlsplit(origin)
            if origin != "*" and (parts.scheme not in {"http", "https"} or not parts.netloc or parts.path):
                raise ValueError("origins are written https://shop.example, separated by commas; or * for any")
        return value

    @field_validator("request_rate", "guesses_per_caller", "guesses_per_address")
    @classmethod
    def _is_rate(cls, value: str) -> str:
        try:
            parse_many(value)
        except ValueError:
            raise ValueError("a rate is written like 30/minute, or 30/minute; 200/hour") from None
        return value

    @model_validator(mode="after")
    def _belongs_together(self) -> "Settings":
        if self.jwks_url and not (self.jwt_issuer and self.jwt_audience):
            raise ValueError("ORDERLOOM_JWKS_URL needs ORDERLOOM_JWT_ISSUER and ORDERLOOM_JWT_AUDIENCE beside it")
        if self.trusted_only and not self.trusted_documents:
            raise ValueError("ORDERLOOM_TRUSTED_ONLY needs ORDERLOOM_TRUSTED_DOCUMENTS, the manifest of them")
        if not self.database_url:
            # Set on the instance itself, because a default cannot depend on another setting.
            object.__setattr__(self, "database_url", f"sqlite:///{self.data_dir / DATABASE_FILE}")
        try:
            async_url(self.database_url)
        except Exception:  # noqa: BLE001  (whatever is wrong with it, its text may hold a password and is not repeated)
            raise ValueError(
                "ORDERLOOM_DATABASE_URL: write postgresql://user:password@host:5432/name or sqlite:///path/to/file"
            ) from None
        return self

    @property
    def is_sqlite(self) -> bool:
        return async_url(self.database_url).get_backend_name() == "sqlite"

    @cached_property
    def bounds(self) -> Bounds:
        return Bounds(self.depth_max, self.tokens_max, self.aliases_max, self.root_fields_max, self.cost_max)

    @cached_property
    def anonymous_bounds(self) -> Bounds:
        """Never looser than those of everyone."""
        return Bounds(
            min(self.anonymous_depth_max, self.depth_max),
            self.tokens_max,  # What is read is kept for all.
            min(self.anonymous_aliases_max, self.aliases_max),
            min(self.anonymous_root_fields_max, self.root_fields_max),
            min(self.anonymous_cost_max, self.cost_max),
        )

    @property
    def secret(self) -> str:
        assert self.secret_key, "The secret is settled before anything is opened."
        return self.secret_key.get_secret_value()


def read_settings(**given: Any) -> Settings:
    """The settings of the environment, with those given in their place. Raises SettingsError."""
    try:
        return Settings(**given)
    except ValidationError as error:
        # Of what a setting might have been, the first is said.
        wrong = {each["loc"][:1]: _sentence(each) for each in reversed(error.errors(include_input=False))}
        raise SettingsError("\n".join(wrong.values())) from None


def with_secret(settings: Settings) -> Settings:
    """The settings with a secret: their own, else the one kept in the data folder, made where there is none.

    Only for what is bound to this machine alone: what others reach is given its secret by its operator.
    """
    if settings.secret_key:
        return settings
    return settings.model_copy(update={"secret_key": SecretStr(_kept_secret(settings.data_dir / SECRET_FILE))})


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server bound to `host`."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def unknown_settings() -> list[str]:
    """A sentence for each ORDERLOOM_ variable of the environment that is no setting, most likely mistyped."""
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    sentences = []
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else "."
            sentences.append(f"{name} is not a setting and is ignored{hint}")
    return sentences


def _sentence(error: Any) -> str:
    text = str(error["msg"]).removeprefix("Value error, ").rstrip(".")
    if not error["loc"]:
        return f"{text}."
    return f"{PREFIX}{str(error['loc'][0]).upper()}: {text[:1].lower()}{text[1:]}."


def _with_scheme(url: str | None, *schemes: str) -> str | None:
    if url and (urlsplit(url).scheme not in schemes or not (urlsplit(url).netloc or urlsplit(url).path)):
        raise ValueError(f"a URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)} is expected")
    return url


def _kept_secret(file: Path) -> str:
    """Written whole or not at all, so that two processes started together keep the same one."""
    if not file.exists():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            draft = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
                handle.write(secrets.token_urlsafe(48))
            try:
                file.hardlink_to(draft)
            except FileExistsError:
                pass  # Another process was first.
            finally:
                draft.unlink()
        except OSError as error:
            raise SettingsError(
                f"A secret key cannot be kept in {file}: {error.strerror}. Set {PREFIX}SECRET_KEY."
            ) from error
    try:
        secret = file.read_text().strip()
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}. Set {PREFIX}SECRET_KEY.") from error
    if len(secret) < SECRET_KEY_LENGTH_MIN:
        raise SettingsError(f"{file} holds no secret key: {SECRET_KEY_LENGTH_MIN} characters or more are needed.")
    return secret
