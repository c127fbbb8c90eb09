"""Relayed events and heartbeats: the requests of other gateways and dispatchers.

Contract: ``core.wire.relay`` and ``gateway.peers.heartbeats``. A request that is not signed
(``signed``) gets 401 and nothing else; an event of another namespace than that of the key which
signed it gets 403 (rule K2 of ``core.wire.key_ring``). Whether its caller may invoke was decided,
and its payload was checked, where it came in. Anything but the two routes is 404.

A function, version or alias that the catalog does not know is said to be deleted only if its
deletion was seen. A sender that may send its event again (asynchronous events) is told to do so,
since this gateway's watch may lag behind.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from kubelambda.core import errors
from kubelambda.core.coordination.membership import (
    DEAD_S,
    MalformedHeartbeatError,
    decode_heartbeat,
    encode_heartbeat,
)
from kubelambda.core.errors import ApiError
from kubelambda.core.model.function import Function
from kubelambda.core.model.invocation import SYNC_REQUEST_BYTES_MAX, Dropped, Outcome
from kubelambda.core.model.target import Target
from kubelambda.core.wire.keys import SIGNATURE_HEADER
from kubelambda.core.wire.package_lookup import LOOKUP_BYTES_MAX, LOOKUP_PATH
from kubelambda.core.wire.relay import (
    META_HEADER,
    RELAY_PATH,
    MalformedRelayError,
    RelayRequest,
    decode_request,
)
from kubelambda.core.wire.relay_outcome import OUTCOME_HEADER, STREAM_OUTCOMES
from kubelambda.gateway.http.request import Request
from kubelambda.gateway.invocation import Invocation
from kubelambda.gateway.invoke.relay_answer import RelayAnswer, fail, open_answer
from kubelambda.gateway.invoke.resolve import Resolver
from kubelambda.gateway.invoke.signed import find_scope, is_signed, read_signature
from kubelambda.gateway.invoke.streaming import AnswerInParts, EventStream
from kubelambda.gateway.peers.heartbeats import HEARTBEAT_BYTES_MAX, HEARTBEAT_PATH
from kubelambda.gateway.peers.membership import Membership
from kubelambda.gateway.peers.served_stream import ServedStream, StreamedAnswer
from kubelambda.process.signatures import Signatures
from kubelambda.process.supervisor import Supervisor

logger = logging.getLogger(__name__)

CATCH_UP_S = 1.0
"""How long a relayed event waits until this gateway's view or catalog is as new as its sender's."""
CATCH_UP_STEP_S = 0.02
_RELAY, _HEARTBEAT = RELAY_PATH.encode(), HEARTBEAT_PATH.encode()
_LOOKUP = LOOKUP_PATH.encode()
_META = META_HEADER.encode()
_NOT_FOUND = 404


def limit_internal_body(method: bytes, path: bytes, _: dict[bytes, bytes]) -> int:
    """How many bytes of body an internal request may have."""
    if method == b"POST" and path == _RELAY:
        return SYNC_REQUEST_BYTES_MAX
    if method == b"POST" and path == _LOOKUP:
        return LOOKUP_BYTES_MAX
    return HEARTBEAT_BYTES_MAX if method == b"POST" and path == _HEARTBEAT else 0


class InternalApi:
    """Serves the internal routes; an application of ``gateway.http.connection``."""

    def __init__(
        self,
        signatures: Signatures,
        *,
        membership: Membership,
        resolver: Resolver,
        submit: Callable[[Invocation], None],
        supervisor: Supervisor,
        catch_up_s: float = CATCH_UP_S,
    ) -> None:
        self._signatures = signatures
        self._membership = membership
        self._resolver = resolver
        self._submit = submit
        self._supervisor = supervisor
        self._catch_up_s = catch_up_s

    def serve(self, request: Request) -> None:
        """Answer ``request``, now or when its function has."""
        if request.method != b"POST" or request.path not in (_RELAY, _HEARTBEAT):
            request.keep_alive = False
            request.respond(404, [])
        elif request.over_limit is not None:
            request.respond(413, [])
        elif request.path == _RELAY:
            self._serve_relay(request)
        else:
            self._serve_heartbeat(request)

    def _serve_heartbeat(self, request: Request) -> None:
        if not is_signed(request, self._signatures, HEARTBEAT_PATH):
            request.respond(401, [])
            return
        try:
            heartbeat = decode_heartbeat(request.body)
        except MalformedHeartbeatError:
            request.respond(400, [])
            return
        reply = encode_heartbeat(self._membership.answer(heartbeat))
        signature = self._signatures.sign_reply(HEARTBEAT_PATH, read_signature(request), reply)
        request.respond(200, [(SIGNATURE_HEADER, signature)], reply)

    def _serve_relay(self, request: Request) -> None:
        meta = request.headers.get(_META, b"").decode("latin-1")
        scope = find_scope(request, self._signatures, RELAY_PATH, meta)
        if scope is None:
            request.respond(401, [])
            return
        try:
            relayed = decode_request(meta)
        except MalformedRelayError:
            request.respond(400, [])
            return
        if not scope.covers(relayed.namespace):
            request.respond(403, [])
            return
        event = _Event(request, request, relayed, request.body, open_answer(request, relayed))
        self._take_safely(event)

    def serve_stream(self, meta: RelayRequest, payload: bytes, stream: ServedStream) -> None:
        """Run an event that has come over a trunk."""
        in_parts: AnswerInParts = StreamedAnswer(stream)
        self._take_safely(_Event(stream, in_parts, meta, payload, stream))

    def _take_safely(self, event: "_Event") -> None:
        try:
            self._take(event)
        except Exception:
            logger.exception("request %s cannot be served", event.meta.request_id)
            fail(event.answer)

    def _take(self, event: "_Event") -> None:
        """Begin it now, or once the view or the function that its sender knows is known here."""
        function = self._resolve(event.meta)
        has_to_wait = self._is_behind(event.meta) or self._may_run_elsewhere(event.meta)
        if isinstance(function, Function) and not has_to_wait:
            self._begin(event, function)
            return
        name = f"waiting for the function of request {event.meta.request_id}"
        self._supervisor.spawn(name, self._catch_up(event), on_error=lambda _: fail(event.answer))

    async def _catch_up(self, event: "_Event") -> None:
        loop = asyncio.get_running_loop()
        if self._may_run_elsewhere(event.meta):
            await self._membership.wait_until_heard(DEAD_S)
        end = loop.time() + self._catch_up_s
        if self._is_behind(event.meta):
            await self._membership.wait_for_epoch(event.meta.epoch, self._catch_up_s)
        function = self._resolve(event.meta)
        while isinstance(function, ApiError) and not function.is_gone and loop.time() < end:
            await asyncio.sleep(CATCH_UP_STEP_S)
            function = self._resolve(event.meta)
        if isinstance(function, ApiError):
            event.answer.complete(self._refuse(event.meta, function))
        else:
            self._begin(event, function)

    def _is_behind(self, meta: RelayRequest) -> bool:
        """Whether the sender's view is newer, and of an epoch that a gateway can have made."""
        return meta.epoch > self._membership.view.epoch and self._membership.is_credible(meta.epoch)

    def _may_run_elsewhere(self, meta: RelayRequest) -> bool:
        """Whether its sender may have taken this gateway for dead and turned to another (M7)."""
        return not meta.may_repeat and self._membership.may_count_as_dead

    def _refuse(self, meta: RelayRequest, error: ApiError) -> ApiError:
        """What the sender is told if this gateway cannot find the function."""
        if error.status != _NOT_FOUND or error.is_gone or not meta.may_repeat:
            return error
        return errors.unavailable(f"not known at this gateway yet: {error.message}")

    def _resolve(self, meta: RelayRequest) -> Function | ApiError:
        target = Target(meta.function_name, "", meta.qualifier)
        return self._resolver.resolve_in(
            meta.namespace, target, meta.function_uid, meta.function_version
        )

    def _begin(self, event: "_Event", function: Function) -> None:
        meta = event.meta
        if event.source.gone:
            return
        invocation = Invocation(
            request_id=meta.request_id,
            function=function,
            qualifier=meta.qualifier,
            invoked_arn=function.arn(self._resolver.region, meta.qualifier),
            payload=event.payload,
            trace_id=meta.trace_id,
            client_context=meta.client_context,
            wants_tail=meta.wants_tail,
            answer=event.take_outcome,
            hops=meta.hops,
            may_repeat=meta.may_repeat,
            on_begun=event.answer.begin,
        )
        if meta.stream:
            headers = [(OUTCOME_HEADER, STREAM_OUTCOMES[meta.version])]
            event.stream = invocation.stream = EventStream(event.in_parts, headers)
        event.source.on_gone = invocation.leave
        self._submit(invocation)


