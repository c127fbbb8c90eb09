"""Who gets a package from a gateway's internal listener: agents of functions that name it."""

import asyncio
import base64
import hashlib
import time
from pathlib import Path

import pytest

from integration.conftest import MASTER, MakeInstallation
from kubelambda.core.model.code import InlineZip, UploadedPackage
from kubelambda.core.model.layer import Layer
from kubelambda.core.wire.keys import derive_function_key
from kubelambda.core.wire.package_transfer import (
    AUTHORIZATION_HEADER,
    PACKAGES_PATH,
    authorize_fetch,
)
from kubelambda.stores.directory import DirectoryPackages

CONTENT = b"any bytes will do"
NAME = hashlib.sha256(CONTENT).hexdigest()


async def ask(port: int, name: str, header: str) -> tuple[int, bytes]:
    """Status and body of a download."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"GET {PACKAGES_PATH}{name} HTTP/1.1\r\nHost: g\r\n{AUTHORIZATION_HEADER}: {header}\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return int(answer[9:12]), answer.partition(b"\r\n\r\n")[2]


def authorize(uid: str, name: str = NAME, *, generation: int = 1, age_s: int = 0) -> str:
    key = derive_function_key(MASTER, uid, generation)
    return authorize_fetch(key, uid, generation, name, int(time.time()) - age_s)


@pytest.fixture
async def port(make_installation: MakeInstallation, tmp_path: Path) -> int:
    """The internal port of a gateway that knows a function of the package, and one of another."""
    store = DirectoryPackages(tmp_path / "packages")
    await store.put(NAME, CONTENT)
    installation = await make_installation(packages=store, package_cache=tmp_path / "cache")
    installation.put("mine", "", code=UploadedPackage(NAME))
    installation.put("other", "", code=UploadedPackage("0" * 64))
    return installation.gateway.internal_port


async def test_the_functions_own_agent_gets_it(port: int) -> None:
    assert await ask(port, NAME, authorize("uid-mine")) == (200, CONTENT)


async def test_a_package_that_was_never_uploaded_is_not_found(port: int) -> None:
    assert await ask(port, "0" * 64, authorize("uid-other", "0" * 64)) == (404, b"")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "uid-mine:1:0:" + "0" * 64,
        authorize("uid-other"),
        authorize("uid-absent"),
        authorize("uid-mine", "0" * 64),
        authorize("uid-mine", age_s=400),
        authorize("uid-mine", generation=7),
    ],
    ids=["none", "no proof", "other", "absent", "other package", "old", "generation"],
)
async def test_anybody_else_is_401(port: int, header: str) -> None:
    """Rules A6 and P6: no path from one function to what another one names."""
    assert await ask(port, NAME, header) == (401, b"")


REMEMBERED = Layer("a", 1, "ab" * 32, UploadedPackage("ab" * 32), remembered=True)


@pytest.mark.parametrize("has_store", [True, False])
async def test_a_layer_that_may_still_come_is_no_final_404(
    make_installation: MakeInstallation, tmp_path: Path, *, has_store: bool
) -> None:
    """Its object is not seen yet, or another gateway is still putting it into the store."""
    store = DirectoryPackages(tmp_path / "packages") if has_store else None
    installation = await make_installation(packages=store, package_cache=tmp_path / "cache")
    port, name = installation.gateway.internal_port, REMEMBERED.sha256
    installation.put("mine", "", layers=(REMEMBERED,))
    assert (await ask(port, name, authorize("uid-mine", name)))[0] == 503
    uploaded = Layer("a", 1, name, UploadedPackage(name))
    installation.put("mine", "", layers=(uploaded,))
    assert (await ask(port, name, authorize("uid-mine", name)))[0] == 404


async def test_a_layer_that_stands_in_its_object_is_given_from_there(
    make_installation: MakeInstallation,
) -> None:
    installation = await make_installation()
    content = InlineZip(base64.b64encode(CONTENT).decode())
    installation.put("mine", "", layers=(Layer("a", 1, NAME, content),))
    port = installation.gateway.internal_port
    assert await ask(port, NAME, authorize("uid-mine")) == (200, CONTENT)


async def test_a_name_that_is_no_sha256_never_reaches_the_file_system(port: int) -> None:
    """Rule A7."""
    for name in ("..%2F..%2Fetc%2Fpasswd", "../../etc/passwd", NAME.upper()):
        assert (await ask(port, name, authorize("uid-mine", name)))[0] == 401
