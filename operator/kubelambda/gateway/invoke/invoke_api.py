"""The Invoke operations: from an HTTP request to an invocation, from its outcome to the answer.

Contract: refuses whatever can be refused before anything runs; once an event has been handed to an
environment the answer is a 200. Source: spec/lambda.md, sections 2.1, 2.2, 2.4 to 2.6.
"""

import asyncio
import base64
import binascii
import logging
import re
import secrets
import time
import uuid
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import parse_qs

from kubelambda.core import errors
from kubelambda.core.asynchronous.queue import QueuedEvent, QueueUnavailableError
from kubelambda.core.coordination.routing import parse_target
from kubelambda.core.errors import ApiError
from kubelambda.core.model.function import LATEST
from kubelambda.core.model.invocation import Dropped, Outcome
from kubelambda.core.payload import json_check
from kubelambda.core.ports import EventSink
from kubelambda.core.wire.event_stream import CONTENT_TYPE
from kubelambda.gateway.http.request import Request
from kubelambda.gateway.invocation import Invocation
from kubelambda.gateway.invoke.failure import answer_error
from kubelambda.gateway.invoke.operations import Operation, find_operation
from kubelambda.gateway.invoke.resolve import Resolver
from kubelambda.gateway.invoke.streaming import EventStream
from kubelambda.process.supervisor import Supervisor

logger = logging.getLogger(__name__)

CLIENT_CONTEXT_BYTES_MAX = 3_583
INVOCATION_TYPES = {
    "Invoke": ("RequestResponse", "Event", "DryRun"),
    "InvokeWithResponseStream": ("RequestResponse", "DryRun"),
    "InvokeAsync": ("Event",),
}
_TRACE_ID = re.compile(r"[A-Za-z0-9=;:._\-]{1,512}")
_JSON = ("Content-Type", "application/json")


class InvokeApi:
    """Serves Invoke for every function of the catalog; an application of ``gateway.http``."""

    def __init__(
        self,
        resolver: Resolver,
        *,
        anonymous: bool,
        submit: Callable[[Invocation], None],
        count: Callable[[str], None],
        events: EventSink | None,
        supervisor: Supervisor,
    ) -> None:
        self._resolver = resolver
        self._region = resolver.region
        self._anonymous = anonymous
        self._submit = submit
        self._count = count
        self._events = events
        self._supervisor = supervisor

    def serve(self, request: Request) -> None:
        """Answer ``request``, now or when its function has."""
        request_id = request.request_id = str(uuid.uuid4())
        operation = find_operation(request.method, request.path)
        if operation is None:
            self._refuse(request, errors.unknown_operation())
        elif request.over_limit is not None:
            self._refuse(request, errors.request_too_large(request.over_limit))
        elif not self._anonymous:
            denied = ApiError(403, "AccessDeniedException", "Anonymous invocation is off")
            self._refuse(request, denied)
        else:
            self._invoke(request, operation, request_id)

    def _invoke(self, request: Request, operation: Operation, request_id: str) -> None:
        prepared = self._prepare(request, operation, request_id)
        if isinstance(prepared, ApiError):
            self._refuse(request, prepared)
        elif len(prepared.payload) <= json_check.SMALL_BYTES:
            self._check_now(request, prepared)
        else:
            self._serve_later(
                request, "checking a payload", self._check_in_slices(request, prepared)
            )

    def _check_now(self, request: Request, invocation: Invocation) -> None:
        try:
            json_check.check_small(invocation.payload)
        except json_check.NotJsonError as error:
            self._refuse(request, errors.invalid_json(str(error)))
        else:
            self._begin(request, invocation)

    async def _check_in_slices(self, request: Request, invocation: Invocation) -> None:
        try:
            for _ in json_check.iter_check(invocation.payload):
                await asyncio.sleep(0)
        except json_check.NotJsonError as error:
            self._refuse(request, errors.invalid_json(str(error)))
        else:
            self._begin(request, invocation)

    def _begin(self, request: Request, invocation: Invocation) -> None:
        if request.gone:
            return
        if invocation.kind == "DryRun":
            request.respond(204, [("x-amzn-RequestId", invocation.request_id)])
            self._count("dry_run")
        elif invocation.kind == "Event":
            self._accept(request, invocation)
        else:
            request.on_gone = invocation.leave
            self._submit(invocation)

    def _accept(self, request: Request, invocation: Invocation) -> None:
        if self._events is None:
            message = "asynchronous invocation (Event) needs a queue; none is configured here"
            self._refuse(request, errors.not_built(message))
            return
        # A client that goes away meanwhile changes nothing: what is accepted is run.
        work = self._publish(request, invocation, self._events)
        self._serve_later(request, "accepting an event", work)

    async def _publish(self, request: Request, invocation: Invocation, events: EventSink) -> None:
        """202 only when the event is durable (P2); no answer says more than that."""
        event = QueuedEvent(
            request_id=invocation.request_id,
            namespace=invocation.function.ref.namespace,
            function_name=invocation.function.function_name,
            function_uid=invocation.function.uid,
            payload=invocation.payload,
            accepted_at=time.time(),
            qualifier=invocation.qualifier,
            trace_id=invocation.trace_id,
        )
        try:
            await events.publish(event)
        except QueueUnavailableError as error:
            logger.warning("an asynchronous event was refused: %s", error)
            refusal = errors.unavailable("the queue of asynchronous events is not available")
            self._refuse(request, refusal)
        else:
            request.respond(202, [("x-amzn-RequestId", invocation.request_id)])
            self._count("accepted")

    def _serve_later(self, request: Request, what: str, work: Coroutine[Any, Any, None]) -> None:
        name = f"{what} for request {request.request_id}"
        self._supervisor.spawn(name, work, on_error=lambda _: self.fail(request))

    def fail(self, request: Request) -> None:
        """Answer a request that could not be served for a reason that nobody foresaw."""
        self._refuse(request, errors.internal())

    def _prepare(
        self, request: Request, operation: Operation, request_id: str
    ) -> Invocation | ApiError:
        kind = _read_kind(request, operation)
        if isinstance(kind, ApiError):
            return kind
        target = parse_target(
            operation.segment, _query_value(request.query, "Qualifier"), self._region
        )
        if isinstance(target, ApiError):
            return target
        function = self._resolver.resolve(target)
        if isinstance(function, ApiError):
            return function
        context = decode_client_context(_header(request, b"x-amz-client-context"))
        if isinstance(context, ApiError):
            return context
        invocation = Invocation(
            request_id=request_id,
            function=function,
            qualifier=target.qualifier,
            invoked_arn=function.arn(self._region, target.qualifier),
            payload=request.body or b"{}",
            trace_id=_header(request, b"x-amzn-trace-id", _TRACE_ID) or make_trace_id(),
            client_context=context,
            wants_tail=_header(request, b"x-amz-log-type") == "Tail",
            answer=lambda outcome: self._answer(request, invocation, outcome),
            kind=kind,
        )
        if operation.name == "InvokeWithResponseStream":
            content_type = ("Content-Type", CONTENT_TYPE)
            invocation.stream = EventStream(request, [content_type, *_describe(invocation)])
        return invocation

    def _answer(
        self, request: Request, invocation: Invocation, outcome: Outcome | ApiError | Dropped
    ) -> None:
        """Whoever brings the outcome goes on, whatever becomes of the answer."""
        try:
            self._write_answer(request, invocation, outcome)
        except Exception:
            logger.exception("request %s cannot be answered", request.request_id)
            self.fail(request)

    def _write_answer(
        self, request: Request, invocation: Invocation, outcome: Outcome | ApiError | Dropped
    ) -> None:
        if isinstance(outcome, Dropped):
            request.drop()
            self._count("dropped")
            return
        if isinstance(outcome, ApiError):
            self._refuse(request, outcome)
            return
        if invocation.stream is not None:
            invocation.stream.complete(outcome)
        else:
            headers = [_JSON, *_describe(invocation)]
            if outcome.function_error:
                headers.append(("X-Amz-Function-Error", "Unhandled"))
            if outcome.tail and invocation.wants_tail:
                headers.append(("X-Amz-Log-Result", outcome.tail))
            request.respond(200, headers, outcome.payload)
        self._count("function_error" if outcome.function_error else "success")

    def _refuse(self, request: Request, error: ApiError) -> None:
        answer_error(request, error)
        self._count("throttle" if error.status == 429 else f"error_{error.status}")


