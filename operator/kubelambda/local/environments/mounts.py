"""The mounts that put an environment's files at Lambda's own paths.

Contract: only plans them. Writes empty files and directories to mount on, below the environment's
own directory, and reads which entries the machine's /var has. The agent mounts, in its own mount
namespace (``KUBELAMBDA_MOUNTS``, runtimes/README.md). The order of the list matters.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

HOSTS = Path("/etc/hosts")
SANDBOX_HOSTS = "127.0.0.1 sandbox.localdomain sandbox\n"
"""The host names that extensions give when they subscribe to telemetry (spec/lambda.md, 1.12)."""
NAMES = (Path("/etc/hosts"), Path("/etc/resolv.conf"))
KERNELS = (Path("/proc"), Path("/dev"))
TASK = Path("/var/task")
OPT = Path("/opt")
TMP = Path("/tmp")  # noqa: S108 - Lambda's own path


@dataclass(frozen=True, slots=True)
class Mount:
    """A bind mount: ``source`` can also be found at ``place``."""

    source: Path
    place: Path
    read_only: bool = False

    def describe(self) -> dict[str, str | bool]:
        """The form in which the agent reads it."""
        return {
            "source": str(self.source),
            "place": str(self.place),
            "readOnly": self.read_only,
        }


def plan_mounts(
    directory: Path,
    covered: Sequence[Path],
    needed: Iterable[Path],
    image_root: Path | None = None,
) -> list[Mount]:
    """The mounts of the environment at ``directory``; makes the places to mount on.

    ``covered`` are those of TASK, OPT and TMP that the environment has for itself. Paths of the
    machine below them that are ``needed`` stay visible, read-only. A runtime that runs below an
    ``image_root`` finds the environment's files there.
    """
    own = {TASK: directory / "task", OPT: directory / "opt", TMP: directory / "tmp"}
    kept = [
        Mount(path, own[place] / path.relative_to(place), read_only=True)
        for place in (OPT, TMP)
        if place in covered
        for path in _drop_nested(needed, place)
    ]
    for mount in kept:
        _make_place(mount)
    covers = [Mount(own[place], place) for place in covered if place.is_dir()]
    inside = []
    if TASK in covered and not TASK.is_dir():
        inside = _rebuild_parent(directory / "var", own[TASK])
        covers.append(Mount(directory / "var", TASK.parent))
    hosts = [_write_hosts(directory)] if HOSTS.is_file() else []
    inside += plan_image_mounts(directory, image_root) if image_root else []
    return hosts + kept + inside + sorted(covers, key=lambda cover: _hides(cover, directory))


def plan_image_mounts(directory: Path, root: Path) -> list[Mount]:
    """What puts the files of the environment at ``directory`` below an image's ``root`` too."""
    own = [
        Mount(directory / own, root / place.relative_to("/"))
        for own, place in (("task", TASK), ("opt", OPT), ("tmp", TMP))
    ]
    machine = [Mount(place, root / place.relative_to("/")) for place in KERNELS if place.is_dir()]
    files = [Mount(place, root / place.relative_to("/")) for place in NAMES if place.is_file()]
    mounts = [*own, *machine, *files]
    for mount in mounts:
        _make_place(mount)
    return mounts


def _hides(cover: Mount, directory: Path) -> bool:
    """Whether nothing below ``directory`` can be mounted any more after this one."""
    return directory.is_relative_to(cover.place)


def _drop_nested(paths: Iterable[Path], place: Path) -> list[Path]:
    below = sorted({path for path in paths if place in path.parents and path.exists()})
    return [path for path in below if not any(parent in path.parents for parent in below)]


def _make_place(mount: Mount) -> None:
    if mount.source.is_dir():
        mount.place.mkdir(parents=True, exist_ok=True)
    else:
        mount.place.parent.mkdir(parents=True, exist_ok=True)
        mount.place.touch()


def _rebuild_parent(parent: Path, task: Path) -> list[Mount]:
    """A /var with everything that the machine's has, and the directory task, which it lacks."""
    parent.mkdir()
    mounts = [Mount(task, parent / TASK.name)]
    with os.scandir(TASK.parent) as entries:
        for entry in entries:
            if entry.is_symlink():
                (parent / entry.name).symlink_to(Path(entry.path).readlink())
            elif entry.is_dir() or entry.is_file():
                mounts.append(Mount(Path(entry.path), parent / entry.name))
    for mount in mounts:
        _make_place(mount)
    return mounts


def _write_hosts(directory: Path) -> Mount:
    hosts = directory / "hosts"
    known = HOSTS.read_text()
    hosts.write_text(f"{known}{'' if known.endswith(chr(10)) else chr(10)}{SANDBOX_HOSTS}")
    return Mount(hosts, HOSTS)
