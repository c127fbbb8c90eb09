"""TLS of the public listener: a context that follows its files.

Contract: TLS 1.2 or newer, HTTP/1.1 only. Files that cannot be read are an error at start; later,
while somebody is just replacing them, the last good pair stays in force.
"""

import logging
import ssl
from pathlib import Path

logger = logging.getLogger(__name__)


class TlsFiles:
    """A certificate chain and its key, as cert-manager and kubelet write them."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate = certificate
        self._key = key
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        self._seen = self._look()
        self.context.load_cert_chain(certificate, key)

    def refresh(self) -> None:
        """Take up the files where they have changed; new connections use them."""
        try:
            seen = self._look()
            if seen == self._seen:
                return
            self._seen = seen
            self.context.load_cert_chain(self._certificate, self._key)
        except (OSError, ssl.SSLError) as error:
            logger.warning("cannot take up the new certificate, the old one stays: %s", error)
        else:
            logger.info("the certificate has been renewed")

    def _look(self) -> tuple[int, int]:
        return self._certificate.stat().st_mtime_ns, self._key.stat().st_mtime_ns
