"""The Invoke operations: from an HTTP request to an invocation, or to an event in the queue.

Contract: refuses whatever can be refused before anything runs; once an event has been handed to an
environment the answer is a 200 (``invoke_answer``). An asynchronous event is accepted when it is
durable. A caller who may not invoke is told so before anything but the function's name is checked:
neither whether the function exists nor what else is wrong with the request (rule A12). Source:
spec/lambda.md, sections 2.1, 2.2, 2.4 and 8.2.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

from kubelambda.core import errors
from kubelambda.core.access.authorizer import ALLOWED, INVOKE_FUNCTION, Authorizer
from kubelambda.core.access.principal import Principal
from kubelambda.core.asynchronous.queue import QueuedEvent, QueueUnavailableError
from kubelambda.core.errors import ApiError
from kubelambda.core.model.target import parse_target
from kubelambda.core.payload import json_check
from kubelambda.core.ports import EventSink
from kubelambda.gateway.http.request import Request
from kubelambda.gateway.invocation import Invocation
from kubelambda.gateway.invoke.ids import IdSource
from kubelambda.gateway.invoke.invoke_answer import Caller, InvokeAnswers, open_stream
from kubelambda.gateway.invoke.operations import Operation, find_operation
from kubelambda.gateway.invoke.request_values import (
    read_client_context,
    read_invocation_type,
    read_qualifier,
    read_trace_id,
    wants_log_tail,
)
from kubelambda.gateway.invoke.resolve import Resolver
from kubelambda.process.supervisor import Supervisor

logger = logging.getLogger(__name__)


class InvokeApi:
    """Serves Invoke for every function of the catalog, to callers whom ``authorizer`` allows it."""

    def __init__(
        self,
        resolver: Resolver,
        *,
        authorizer: Authorizer,
        submit: Callable[[Invocation], None],
        count: Callable[[str], None],
        events: EventSink | None,
        supervisor: Supervisor,
    ) -> None:
        self._resolver = resolver
        self._region = resolver.region
        self._authorizer = authorizer
        self._submit = submit
        self._answers = InvokeAnswers(count)
        self._events = events
        self._supervisor = supervisor
        self._ids = IdSource()

    def serve(self, request: Request, principal: Principal) -> None:
        """Answer ``request`` of ``principal``, now or when its function has."""
        request_id = request.request_id = self._ids.make_request_id()
        operation = find_operation(request.method, request.path)
        if operation is None:
            self._answers.refuse(request, errors.unknown_operation())
        else:
            self._invoke(request, principal, operation, request_id)

    def _invoke(
        self, request: Request, principal: Principal, operation: Operation, request_id: str
    ) -> None:
        prepared = self._prepare(request, principal, operation, request_id)
        if isinstance(prepared, ApiError):
            self._answers.refuse(request, prepared)
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
            self._answers.refuse(request, errors.invalid_json(str(error)))
        else:
            self._begin(request, invocation)

    async def _check_in_slices(self, request: Request, invocation: Invocation) -> None:
        try:
            for _ in json_check.iter_check(invocation.payload):
                await asyncio.sleep(0)
        except json_check.NotJsonError as error:
            self._answers.refuse(request, errors.invalid_json(str(error)))
        else:
            self._begin(request, invocation)

    def _begin(self, request: Request, invocation: Invocation) -> None:
        if request.gone:
            return
        if invocation.kind == "DryRun":
            self._answers.confirm(request, invocation.request_id)
        elif invocation.kind == "Event":
            self._accept(request, invocation)
        else:
            request.on_gone = invocation.leave
            self._submit(invocation)

    def _accept(self, request: Request, invocation: Invocation) -> None:
        if self._events is None:
            message = "asynchronous invocation (Event) needs a queue; none is configured here"
            self._answers.refuse(request, errors.not_built(message))
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
            function_uid=invocation.function.owner_uid,
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
            self._answers.refuse(request, refusal)
        else:
            self._answers.accept(request, invocation.request_id)

    def _serve_later(self, request: Request, what: str, work: Coroutine[Any, Any, None]) -> None:
        name = f"{what} for request {request.request_id}"
        self._supervisor.spawn(name, work, on_error=lambda _: self._answers.fail(request))

    def _prepare(
        self, request: Request, principal: Principal, operation: Operation, request_id: str
    ) -> Invocation | ApiError:
        target = parse_target(operation.segment, read_qualifier(request), self._region)
        if isinstance(target, ApiError):
            return target
        resource = self._resolver.locate(target)
        decision = self._authorizer.authorize(principal, INVOKE_FUNCTION, resource)
        if decision is ALLOWED and request.over_limit is not None:
            decision = errors.request_too_large(request.over_limit)
        if decision is not ALLOWED:
            return decision
        kind = read_invocation_type(request, operation)
        if isinstance(kind, ApiError):
            return kind
        function = self._resolver.resolve_in(resource.namespace, target)
        if isinstance(function, ApiError):
            return function
        context = read_client_context(request)
        if isinstance(context, ApiError):
            return context
        caller = Caller(self._answers, request)
        invocation = caller.invocation = Invocation(
            request_id=request_id,
            function=function,
            qualifier=target.qualifier,
            invoked_arn=function.arn(self._region, target.qualifier),
            payload=request.body or b"{}",
            trace_id=read_trace_id(request) or self._ids.make_trace_id(),
            client_context=context,
            wants_tail=wants_log_tail(request),
            answer=caller.answer,
            kind=kind,
        )
        if operation.name == "InvokeWithResponseStream":
            invocation.stream = open_stream(request, invocation)
        return invocation
