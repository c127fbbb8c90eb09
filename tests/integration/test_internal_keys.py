"""Which key opens what at a real gateway, and that keys are replaced without a refused request."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from integration.conftest import MASTER, Installation, MakeInstallation
from integration.gateways import Gateways
from kubelambda.controller.packages.package_lookup import HttpPackageLookup
from kubelambda.core.asynchronous.queue import QueuedEvent
from kubelambda.core.coordination.membership import Heartbeat, Member, View
from kubelambda.core.errors import ApiError
from kubelambda.core.model.function import FunctionRef
from kubelambda.core.model.invocation import Dropped, Outcome
from kubelambda.core.packages.store import PackagesUnavailableError
from kubelambda.core.wire.key_ring import KeyRing, derive_namespace_key
from kubelambda.dispatch.relay import RelayInvoker
from kubelambda.gateway.peers.heartbeats import HttpHeartbeats
from kubelambda.gateway.peers.membership import PeerUnreachableError
from kubelambda.process.signatures import Signatures
from kubelambda.stores.directory import DirectoryPackages
from ports import free_port

ECHO = """
def handler(event, context):
    return event
"""
SHOP = Signatures(KeyRing(derive_namespace_key(MASTER, "shop", 1)))
"""Of a process that was given the key of one namespace, and no master secret."""


async def relay(
    address: str, signatures: Signatures, namespace: str
) -> Outcome | ApiError | Dropped:
    """The outcome of one event for the function ``hello`` of ``namespace``."""
    invoker = RelayInvoker(address, signatures)
    event = QueuedEvent(
        request_id=f"r-{time.monotonic_ns()}",
        namespace=namespace,
        function_name="hello",
        payload=b'"event"',
        accepted_at=time.time(),
    )
    try:
        return await invoker.invoke(event, lambda: None)
    finally:
        await invoker.close()


@pytest.fixture
async def shops(make_installation: MakeInstallation, tmp_path: Path) -> Installation:
    """A gateway with a function ``hello`` in the namespaces ``shop`` and ``other``."""
    packages = DirectoryPackages(tmp_path / "packages")
    made = await make_installation(packages=packages, package_cache=tmp_path / "cache")
    for namespace in ("shop", "other"):
        made.put("hello", ECHO, ref=FunctionRef(namespace, "hello"), uid=f"uid-{namespace}")
    return made


def find_address(installation: Installation) -> str:
    return f"127.0.0.1:{installation.gateway.internal_port}"


async def test_a_namespaces_key_relays_events_of_its_namespace_and_of_no_other(
    shops: Installation,
) -> None:
    """P6, rule K2."""
    address = find_address(shops)
    outcome = await relay(address, SHOP, "shop")
    assert isinstance(outcome, Outcome)
    assert outcome.payload == b'"event"'
    refused = await relay(address, SHOP, "other")
    assert isinstance(refused, ApiError)
    assert "403" in refused.message
    by_us = await relay(address, Signatures.derive(MASTER, 1), "other")
    assert isinstance(by_us, Outcome)


async def test_a_namespaces_key_sends_no_heartbeat_and_asks_for_no_package(
    shops: Installation,
) -> None:
    """P6, rule K2."""
    address, intruder = find_address(shops), Member("intruder", "127.0.0.1:1")
    heartbeats = HttpHeartbeats(SHOP)
    heartbeat = Heartbeat(intruder, View(1, (intruder,)), serving=True)
    with pytest.raises(PeerUnreachableError, match="401"):
        await heartbeats.exchange(address, heartbeat)
    await heartbeats.close()
    assert [member.name for member in shops.gateway.view.members] == ["local"]
    with pytest.raises(PackagesUnavailableError, match="401"):
        await HttpPackageLookup(address, SHOP).ask(["0" * 64])


@pytest.fixture
async def gateways(tmp_path: Path) -> AsyncIterator[Gateways]:
    group = Gateways(tmp_path)
    yield group
    await group.close()


async def test_k3_gateways_replaced_one_by_one_forward_every_event(gateways: Gateways) -> None:
    """To the next generation of the internal key, as a rollout does it."""
    ports = {"gateway-0": free_port(), "gateway-1": free_port()}
    for name, port in ports.items():
        await gateways.add(name, internal_port=port)
    functions = [gateways.put(f"f-{number}", ECHO) for number in range(6)]

    async def invoke_all() -> None:
        for gateway in list(gateways.running):
            for function in functions:
                status, answer = await gateways.invoke(gateway, function.function_name, gateway)
                assert (status, answer) == (200, gateway)

    await invoke_all()
    for generation in (2, 3):
        for name, port in ports.items():
            await gateways.remove(name)
            await gateways.add(name, internal_port=port, internal_key_generation=generation)
            owners = {gateways.owner_of(function) for function in functions}
            assert owners == {"gateway-0", "gateway-1"}, "so some events are forwarded"
            await invoke_all()


async def test_what_the_key_of_another_installation_signs_is_refused(shops: Installation) -> None:
    """Rule A6: whichever id it claims."""
    for signatures in (
        Signatures.derive(b"x" * 32, 1),
        Signatures.derive(b"x" * 32, 2),
        Signatures(KeyRing(derive_namespace_key(b"x" * 32, "shop", 1))),
    ):
        refused = await relay(find_address(shops), signatures, "shop")
        assert isinstance(refused, ApiError)
        assert "401" in refused.message


async def test_a_trunk_is_not_opened_with_a_namespaces_key(shops: Installation) -> None:
    url = f"http://{find_address(shops)}/internal/v1/trunk"
    headers = {
        "Host": find_address(shops),
        "Connection": "Upgrade",
        "Upgrade": "kubelambda-trunk/1",
        "x-kubelambda-trunk-nonce": "0" * 32,
        "x-kubelambda-trunk-key": SHOP.key_id,
    }
    async with asyncio.timeout(60), aiohttp.ClientSession() as session:
        async with session.get(url, headers=headers) as answer:
            assert answer.status == 401
        headers["x-kubelambda-trunk-key"] = "internal/1"
        async with session.get(url, headers=headers) as answer:
            assert answer.status == 101
