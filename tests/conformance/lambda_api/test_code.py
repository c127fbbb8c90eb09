"""Every form that code can come in gives the same function."""

import base64
import hashlib
import http.client
import io
import os
import time
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from conformance.lambda_api.invoker import Invoker
from conformance.lambda_api.targets import build_manifest
from kubelambda.cli.package_zip import read_package

NOTICED_S = 3
"""For so long a function is seen to serve as it was, though its package is not there."""
HANDLER = "package/app.handler"
FILES = {
    "package/app.py": (
        "import pathlib\n"
        "HERE = pathlib.Path(__file__).parent\n"
        "def handler(event, context):\n"
        "    return {'data': (HERE / 'data.txt').read_text(encoding='utf-8')}\n"
    ),
    "package/data.txt": "dätä",
}


def make_zip(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def write_files(directory: Path) -> Path:
    for name, text in FILES.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return directory


def test_inline_and_zip_file_and_package_are_the_same_function(
    invoker: Invoker, tmp_path: Path
) -> None:
    forms: dict[str, Any] = {
        "inline": FILES,
        "zipFile": base64.b64encode(make_zip(FILES)).decode(),
        "package": invoker.push(write_files(tmp_path)),
    }
    for form, value in forms.items():
        arn = invoker.put("echo", code={form: value}, handler=HANDLER)
        answer = invoker(arn)
        assert not answer.is_error, answer.value
        assert answer.value["data"] == "dätä", form


def test_a_package_of_megabytes_is_fetched_and_a_second_push_changes_nothing(
    invoker: Invoker, tmp_path: Path
) -> None:
    write_files(tmp_path)
    (tmp_path / "noise.bin").write_bytes(os.urandom(20_000_000))
    name = invoker.push(tmp_path)
    assert invoker.push(tmp_path) == name
    arn = invoker.put("echo", code={"package": name}, handler=HANDLER)
    assert invoker(arn).value["data"] == "dätä"


def put_package(invoker: Invoker, name: str, package: str) -> None:
    """The function, of a package; whether it can run is not waited for."""
    invoker.target.put_object(build_manifest(name, "echo", code={"package": package}))


def test_f11_a_package_that_nobody_uploaded_is_said_and_mends_itself(
    invoker: Invoker, tmp_path: Path
) -> None:
    """Ready within seconds after the upload, without an edit."""
    content, name = build_app(tmp_path, "here"), invoker.new_name()
    package = hashlib.sha256(content).hexdigest()
    put_package(invoker, name, package)
    said = invoker.ask_until(name, None, lambda said: package in said)
    for words in ("ResourceNotReadyException", "PackageNotFound", "kubelambda package push DIR"):
        assert words in said
    assert invoker.push(tmp_path) == package
    later = invoker.ask_until(name, None, lambda said: "ResourceNotReady" not in said)
    assert later == "here"


def test_an_update_to_a_package_that_nobody_uploaded_leaves_the_former_version_serving(
    invoker: Invoker, tmp_path: Path
) -> None:
    name, before, after = invoker.new_name(), tmp_path / "before", tmp_path / "after"
    build_app(before, "before")
    arn = invoker.target.put(name, "echo", code={"package": invoker.push(before)})
    assert invoker(arn).value == "before"
    put_package(invoker, name, hashlib.sha256(build_app(after, "after")).hexdigest())
    end = time.monotonic() + NOTICED_S
    while time.monotonic() < end:
        assert invoker(arn).value == "before"
    invoker.push(after)
    assert invoker.ask_until(name, None, lambda said: said != "before") == "after"


def build_app(directory: Path, text: str) -> bytes:
    """A function that answers ``text``, written to ``directory``; the package that it makes."""
    directory.mkdir(exist_ok=True)
    (directory / "app.py").write_text(f"def handler(event, context):\n    return {text!r}\n")
    return read_package(directory)


def test_a_changed_package_is_a_changed_function(invoker: Invoker, tmp_path: Path) -> None:
    name = invoker.new_name()
    (tmp_path / "app.py").write_text("def handler(event, context):\n    return 'one'\n")
    arn = invoker.target.put(name, "echo", code={"package": invoker.push(tmp_path)})
    assert invoker(arn).value == "one"
    (tmp_path / "app.py").write_text("def handler(event, context):\n    return 'two'\n")
    invoker.target.put(name, "echo", code={"package": invoker.push(tmp_path)})
    answers = [invoker(arn).value]
    while answers[-1] != "two":
        answers.append(invoker(arn).value)
    assert set(answers) <= {"one", "two"}


def test_a_zip_that_is_none_makes_a_function_stalled_in_awss_words(invoker: Invoker) -> None:
    name = invoker.new_name()
    code = {"zipFile": base64.b64encode(b"no zip").decode()}
    invoker.target.put_object(build_manifest(name, "", code=code))
    invoker.ask_until(name, None, lambda said: "Could not unzip uploaded file" in said)


def test_an_upload_that_is_no_zip_is_refused_in_awss_words(invoker: Invoker) -> None:
    content = b"no zip"
    connection = http.client.HTTPConnection(urlsplit(invoker.target.url).netloc, timeout=20)
    path = f"/kubelambda/v1/packages/{hashlib.sha256(content).hexdigest()}"
    connection.request("PUT", path, body=content)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == 400
    assert b"Could not unzip uploaded file" in body


def test_links_of_a_package_lead_to_its_files(invoker: Invoker, tmp_path: Path) -> None:
    (tmp_path / "versions" / "two").mkdir(parents=True)
    (tmp_path / "versions" / "two" / "word.py").write_text("WORD = 'linked'\n")
    (tmp_path / "current").symlink_to("versions/two")
    (tmp_path / "app.py").write_text(
        "from current.word import WORD\ndef handler(event, context):\n    return WORD\n"
    )
    arn = invoker.put("echo", code={"package": invoker.push(tmp_path)})
    assert invoker(arn).value == "linked"


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [("0" * 64, b"x", 400), ("../x", b"x", 400), ("A" * 64, b"x", 400)],
)
def test_an_upload_under_another_name_is_refused(
    invoker: Invoker, name: str, body: bytes, status: int
) -> None:

    connection = http.client.HTTPConnection(urlsplit(invoker.target.url).netloc, timeout=20)
    connection.request("PUT", f"/kubelambda/v1/packages/{name}", body=body)
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("x-amzn-ErrorType")) == (
        status,
        "InvalidParameterValueException",
    )
    connection.close()
