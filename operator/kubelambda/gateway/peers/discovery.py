"""Where the other gateways are: what DNS says of their headless Service."""

import asyncio
import socket
from collections.abc import Sequence


class DnsPeers:
    """Addresses of the gateways by the name of their headless Service, own one included.

    Not ready ones are listed as well: heartbeats tell who serves, and the name needs no right at
    the API server, so gateways find each other while it is away.
    """

    def __init__(self, name: str, port: int) -> None:
        self._name = name
        self._port = port

    async def find(self) -> Sequence[str]:
        """host:port of each; OSError if the name server cannot be asked."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                self._name, self._port, family=socket.AF_INET, type=socket.SOCK_STREAM
            )
        except socket.gaierror as error:
            if error.errno in (socket.EAI_NONAME, socket.EAI_NODATA):
                return []
            raise
        return sorted({f"{address[0]!s}:{self._port}" for *_, address in found})
