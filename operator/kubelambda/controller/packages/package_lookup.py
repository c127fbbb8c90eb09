"""Asks a gateway which packages are there.

Contract: ``core.wire.package_lookup``. Any gateway will do. One connection at most, LOOKUP_S for
each question, and an answer no longer than a question may be; whatever is no good answer is
PackagesUnavailableError.
"""

from collections.abc import Sequence

from kubelambda.core.packages.store import PackagesUnavailableError
from kubelambda.core.wire.package_lookup import (
    LOOKUP_BYTES_MAX,
    LOOKUP_PATH,
    MalformedLookupError,
    NoPackageStoreError,
    decode_missing,
    encode_lookup,
)
from kubelambda.process.internal_client import InternalClient, InternalRequestError
from kubelambda.process.signatures import Signatures

LOOKUP_S = 10.0
_NO_STORE = 501


class HttpPackageLookup:
    """Asks the gateways' internal Service at ``address``, host:port."""

    def __init__(self, address: str, signatures: Signatures) -> None:
        self._base_url = f"http://{address}"
        self._signatures = signatures

    async def ask(self, names: Sequence[str]) -> frozenset[str]:
        """Those of ``names`` that are missing; NoPackageStoreError, PackagesUnavailableError.

        Each question opens a connection: so questions spread over the gateways, and none goes to a
        gateway that has ended.
        """
        body = encode_lookup(names)
        client = InternalClient(self._signatures, reply_bytes_max=LOOKUP_BYTES_MAX)
        try:
            async with client:
                reply = await client.post(self._base_url, LOOKUP_PATH, body, timeout_s=LOOKUP_S)
            if reply.status == _NO_STORE:
                raise NoPackageStoreError
            if reply.status != 200:
                raise PackagesUnavailableError(f"the gateway answered {reply.status}")
            return decode_missing(reply.body, names)
        except (InternalRequestError, MalformedLookupError) as error:
            raise PackagesUnavailableError(f"no gateway can be asked: {error}") from error
