"""What gateways, dispatchers and triggers ask of a gateway, on its internal listener.

Contract: ``core.relay`` and ``gateway.heartbeats``. Every request is signed with the key of the
internal hop; one that is not gets 401 and nothing else. The payload of a relayed event was checked
where it came in. Anything but the two routes is 404.
"""

import asyncio
import time
from collections.abc import Callable

from kubelambda.core.errors import ApiError
from kubelambda.core.function import Function
from kubelambda.core.invocation import SYNC_REQUEST_BYTES_MAX, Dropped, Outcome
from kubelambda.core.keys import SIGNATURE_HEADER, verify_request
from kubelambda.core.membership import MalformedHeartbeatError, decode_heartbeat, encode_heartbeat
from kubelambda.core.package_lookup import LOOKUP_BYTES_MAX, LOOKUP_PATH
from kubelambda.core.relay import (
    META_HEADER,
    OUTCOME_HEADER,
    RELAY_PATH,
    STREAM_OUTCOME,
    MalformedRelayError,
    RelayRequest,
    decode_request,
    encode_outcome,
    verify_relay,
)
from kubelambda.core.routing import Target
from kubelambda.gateway.heartbeats import HEARTBEAT_BYTES_MAX, HEARTBEAT_PATH, sign_reply
from kubelambda.gateway.invocation import Invocation
from kubelambda.gateway.ownership import Membership
from kubelambda.gateway.request import Request
from kubelambda.gateway.resolve import Resolver
from kubelambda.gateway.streaming import EventStream

CATCH_UP_S = 1.0
"""How long a relayed event waits for a view or a catalog that is behind its sender's."""
CATCH_UP_STEP_S = 0.02
_RELAY, _HEARTBEAT = RELAY_PATH.encode(), HEARTBEAT_PATH.encode()
_LOOKUP = LOOKUP_PATH.encode()
_SIGNATURE, _META = SIGNATURE_HEADER.encode(), META_HEADER.encode()
_MISDIRECTED = 421


def limit_internal_body(method: bytes, path: bytes, _: dict[bytes, bytes]) -> int:
    """How many bytes of body an internal request may have."""
    if method == b"POST" and path == _RELAY:
        return SYNC_REQUEST_BYTES_MAX
    if method == b"POST" and path == _LOOKUP:
        return LOOKUP_BYTES_MAX
    return HEARTBEAT_BYTES_MAX if method == b"POST" and path == _HEARTBEAT else 0


class InternalApi:
    """Serves the internal routes; an application of ``gateway.http``."""

    def __init__(
        self,
        key: bytes,
        *,
        membership: Membership,
        resolver: Resolver,
        submit: Callable[[Invocation], None],
    ) -> None:
        self._key = key
        self._membership = membership
        self._resolver = resolver
        self._submit = submit
        self._tasks: set[asyncio.Task[None]] = set()

    def serve(self, request: Request) -> None:
        """Answer ``request``, now or when its function has."""
        if request.method != b"POST" or request.path not in (_RELAY, _HEARTBEAT):
            request.keep_alive = False
            request.respond(404, [])
        elif request.over_limit:
            request.respond(413, [])
        elif request.path == _RELAY:
            self._serve_relay(request)
        else:
            self._serve_heartbeat(request)

    def _serve_heartbeat(self, request: Request) -> None:
        signature = request.headers.get(_SIGNATURE, b"").decode("latin-1")
        now_s = int(time.time())
        if not verify_request(self._key, signature, "POST", HEARTBEAT_PATH, request.body, now_s):
            request.respond(401, [])
            return
        try:
            heartbeat = decode_heartbeat(request.body)
        except MalformedHeartbeatError:
            request.respond(400, [])
            return
        reply = encode_heartbeat(self._membership.answer(heartbeat))
        headers = [(SIGNATURE_HEADER, sign_reply(self._key, signature, reply))]
        request.respond(200, headers, reply)

    def _serve_relay(self, request: Request) -> None:
        meta = request.headers.get(_META, b"").decode("latin-1")
        signature = request.headers.get(_SIGNATURE, b"").decode("latin-1")
        if not verify_relay(self._key, signature, meta, request.body, int(time.time())):
            request.respond(401, [])
            return
        try:
            relayed = decode_request(meta)
        except MalformedRelayError:
            request.respond(400, [])
            return
        function = self._resolve(relayed)
        if isinstance(function, ApiError) or relayed.epoch > self._membership.view.epoch:
            task = asyncio.create_task(self._catch_up(request, relayed))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._begin(request, relayed, function)

    async def _catch_up(self, request: Request, relayed: RelayRequest) -> None:
        """The sender may know of a view or a function that has not come to this gateway yet."""
        end = asyncio.get_running_loop().time() + CATCH_UP_S
        await self._membership.wait_for_epoch(relayed.epoch, CATCH_UP_S)
        function = self._resolve(relayed)
        while isinstance(function, ApiError) and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(CATCH_UP_STEP_S)
            function = self._resolve(relayed)
        if isinstance(function, ApiError):
            _refuse(request, function)
        else:
            self._begin(request, relayed, function)

    def _resolve(self, relayed: RelayRequest) -> Function | ApiError:
        target = Target(relayed.function_name, "", relayed.qualifier)
        return self._resolver.resolve_in(relayed.namespace, target)

    def _begin(self, request: Request, relayed: RelayRequest, function: Function) -> None:
        if request.gone:
            return
        invocation = Invocation(
            request_id=relayed.request_id,
            function=function,
            qualifier=relayed.qualifier,
            invoked_arn=function.arn(self._resolver.region, relayed.qualifier),
            payload=request.body,
            trace_id=relayed.trace_id,
            client_context=relayed.client_context,
            wants_tail=relayed.wants_tail,
            answer=lambda outcome: _answer(request, invocation, outcome),
            hops=relayed.hops,
            may_repeat=relayed.may_repeat,
            on_begun=request.announce,
        )
        if relayed.stream:
            invocation.stream = EventStream(request, [(OUTCOME_HEADER, STREAM_OUTCOME)])
        request.on_gone = invocation.leave
        self._submit(invocation)


def _answer(
    request: Request, invocation: Invocation, outcome: Outcome | ApiError | Dropped
) -> None:
    if isinstance(outcome, Dropped):
        request.drop()
    elif isinstance(outcome, ApiError):
        _refuse(request, outcome)
    elif invocation.stream is not None:
        invocation.stream.complete(outcome)
    else:
        _respond(request, outcome)


def _refuse(request: Request, error: ApiError) -> None:
    if error.status == _MISDIRECTED:
        request.respond(_MISDIRECTED, [])
    else:
        _respond(request, error)


def _respond(request: Request, outcome: Outcome | ApiError) -> None:
    header, body = encode_outcome(outcome)
    request.respond(200, [(OUTCOME_HEADER, header)], body)
