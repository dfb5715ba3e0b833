"""The payment providers that are set up: for now the built-in test provider, where it is allowed."""

from collections.abc import Callable
from urllib.parse import quote

from domain.money import Money
from domain.payments.ports import Authorization, Provider, ProviderUnavailable, Verdict

# What each test token makes the provider decline with, and whether trying again may help.
DECLINES = {"declined": ("do_not_honor", False), "insufficient-funds": ("insufficient_funds", True)}


class TestProvider:
    """Takes no money: its token says what happens. No network, so its answers are had inside a transaction.

    ok authorizes; declined and insufficient-funds decline; action-required sends the payer to a page of ours;
    timeout never answers and did nothing; error-after-success answers with a fault although it authorized.
    """

    __test__ = False  # Its name is no test's.
    code = "test"
    is_local = True

    def __init__(self, action_url: Callable[[str], str]) -> None:
        self._action_url = action_url
        self._unheard: dict[str, Authorization] = {}

    async def authorize(self, payment_id: str, amount: Money, token: str | None) -> Authorization:
        authorized = Authorization(Verdict.AUTHORIZED, f"test-{payment_id}")
        if token == "ok":
            return authorized
        if token in DECLINES:
            code, retryable = DECLINES[token]
            return Authorization(Verdict.DECLINED, payment_id, decline_code=code, retryable=retryable)
        if token == "action-required":
            url = self._action_url(payment_id)
            return Authorization(Verdict.ACTION_REQUIRED, payment_id, redirect_url=url)
        if token == "error-after-success":
            self._unheard[payment_id] = authorized
            raise ProviderUnavailable("The answer was lost.")
        if token == "timeout":
            raise ProviderUnavailable("No answer in time.")
        return Authorization(Verdict.DECLINED, payment_id, decline_code="invalid_token")

    async def look_up(self, payment_id: str) -> Authorization | None:
        return self._unheard.pop(payment_id, None)

    async def capture(self, payment_id: str, amount: Money, request_id: str) -> str:
        return f"test-capture-{request_id}"

    async def void(self, payment_id: str, amount: Money, request_id: str) -> str:
        return f"test-void-{request_id}"

    async def refund(self, payment_id: str, amount: Money, request_id: str) -> str:
        return f"test-refund-{request_id}"


class ConfiguredProviders:
    """By code; the first one is for everyday use."""

    def __init__(self, *providers: Provider) -> None:
        self._by_code = {provider.code: provider for provider in providers}

    def named(self, code: str | None) -> Provider | None:
        return self._by_code.get(code) if code else next(iter(self._by_code.values()), None)


def test_action_url(public_url: str, proof: Callable[[str], str]) -> Callable[[str], str]:
    """Where the test provider sends a payer: a page of ours, with a proof that the link is ours."""
    return lambda payment_id: f"{public_url}/test-payments/{quote(payment_id)}?proof={proof(payment_id)}"
