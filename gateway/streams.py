"""Answers that go on: subscriptions over HTTP, as server-sent events or as the parts of one long answer.

Sources: https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md (distinct connections mode) and Apollo's
multipart protocol for subscriptions, https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass

from starlette.types import Receive, Send

from gateway.connections import taken

# Proxies close what is silent for a minute; some for half of one.
HEARTBEAT_S = 12.0


@dataclass(frozen=True, slots=True)
class Framing:
    """How one answer is told from the next."""

    content_type: bytes
    before: bytes
    after: bytes
    heartbeat: bytes
    end: bytes


SERVER_SENT_EVENTS = Framing(
    content_type=b"text/event-stream; charset=utf-8",
    before=b"event: next\ndata: ",
    after=b"\n\n",
    heartbeat=b":\n\n",
    end=b"event: complete\ndata: \n\n",
)
_PART = b"\r\n--graphql\r\nContent-Type: application/json\r\n\r\n"
MULTIPART = Framing(
    content_type=b'multipart/mixed;boundary="graphql";subscriptionSpec=1.0',
    before=_PART + b'{"payload":',
    after=b"}",
    heartbeat=_PART + b"{}",
    end=b"\r\n--graphql--\r\n",
)

# By the media type a caller accepts.
FRAMINGS = {"text/event-stream": SERVER_SENT_EVENTS, "multipart/mixed": MULTIPART}


async def stream(answers: AsyncGenerator[bytes, None], framing: Framing, receive: Receive, send: Send) -> None:
    """Send each answer as it comes, until they end, the caller goes, or takes no more."""
    headers = [(b"content-type", framing.content_type), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    gone = asyncio.ensure_future(_gone(receive))
    coming = asyncio.ensure_future(anext(answers))
    async with aclosing(answers):
        try:
            while True:
                done, _ = await asyncio.wait({gone, coming}, timeout=HEARTBEAT_S, return_when=asyncio.FIRST_COMPLETED)
                if gone in done:
                    return
                if coming not in done:
                    if not await _sent(send, framing.heartbeat):
                        return
                    continue
                try:
                    body = coming.result()
                except StopAsyncIteration:
                    break
                if not await _sent(send, framing.before + body + framing.after):
                    return
                coming = asyncio.ensure_future(anext(answers))
            await send({"type": "http.response.body", "body": framing.end})
        finally:
            for task in (gone, coming):
                task.cancel()
            with suppress(asyncio.CancelledError, StopAsyncIteration):
                await coming


async def _sent(send: Send, body: bytes) -> bool:
    return await taken(send({"type": "http.response.body", "body": body, "more_body": True}))


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
