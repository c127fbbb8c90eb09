"""Published versions and aliases at two gateways, with real agents."""

import asyncio
import base64
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from integration.conftest import MASTER
from integration.faults.wire import wait_until
from integration.gateways import Gateways, count_outcomes
from kubelambda.core.asynchronous.queue import QueuedEvent
from kubelambda.core.errors import ApiError
from kubelambda.core.model.alias import Alias
from kubelambda.core.model.code import InlineFiles
from kubelambda.core.model.function import Function, FunctionRef
from kubelambda.core.model.invocation import Outcome
from kubelambda.dispatch.relay import RelayInvoker
from kubelambda.process.signatures import Signatures

SAY = """
import os, time
def handler(event, context):
    event = event or {{}}
    if "begun" in event:
        open(event["begun"], "w").close()
    time.sleep(event.get("seconds", 0))
    return {{
        "code": {code!r},
        "version": os.environ["AWS_LAMBDA_FUNCTION_VERSION"],
        "context": context.function_version,
        "arn": context.invoked_function_arn,
        "pid": os.getpid(),
    }}
"""
ARN = "arn:aws:lambda:us-east-1:123456789012:function:hello"
TAIL = {"X-Amz-Log-Type": "Tail"}


class Published:
    """A function of two gateways that is published and given aliases."""

    def __init__(self, gateways: Gateways) -> None:
        self.gateways = gateways
        self.function = self.change(code="now")

    def change(self, code: str = "now", **fields: Any) -> Function:
        self.function = self.gateways.put("hello", SAY.format(code=code), **fields)
        return self.function

    def publish(self, number: int, code: str = "", **fields: Any) -> Function:
        source = SAY.format(code=code or f"v{number}")
        version = replace(
            self.function,
            ref=FunctionRef("default", f"hello.{number}"),
            uid=f"uid-of-version-{number}",
            version=str(number),
            function_uid=self.function.uid,
            code=InlineFiles({"app.py": source}),
            **fields,
        )
        self.gateways.index.put(version)
        return version

    def point(self, version: str, name: str = "live", **weights: float) -> None:
        shares = tuple((number.removeprefix("v"), share) for number, share in weights.items())
        ref = FunctionRef("default", f"hello.{name}")
        alias = Alias(ref, name, "", "hello", name, version, shares)
        self.gateways.index.put_alias(alias)

    async def ask(self, gateway: str, qualifier: str, event: Any = None) -> dict[str, Any]:
        """The answer, and in ``header`` the executed version."""
        payload = json.dumps(event).encode()
        status, headers, body = await self.gateways.send(gateway, f"hello:{qualifier}", payload)
        assert status == 200, body
        return {**json.loads(body), "header": headers["X-Amz-Executed-Version"]}


@pytest.fixture
async def published(tmp_path: Path) -> AsyncIterator[Published]:
    group = Gateways(tmp_path / "state")
    for number in range(2):
        await group.add(f"gateway-{number}")
    yield Published(group)
    await group.close()


async def test_a_version_runs_what_was_published_by_whichever_gateway_it_is_asked_of(
    published: Published,
) -> None:
    """In header, environment, context and START line; $LATEST has moved on (spec 7.2, 7.3)."""
    published.publish(1)
    pids = set()
    for gateway in published.gateways.running:
        answer = await published.ask(gateway, "1")
        pids.add(answer.pop("pid"))
        assert answer == {
            "code": "v1",
            "version": "1",
            "context": "1",
            "arn": f"{ARN}:1",
            "header": "1",
        }
        status, headers, _ = await published.gateways.send(gateway, "hello:1", b"{}", TAIL)
        tail = base64.b64decode(headers["X-Amz-Log-Result"]).decode()
        assert "Version: 1\n" in tail, status
        latest = await published.ask(gateway, "$LATEST")
        assert [latest[key] for key in ("code", "version", "header")] == ["now"] + ["$LATEST"] * 2
        assert latest["pid"] not in pids
    assert len(pids) == 1, "its environments are all at the gateway that owns the function"


async def test_two_aliases_share_environments_and_each_sees_its_own_arn(
    published: Published,
) -> None:
    published.publish(1)
    for name in ("live", "test"):
        published.point("1", name)
    pids = set()
    for gateway in published.gateways.running:
        for name in ("live", "test"):
            answer = await published.ask(gateway, name)
            pids.add(answer["pid"])
            assert (answer["arn"], answer["header"]) == (f"{ARN}:{name}", "1")
    assert len(pids) == 1
    published.point("$LATEST", "edge")
    answer = await published.ask("gateway-0", "edge")
    assert (answer["code"], answer["arn"], answer["header"]) == ("now", f"{ARN}:edge", "$LATEST")


