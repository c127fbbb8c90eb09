"""How `make run` finds its Python and its uv, with programs that stand for those of a machine."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HACK = Path(__file__).resolve().parents[3] / "hack"
PYTHON = """#!/bin/sh
# a Python of version {version}: answers as the real one does where it is asked for its version
case "$*" in
-V) echo "Python {version}" ;;
-c*) {python} -c "import collections, sys
sys.version_info = ({numbers}, '{level}', 0)
exec(sys.argv[1])" "$2" ;;
esac
"""
UV = '#!/bin/sh\necho "$UV_PYTHON" "$@"\n'


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A directory that is all of PATH; a tree with nothing but the scripts stands beside it."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "sh", "dirname", "id", "rm", "env"):
        (programs / name).symlink_to(str(shutil.which(name)))
    (tmp_path / "tree" / "hack").mkdir(parents=True)
    for name in ("uv", "newest-python"):
        shutil.copy(HACK / name, tmp_path / "tree" / "hack" / name)
    return programs


def add_python(machine: Path, name: str, version: str, level: str = "final") -> None:
    real = shutil.which("python3", path=os.defpath) or shutil.which("python3")
    numbers = ", ".join(version.split("."))
    text = PYTHON.format(version=version, numbers=numbers, level=level, python=real)
    (machine / name).write_text(text)
    (machine / name).chmod(0o755)


def add_uv(machine: Path) -> None:
    (machine / "uv").write_text(UV)
    (machine / "uv").chmod(0o755)


def run(machine: Path, script: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [machine.parent / "tree" / "hack" / script, *arguments],
        env={"PATH": str(machine), "NEWEST_PYTHON": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_newest_python_is_taken_whatever_python3_is(machine: Path) -> None:
    add_python(machine, "python3", "3.9.2")
    add_python(machine, "python3.11", "3.11.7")
    add_python(machine, "python3.13", "3.13.0")
    assert run(machine, "newest-python").stdout == f"{machine}/python3.13\n"


def test_python3_will_do_where_it_is_new_enough(machine: Path) -> None:
    add_python(machine, "python3", "3.12.1")
    assert run(machine, "newest-python").stdout == f"{machine}/python3\n"


def test_neither_one_that_is_not_released_nor_a_shim_of_none_is_taken(machine: Path) -> None:
    add_python(machine, "python3.14", "3.14.0", level="beta")
    (machine / "python3.13").write_text("#!/bin/sh\nexit 127\n")
    (machine / "python3.13").chmod(0o755)
    add_python(machine, "python3.11", "3.11.7")
    assert run(machine, "newest-python").stdout == f"{machine}/python3.11\n"


def test_a_machine_without_one_is_told_what_to_do(machine: Path) -> None:
    add_python(machine, "python3", "3.9.2")
    found = run(machine, "newest-python")
    assert found.returncode == 2
    assert "python3 is Python 3.9.2" in found.stderr


def test_a_new_venv_is_made_with_the_newest_and_says_so(machine: Path) -> None:
    add_python(machine, "python3.13", "3.13.0")
    add_uv(machine)
    found = run(machine, "uv", "sync", "--no-dev")
    assert found.stdout == f"{machine}/python3.13 sync --no-dev\n"
    assert "making .venv" in found.stderr


def test_a_venv_that_is_there_stays_as_it_is(machine: Path) -> None:
    add_python(machine, "python3.13", "3.13.0")
    add_uv(machine)
    (machine.parent / "tree" / ".venv").mkdir()
    found = run(machine, "uv", "sync")
    assert (found.stdout, found.stderr) == (" sync\n", "")


def test_fetching_uv_is_announced_and_pip_is_heard(machine: Path) -> None:
    """A slow line is not a silent minute."""
    python = '#!/bin/sh\ncase "$*" in -c*) exit 0 ;; esac\n'
    pip = "#!/bin/sh\necho Downloading uv\nprintf '#!/bin/sh\\\\n' >.cache/uv/bin/uv\n"
    (machine / "python3.12").write_text(
        f"{python}mkdir -p .cache/uv/bin\nprintf '%s' '{pip}' >.cache/uv/bin/pip\n"
        "chmod +x .cache/uv/bin/pip\n"
    )
    (machine / "python3.12").chmod(0o755)
    for name in ("mkdir", "chmod"):
        (machine / name).symlink_to(str(shutil.which(name)))
    found = run(machine, "uv", "--version")
    assert "fetching uv" in found.stderr
    assert "Downloading uv" in found.stderr
