"""Layers over the link: real gateway, real agents, real runtimes."""

import asyncio
import base64
import hashlib
import re
from pathlib import Path

from integration.conftest import MakeInstallation
from kubelambda.core.model.code import InlineZip, UploadedPackage
from kubelambda.core.model.layer import Layer
from kubelambda.core.packages.code_zip import build_inline_zip
from kubelambda.stores.directory import DirectoryPackages

SOURCE = "import mine\ndef handler(event, context):\n    return mine.WORD\n"
SLOW_S = 2.0
ARCHIVE = build_inline_zip({"python/mine.py": "WORD = 'layer'\n"})
SHA256 = hashlib.sha256(ARCHIVE).hexdigest()
INSIDE = Layer("mine", 1, SHA256, InlineZip(base64.b64encode(ARCHIVE).decode()))
FETCHED = Layer("mine", 1, SHA256, UploadedPackage(SHA256))


class SlowPackages(DirectoryPackages):
    """A store that takes its time."""

    async def fetch(self, sha256: str, target: Path) -> None:
        await asyncio.sleep(SLOW_S)
        await super().fetch(sha256, target)


async def test_fetching_and_unpacking_a_layer_is_no_init(
    make_installation: MakeInstallation, tmp_path: Path
) -> None:
    """Neither billed as Init Duration nor part of the 10 s (spec 9)."""
    store = SlowPackages(tmp_path / "packages")
    await store.put(SHA256, ARCHIVE)
    installation = await make_installation(packages=store, package_cache=tmp_path / "cache")
    installation.put("slow", SOURCE, layers=(FETCHED,))
    answer = await installation.invoke("slow", LogType="Tail")
    assert answer["Payload"] == "layer"
    tail = base64.b64decode(answer["LogResult"]).decode()
    init = re.search(r"Init Duration: ([0-9.]+) ms", tail)
    assert init is not None, tail
    assert float(init[1]) < SLOW_S * 1000


async def test_a_layer_whose_object_has_gone_rolls_nothing_and_serves_new_environments(
    make_installation: MakeInstallation, tmp_path: Path
) -> None:
    store = DirectoryPackages(tmp_path / "packages")
    await store.put(SHA256, ARCHIVE)
    installation = await make_installation(packages=store, package_cache=tmp_path / "cache")
    source = SOURCE.replace(
        "return mine",
        # Waits until an environment serves the event beside it, so that neither serves both.
        "import os, pathlib, time\n"
        "    met = pathlib.Path(event['meet'])\n"
        "    (met / str(os.getpid())).touch()\n"
        "    while len(list(met.iterdir())) < event['environments']: time.sleep(0.01)\n"
        "    return str(os.getpid()) + mine",
    )
    (tmp_path / "meet").mkdir()
    alone = {"meet": str(tmp_path / "meet"), "environments": 1}
    installation.put("kept", source, layers=(INSIDE,), timeout_s=60)
    first = (await installation.invoke("kept", alone))["Payload"]
    installation.put("kept", source, layers=(FETCHED,), timeout_s=60)
    both = alone | {"environments": 2}
    answers = await asyncio.gather(*(installation.invoke("kept", both) for _ in range(2)))
    payloads = {answer["Payload"] for answer in answers}
    assert first in payloads, "the environment that was there goes on"
    assert len(payloads) == 2, "a new one has fetched the layer"
    assert all(payload.endswith("layer") for payload in payloads)
