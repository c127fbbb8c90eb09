"""A watch over the door: one JSON object in each line, until its time is over."""

import asyncio
import contextlib
from collections.abc import Mapping

from kubelambda.gateway.http.request import Request
from kubelambda.local.door.answers import build_error, encode
from kubelambda.local.door.paths import Target
from kubelambda.objects.errors import ObjectsError
from kubelambda.objects.port import Objects, list_all

WATCH_S_MAX = 300.0
_HEADERS = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]


async def send_watch(
    objects: Objects, request: Request, target: Target, query: Mapping[str, str]
) -> None:
    """Answer with the changes after ``resourceVersion``; without one, with those from now on."""
    kind = target.kind.name
    since = query.get("resourceVersion") or "0"
    if since == "0":
        _, since = await list_all(objects, kind, target.namespace)
    ended = asyncio.Event()
    request.on_gone = ended.set
    request.begin(200, _HEADERS)
    sending = asyncio.create_task(_send(objects, request, target, since))
    sending.add_done_callback(lambda _: ended.set())
    try:
        async with asyncio.timeout(_read_seconds(query)):
            await ended.wait()
    except TimeoutError:
        pass
    finally:
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending
    request.end()


async def _send(objects: Objects, request: Request, target: Target, since: str) -> None:
    writable = asyncio.Event()
    request.on_writable = writable.set
    try:
        async for event in objects.watch(target.kind.name, target.namespace, since):
            writable.clear()
            line = encode({"type": event.type, "object": event.manifest})
            if not request.send(line) and not request.gone:
                await writable.wait()
    except ObjectsError as error:
        request.send(encode({"type": "ERROR", "object": build_error(error)[1]}))


def _read_seconds(query: Mapping[str, str]) -> float:
    text = query.get("timeoutSeconds", "")
    return min(float(text), WATCH_S_MAX) if text.isdigit() and len(text) < 9 else WATCH_S_MAX
