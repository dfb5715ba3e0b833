"""The step a payer takes with the test provider: the page that stands in for a bank's 3-D Secure page."""

from html import escape
from pathlib import Path
from string import Template

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from domain.errors import Refused
from domain.orders.service import settle_action
from domain.payments.model import Payment, PaymentStatus
from gateway.console import CONTENT_SECURITY_POLICY, NO_REFERRER
from gateway.http import Gateway
from persistence.unit_of_work import SqlWorld

PAGE = Template((Path(__file__).parent / "console" / "test-payment.html").read_text())
ANSWER_BYTES_MAX = 100  # One button's name and value.
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY.replace("form-action 'none'", "form-action 'self'"),
    "Cache-Control": "no-store",
    **NO_REFERRER,
}
FORM = (
    '<form method="post"><p>'
    '<button name="answer" value="approve">Approve</button> <button name="answer" value="decline">Decline</button>'
    "</p></form>"
)


class PayerPage:
    """GET shows what is to be approved, POST takes the answer; a link that is not ours finds nothing."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def __call__(self, request: Request) -> Response:
        world = self._gateway.world
        assert isinstance(world, SqlWorld)
        payment = await _asked_payment(world, request)
        if payment is None:
            return _page("There is no such payment", "The link is incomplete, or was never one of ours.", status=404)
        if request.method == "GET" and payment.status is PaymentStatus.ACTION_REQUIRED:
            text = f"The test provider asks you to approve {payment.amount}. No money moves."
            return _page("Approve the payment?", text, form=FORM)
        if request.method == "GET":
            return _settled(payment)
        is_approved = await _answer(request) == b"answer=approve"
        try:
            async with world.work() as work:
                reference = f"test-{payment.id}"
                await settle_action(
                    work, payment.id, order_id=payment.order_id, reference=reference, approved=is_approved
                )
        except Refused:
            return _settled(payment)
        settled = (await world.reads.payments.by_id([payment.id]))[payment.id]
        return _settled(settled)


async def _answer(request: Request) -> bytes:
    """What the form says; of anything longer only its beginning."""
    said = b""
    async for part in request.stream():
        said = (said + part)[:ANSWER_BYTES_MAX]
    return said


async def _asked_payment(world: SqlWorld, request: Request) -> Payment | None:
    payment_id = request.path_params["payment_id"]
    if not world.digests.is_payment_proof(payment_id, request.query_params.get("proof", "")):
        return None
    if world.providers.named("test") is None:
        return None
    return (await world.reads.payments.by_id([payment_id])).get(payment_id)


def _settled(payment: Payment) -> Response:
    if payment.status in {PaymentStatus.FAILED, PaymentStatus.VOIDED, PaymentStatus.PENDING}:
        return _page(
            "The payment was declined", "The order was canceled, and nothing is owed. You may close this page."
        )
    return _page("The payment is approved", "The order goes on. You may close this page.")


def _page(title: str, text: str, *, form: str = "", status: int = 200) -> Response:
    body = PAGE.substitute(title=escape(title), text=escape(text), form=form)
    return HTMLResponse(body, status, headers=HEADERS)
