"""TLS of the public listener: a context that follows its files.

Contract: TLS 1.2 or newer, HTTP/1.1 only. Files that cannot be used are an error at start. Later,
the last good pair stays in use until there is a new pair of a certificate and a key that belong
together; until then the problem is logged once, and the files are tried again at each ``refresh``.
A context is never changed once it is in use.
"""

import logging
import ssl
from pathlib import Path

logger = logging.getLogger(__name__)

Signature = tuple[tuple[int, int, int], ...]


class TlsFiles:
    """A certificate chain and its key, as cert-manager and kubelet write them."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate = certificate
        self._key = key
        self._loaded = self._look()
        self._complaint = ""
        self.context = self._build()
        """For new connections. It is replaced with the files, so ask for it each time."""

    def refresh(self) -> None:
        """Load the files if they have changed; new connections use them."""
        try:
            seen = self._look()
            if seen == self._loaded:
                self._complaint = ""
                return
            self.context = self._build()
        except (OSError, ValueError) as error:
            self._complain(str(error))
        else:
            self._loaded = seen
            self._complaint = ""
            logger.info("the certificate has been renewed")

    def _build(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        # Checks that they belong together. Without a password OpenSSL would ask the terminal.
        context.load_cert_chain(self._certificate, self._key, password="")
        return context

    def _look(self) -> Signature:
        """Changes with the files, and with what their links point to."""
        found = [one.stat() for one in (self._certificate, self._key)]
        return tuple((one.st_ino, one.st_mtime_ns, one.st_size) for one in found)

    def _complain(self, problem: str) -> None:
        if problem != self._complaint:
            self._complaint = problem
            logger.warning("cannot take up the new certificate, the old one stays: %s", problem)