def _describe(invocation: Invocation) -> list[tuple[str, str]]:
    return [
        ("x-amzn-RequestId", invocation.request_id),
        ("X-Amzn-Trace-Id", invocation.trace_id),
        ("X-Amz-Executed-Version", LATEST),
    ]


def _read_kind(request: Request, operation: Operation) -> str | ApiError:
    allowed = INVOCATION_TYPES[operation.name]
    kind = _header(request, b"x-amz-invocation-type") or allowed[0]
    if operation.name == "InvokeAsync" or kind in allowed:
        return allowed[0] if operation.name == "InvokeAsync" else kind
    return errors.invalid_parameter(
        f"1 validation error detected: Value '{kind}' at 'invocationType' failed to "
        "satisfy constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]"
    )


def decode_client_context(header: str) -> str | ApiError:
    """The JSON text that the base64 of X-Amz-Client-Context stands for."""
    if not header:
        return ""
    if len(header) > CLIENT_CONTEXT_BYTES_MAX:
        return errors.invalid_parameter("Client context must be at most 3583 bytes of base64")
    try:
        payload = base64.b64decode(header, validate=True)
        json_check.check_small(payload)
    except (binascii.Error, json_check.NotJsonError):
        return ApiError(
            400,
            "InvalidRequestContentException",
            "Client context must be a valid Base64-encoded JSON object.",
        )
    return payload.decode()


def make_trace_id() -> str:
    """A trace header as the platform makes one where the caller sent none."""
    root = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    return f"Root={root};Parent={secrets.token_hex(8)};Sampled=0"


def _header(request: Request, name: bytes, pattern: re.Pattern[str] | None = None) -> str:
    value = request.headers.get(name, b"").decode("latin-1")
    return value if pattern is None or pattern.fullmatch(value) else ""


def _query_value(query: bytes, name: str) -> str:
    if not query:
        return ""
    return parse_qs(query.decode("latin-1")).get(name, [""])[0]