async def test_moving_an_alias_fails_no_request(published: Published) -> None:
    """Every request that begins after the update goes to the new version, at both gateways."""
    published.publish(1)
    published.publish(2)
    published.point("1")
    ended = asyncio.Event()
    seen: list[str] = []

    async def keep_asking(gateway: str) -> None:
        while not ended.is_set():
            seen.append((await published.ask(gateway, "live"))["header"])

    askers = [asyncio.create_task(keep_asking(name)) for name in published.gateways.running]
    for version in ("2", "1", "2"):
        count = len(seen)
        while len(seen) < count + 20:
            await asyncio.sleep(0.01)
        published.point(version)
        answers = [await published.ask(name, "live") for name in published.gateways.running]
        assert {answer["header"] for answer in answers} == {version}
    ended.set()
    await asyncio.gather(*askers)
    assert set(seen) == {"1", "2"}


async def test_a_reservation_holds_over_all_versions(published: Published) -> None:
    published.change(reserved_concurrency=1)
    published.publish(1)
    published.publish(2)
    published.point("2")
    await published.ask("gateway-0", "1")  # its environment is there, and so are the others'
    await published.ask("gateway-1", "2")
    gateways = published.gateways
    answers = await asyncio.gather(
        *(
            gateways.invoke(gateway, f"hello:{qualifier}", {"seconds": 1})
            for gateway in gateways.running
            for qualifier in ("1", "2", "live", "$LATEST")
        )
    )
    assert count_outcomes(answers) == {200: 1, 429: 7}
    reasons = Counter(body["Reason"] for status, body in answers if status == 429)
    assert reasons == {"ReservedFunctionConcurrentInvocationLimitExceeded": 7}


async def test_what_is_not_there_is_said_in_awss_words(published: Published) -> None:
    published.point("7")
    for gateway in published.gateways.running:
        for qualifier in ("3", "nobody", "$LATEST.PUBLISHED"):
            status, answer = await published.gateways.invoke(gateway, f"hello:{qualifier}")
            message = f"Function not found: {ARN}:{qualifier}"
            assert (status, answer["Message"]) == (404, message)
        status, answer = await published.gateways.invoke(gateway, "hello:live")
        assert status == 404
        assert answer["Message"].startswith(f"Function not found: {ARN}:7 (the alias live ")


async def test_a_deleted_version_finishes_what_it_runs_and_ends(
    published: Published, tmp_path: Path
) -> None:
    version, begun = published.publish(1), tmp_path / "begun"
    event = {"seconds": 1, "begun": str(begun)}
    busy = asyncio.create_task(published.ask("gateway-0", "1", event))
    await wait_until(begun.exists)
    published.gateways.index.remove(version.ref)
    answer = await busy
    assert answer["code"] == "v1"
    await wait_until(lambda: not Path(f"/proc/{answer['pid']}").exists())
    for gateway in published.gateways.running:
        assert (await published.gateways.invoke(gateway, "hello:1"))[0] == 404
        assert (await published.gateways.invoke(gateway, "hello"))[0] == 200


async def test_an_event_runs_the_version_that_its_alias_means_when_it_is_run(
    published: Published,
) -> None:
    """Spec 3.1. One whose alias was deleted is gone; one whose version is missing is put off."""
    published.publish(1)
    published.point("1")
    gateway = published.gateways.running["gateway-0"].gateway
    invoker = RelayInvoker(f"127.0.0.1:{gateway.internal_port}", Signatures.derive(MASTER, 1))
    event = QueuedEvent(
        request_id="r-1",
        namespace="default",
        function_name="hello",
        payload=b"{}",
        accepted_at=0,
        qualifier="live",
        function_uid=published.function.uid,
    )
    try:
        first = await invoker.invoke(event, lambda: None)
        published.change(code="later")
        published.publish(2)
        published.point("2")
        second = await invoker.invoke(replace(event, request_id="r-2"), lambda: None)
        assert isinstance(first, Outcome)
        assert isinstance(second, Outcome)
        answers = [json.loads(one.payload) for one in (first, second)]
        assert [one["version"] for one in answers] == ["1", "2"]
        published.point("3")
        missing = await invoker.invoke(replace(event, request_id="r-3"), lambda: None)
        assert isinstance(missing, ApiError)
        assert (missing.status, missing.is_gone) == (503, False)
        published.gateways.index.remove_alias(FunctionRef("default", "hello.live"))
        gone = await invoker.invoke(replace(event, request_id="r-4"), lambda: None)
        assert isinstance(gone, ApiError)
        assert (gone.status, gone.is_gone) == (404, True)
    finally:
        await invoker.close()