class EventSource(Protocol):
    """Where a relayed event came from: a request, or a stream of a trunk."""

    on_gone: Callable[[], None] | None

    @property
    def gone(self) -> bool:
        """Whether nobody waits for the answer any more."""
        ...

    def drop(self) -> None:
        """Answer nothing, or nothing more."""
        ...


class _Event:
    """One relayed event and its answer. The payload is kept here: an answer that has begun lets
    the request's body go.
    """

    __slots__ = ("answer", "in_parts", "meta", "payload", "source", "stream")

    def __init__(
        self,
        source: EventSource,
        in_parts: AnswerInParts,
        meta: RelayRequest,
        payload: bytes,
        answer: RelayAnswer,
    ) -> None:
        self.source = source
        self.in_parts = in_parts
        self.meta = meta
        self.payload = payload
        self.answer = answer
        self.stream: EventStream | None = None
        """Set if the answer is an event stream."""

    def take_outcome(self, outcome: Outcome | ApiError | Dropped) -> None:
        """Answer; an answer that fails is logged, and whoever brings the outcome goes on."""
        try:
            if isinstance(outcome, Outcome) and self.stream is not None:
                self.stream.complete(outcome)
            else:
                self.answer.complete(outcome)
        except Exception:
            logger.exception("request %s cannot be answered", self.meta.request_id)
            self.source.drop()
