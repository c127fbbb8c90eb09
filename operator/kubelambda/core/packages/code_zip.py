"""The zip of a function's code or of a layer, and its SHA-256 as AWS reports it.

Contract: pure; the same files always give the same zip, on any machine and at any time. CodeSha256
of the Lambda API is the digest in base64; an uploaded package is named by it in hexadecimal.
"""

import base64
import hashlib
import io
import zipfile
from collections.abc import Mapping

from kubelambda.core.model.code import Code, InlineFiles, InlineZip, UploadedPackage, UrlPackage

_FILE_MODE = 0o100644
_PROGRAM_MODE = 0o100755
_SHEBANG = "#!"
_UNIX = 3


def build_inline_zip(files: Mapping[str, str]) -> bytes:
    """The zip of ``files``: sorted, stored uncompressed, dated 1980, mode 0644.

    A file that begins with ``#!`` is a program and gets 0755, as the agent gives it.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name)
            mode = _PROGRAM_MODE if files[name].startswith(_SHEBANG) else _FILE_MODE
            entry.create_system = _UNIX
            entry.external_attr = mode << 16
            archive.writestr(entry, files[name].encode())
    return buffer.getvalue()


def read_zip(code: Code) -> bytes | None:
    """The zip of ``code``; None if its bytes are not in the object, or if there are none."""
    match code:
        case InlineZip(text):
            return base64.b64decode(text)
        case InlineFiles(files) if files:
            return build_inline_zip(files)
        case _:
            return None


def compute_sha256(code: Code) -> str:
    """SHA-256 of the zip, in hexadecimal; empty if it cannot be known here.

    LIMIT: it is empty for an object of S3, which only agents read.
    ValueError if an InlineZip is not base64.
    """
    if isinstance(code, UploadedPackage | UrlPackage):
        return code.sha256
    content = read_zip(code)
    return hashlib.sha256(content).hexdigest() if content is not None else ""


def to_code_sha256(sha256: str) -> str:
    """As the Lambda API prints it: base64; empty stays empty."""
    return base64.b64encode(bytes.fromhex(sha256)).decode()


def from_code_sha256(text: str) -> str:
    """Back to hexadecimal from ``to_code_sha256``; empty if ``text`` is no SHA-256 in base64."""
    try:
        digest = base64.b64decode(text, validate=True)
    except ValueError:
        return ""
    return digest.hex() if len(digest) == hashlib.sha256().digest_size else ""
