"""The older form of forwarding: an HTTP request for each event, over connections that are kept.

For gateways that do not speak trunks, those of the previous release (``forwarder`` decides).

Contract: ``core.wire.relay``. One request in flight per connection (``relay_connection``);
IDLE_CONNECTIONS_MAX idle connections are kept for each gateway. Each relay ends as ``relay`` says.
If the caller goes, the connection is closed, by which the owner knows.

Heartbeats tell that an owner is gone (``drop``), the kernel that its node is lost. A gateway of the
previous release may read events only in version 0; it gets each in that form after it has answered
400.
"""

import asyncio

from kubelambda.core.wire.keys import SIGNATURE_HEADER
from kubelambda.core.wire.relay import META_HEADER, RELAY_PATH, encode_request
from kubelambda.gateway.peers.relay import Relay
from kubelambda.gateway.peers.relay_connection import RelayConnection
from kubelambda.process.signatures import Signatures
from kubelambda.process.supervisor import Supervisor

CONNECT_S = 2.0
IDLE_CONNECTIONS_MAX = 256


class HttpForwarder:
    """Keeps connections to other gateways."""

    def __init__(self, signatures: Signatures, supervisor: Supervisor) -> None:
        self._signatures = signatures
        self._supervisor = supervisor
        self._idle: dict[str, list[RelayConnection]] = {}
        self._open: set[RelayConnection] = set()
        self._loop = asyncio.get_running_loop()

    def send(self, relay: Relay) -> None:
        """Send it over a connection that is kept, or over a new one."""
        idle = self._idle.get(relay.owner.address)
        if idle:
            idle.pop().send(relay)
            return
        name = f"dialling {relay.owner.name} for request {relay.invocation.request_id}"
        self._supervisor.spawn(
            name, self._dial(relay), lambda error: relay.fail(repr(error), unreachable=False)
        )

    def drop(self, address: str) -> None:
        """The gateway at ``address`` is dead: every invocation that waits for it fails."""
        for connection in [one for one in self._open if one.address == address]:
            connection.close()

    def close(self) -> None:
        """Close all connections."""
        for connection in list(self._open):
            connection.close()

    async def _dial(self, relay: Relay) -> None:
        host, _, port = relay.owner.address.rpartition(":")
        try:
            async with asyncio.timeout(CONNECT_S):
                _, connection = await self._loop.create_connection(
                    lambda: RelayConnection(self, relay.owner.address), host, int(port)
                )
        except (OSError, TimeoutError, ValueError) as error:
            relay.fail(f"cannot connect: {error}", unreachable=True)
            return
        connection.send(relay)

    def encode(self, relay: Relay) -> bytes:
        """The request as it goes over the wire, in the version that its owner reads."""
        body = relay.invocation.payload
        meta = encode_request(relay.describe(), relay.version)
        signature = self._signatures.sign(RELAY_PATH, body, meta)
        head = (
            f"POST {RELAY_PATH} HTTP/1.1\r\nHost: gateway\r\n{META_HEADER}: {meta}\r\n"
            f"{SIGNATURE_HEADER}: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def opened(self, connection: RelayConnection) -> None:
        """A connection was made."""
        self._open.add(connection)

    def give_back(self, connection: RelayConnection) -> None:
        """A connection can take another request."""
        idle = self._idle.setdefault(connection.address, [])
        if len(idle) < IDLE_CONNECTIONS_MAX:
            idle.append(connection)
        else:
            connection.close()

    def forget(self, connection: RelayConnection) -> None:
        """A connection is gone."""
        self._open.discard(connection)
        idle = self._idle.get(connection.address, [])
        if connection in idle:
            idle.remove(connection)
        if not idle:
            self._idle.pop(connection.address, None)
