"""Certificates of the tests' own."""

import ssl
from pathlib import Path

import trustme


class CertificateFiles:
    """A CA of the test's own, and a certificate on disk as kubelet would put it there."""

    def __init__(self, directory: Path) -> None:
        self.certificate, self.key = directory / "tls.crt", directory / "tls.key"
        self.issue()

    def issue(self) -> None:
        """Write a certificate of a new CA."""
        self.authority = trustme.CA()
        issued = self.authority.issue_cert("127.0.0.1")
        self.certificate.write_bytes(
            b"".join(certificate.bytes() for certificate in issued.cert_chain_pems)
        )
        self.key.write_bytes(issued.private_key_pem.bytes())

    def settings(self) -> dict[str, str]:
        return {
            "tls_certificate_file": str(self.certificate),
            "tls_key_file": str(self.key),
        }

    def trust(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        return context
