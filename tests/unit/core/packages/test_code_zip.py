"""The zip that code stands for, and the digests that AWS would print."""

import base64
import hashlib
import io
import zipfile

import pytest

from kubelambda.core.model.code import (
    ConfigMapFiles,
    InlineFiles,
    InlineZip,
    S3Package,
    UploadedPackage,
    UrlPackage,
)
from kubelambda.core.packages.code_zip import (
    build_inline_zip,
    compute_sha256,
    from_code_sha256,
    to_code_sha256,
)


def test_the_digest_of_a_zip_is_that_of_its_bytes() -> None:
    content = b"PK\x05\x06" + bytes(18)
    code = InlineZip(base64.b64encode(content).decode())
    assert compute_sha256(code) == hashlib.sha256(content).hexdigest()


def test_the_digest_of_inline_code_depends_on_names_and_text_alone() -> None:
    one = compute_sha256(InlineFiles({"b.py": "2", "a.py": "1"}))
    assert one == compute_sha256(InlineFiles({"a.py": "1", "b.py": "2"}))
    # Written down, so that a release never changes it unnoticed.
    assert to_code_sha256(one) == "5723iNlKjeCbn89+hFpgMQcrQsnrAJ22gjL7P+EG/b0="


def test_a_package_is_named_by_its_digest() -> None:
    assert compute_sha256(UploadedPackage("00ff" * 16)) == "00ff" * 16


def test_what_a_url_gives_has_the_digest_that_stands_beside_it() -> None:
    assert compute_sha256(UrlPackage("https://x.example/a", "00ff" * 16)) == "00ff" * 16


def test_what_only_others_can_know_has_no_digest() -> None:
    assert compute_sha256(ConfigMapFiles("app")) == ""
    assert compute_sha256(S3Package("bucket", "key")) == ""
    assert to_code_sha256("") == ""


@pytest.mark.parametrize("text", ["", "no base64", "AAAA"])
def test_what_is_no_digest_reads_as_none(text: str) -> None:
    assert from_code_sha256(text) == ""


def test_a_digest_survives_both_spellings() -> None:
    assert from_code_sha256(to_code_sha256("00ff" * 16)) == "00ff" * 16


def test_the_zip_of_inline_files_is_readable_for_all_and_keeps_programs() -> None:
    archive = build_inline_zip({"a/é.py": "x", "bin/tool": "#!/bin/sh\n"})
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.read("a/é.py") == b"x"
        modes = {entry.filename: entry.external_attr >> 16 for entry in opened.infolist()}
    assert modes == {"a/é.py": 0o100644, "bin/tool": 0o100755}
