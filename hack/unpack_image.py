"""Unpack a docker-archive into DIRECTORY/root, its variables into DIRECTORY/environment.

Usage: unpack_image.py ARCHIVE DIRECTORY.
Contract: for archives that hack/images has made. Applies whiteouts, layer after layer.
"""

import json
import shutil
import sys
import tarfile
from pathlib import Path, PurePosixPath
from typing import IO

WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"


def unpack(archive: Path, directory: Path) -> None:
    """The layers in their order, and the image's variables as lines."""
    with tarfile.open(archive) as image:
        (manifest,) = json.load(_read(image, "manifest.json"))
        config = json.load(_read(image, manifest["Config"]))
        for layer in manifest["Layers"]:
            with tarfile.open(fileobj=_read(image, layer)) as files:
                _apply(files, directory / "root")
    variables = config["config"].get("Env") or []
    (directory / "environment").write_text("".join(f"{line}\n" for line in variables))


def _read(image: tarfile.TarFile, name: str) -> IO[bytes]:
    found = image.extractfile(name)
    if found is None:
        raise SystemExit(f"{image.name}: {name} is no file")
    return found


def _apply(layer: tarfile.TarFile, root: Path) -> None:
    for member in layer:
        path = PurePosixPath(member.name)
        if path.name == OPAQUE:
            for entry in (root / path.parent).iterdir():
                _remove(entry)
        elif path.name.startswith(WHITEOUT):
            _remove(root / path.parent / path.name.removeprefix(WHITEOUT))
        else:
            if not member.isdir():
                _remove(root / path)
            layer.extract(member, root, filter="fully_trusted")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    unpack(Path(sys.argv[1]), Path(sys.argv[2]))
