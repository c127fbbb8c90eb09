"""Asks a gateway which packages are there.

Contract: ``core.wire.package_lookup``. Any gateway will do. One connection at most, LOOKUP_S for
each question, and an answer no longer than a question may be; whatever is no good answer is
PackagesUnavailableError.
"""

import time
from collections.abc import Sequence

import aiohttp

from kubelambda.core.packages.store import PackagesUnavailableError
from kubelambda.core.wire.demand import INTERNAL_KEY_INFO
from kubelambda.core.wire.keys import SIGNATURE_HEADER, derive_key, sign_request
from kubelambda.core.wire.package_lookup import (
    LOOKUP_BYTES_MAX,
    LOOKUP_PATH,
    MalformedLookupError,
    NoPackageStoreError,
    decode_missing,
    encode_lookup,
)
from kubelambda.process.answers import AnswerTooLongError, read_answer

LOOKUP_S = 10.0
_NO_STORE = 501


class HttpPackageLookup:
    """Asks the gateways' internal Service at ``address``, host:port."""

    def __init__(self, address: str, master_secret: bytes) -> None:
        self._url = f"http://{address}{LOOKUP_PATH}"
        self._key = derive_key(master_secret, INTERNAL_KEY_INFO)

    async def ask(self, names: Sequence[str]) -> frozenset[str]:
        """Those of ``names`` that are missing; NoPackageStoreError, PackagesUnavailableError.

        A connection for each question: it is balanced anew, and none is kept to a gateway that has
        gone.
        """
        body = encode_lookup(names)
        signature = sign_request(self._key, "POST", LOOKUP_PATH, body, int(time.time()))
        timeout = aiohttp.ClientTimeout(total=LOOKUP_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
                session.post(
                    self._url, data=body, headers={SIGNATURE_HEADER: signature}
                ) as response,
            ):
                if response.status == _NO_STORE:
                    raise NoPackageStoreError
                if response.status != 200:
                    raise PackagesUnavailableError(f"the gateway answered {response.status}")
                return decode_missing(await read_answer(response, LOOKUP_BYTES_MAX), names)
        except (
            aiohttp.ClientError,
            TimeoutError,
            OSError,
            MalformedLookupError,
            AnswerTooLongError,
        ) as error:
            raise PackagesUnavailableError(f"no gateway can be asked: {error!r}") from error
