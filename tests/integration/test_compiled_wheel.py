"""The compiled wheel, of the package with a list of two modules: that is compiled in seconds.

`make test-compiled` builds the real one.
"""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from integration.test_wheel import NO_INDEX

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("LICENSE", "README.md", "operator", "pyproject.toml", "runtimes", "uv.lock")
TWO = ("core/errors.py", "core/wire/frames.py")

pytestmark = [
    pytest.mark.index,
    pytest.mark.timeout(900),
    pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler"),
]


def copy_tree(target: Path, modules: tuple[str, ...]) -> Path:
    """What the wheel is made of, with another list of modules."""
    target.mkdir()
    ignored = shutil.ignore_patterns("__pycache__", "bin")
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, target / part, ignore=ignored)
        else:
            shutil.copy(ROOT / part, target / part)
    project = target / "pyproject.toml"
    listed = f"compiled-modules = {list(modules)!r}"
    text, count = re.subn(r"compiled-modules = \[[^\]]*\]", listed, project.read_text())
    assert count == 1
    project.write_text(text)
    return target


def run_uv(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    switches = {"KUBELAMBDA_COMPILE": "1", "KUBELAMBDA_BUILD_AGENT": "0"}
    done = subprocess.run(
        [ROOT / "hack" / "uv", *arguments],
        env={name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"} | switches,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0 and NO_INDEX.search(done.stdout + done.stderr):
        pytest.skip("no package index can be reached")
    return done


def build(tree: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return run_uv("build", "--python", sys.executable, *arguments, tree)


def test_equal_sources_give_an_equal_compiled_wheel_also_by_way_of_the_sdist(
    tmp_path: Path,
) -> None:
    trees = [copy_tree(tmp_path / name, TWO) for name in ("one", "another")]
    for tree, arguments in zip(trees, (["--wheel"], []), strict=True):
        done = build(tree, *arguments)
        assert done.returncode == 0, done.stderr
    wheels = [next((tree / "dist").glob("*.whl")) for tree in trees]
    assert wheels[0].name == wheels[1].name
    assert wheels[0].read_bytes() == wheels[1].read_bytes()
    with zipfile.ZipFile(wheels[0]) as wheel:
        names = wheel.namelist()
        wheel.extractall(tmp_path / "installed")
    compiled = [name for name in names if re.search(r"kubelambda/.*\.so$", name)]
    assert [re.sub(r"kubelambda/|\..*", "", name) for name in compiled] == [
        name.removesuffix(".py") for name in TWO
    ]
    assert {f"kubelambda/{name}" for name in TWO} <= set(names), "tracebacks quote the sources"
    source = "from kubelambda.core.wire import frames; print(frames.__file__)"
    program = [sys.executable, "-c", source]
    loaded = subprocess.check_output(program, cwd=tmp_path / "installed", text=True).strip()
    assert loaded.startswith(str(tmp_path / "installed"))
    assert loaded.endswith(".so")


REFUSED = {
    "a wrong type": "def broken() -> int: return 'no number'",
    "a class whose base is not known": "import unknown\nclass Broken(unknown.Base): pass",
    "a coroutine with a function in it": "async def broken(x: int) -> object: return lambda: x",
    "a slice that may end early": "def broken(x: bytes, n: int) -> bytes: return x[n:-n]",
}


@pytest.mark.parametrize("addition", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_compiled_or_would_be_compiled_wrongly_fails_the_build(
    addition: str, tmp_path: Path
) -> None:
    tree = copy_tree(tmp_path / "tree", TWO)
    with (tree / "operator" / "kubelambda" / TWO[0]).open("a") as module:
        module.write(f"\n\n{addition}\n")
    done = build(tree, "--wheel")
    assert done.returncode != 0
    assert "core/errors.py" in done.stderr
    assert "kubelambda: compiling failed" in done.stderr
    assert not list(tree.glob("dist/*.whl"))


def test_an_editable_install_is_never_compiled(tmp_path: Path) -> None:
    tree = copy_tree(tmp_path / "tree", TWO)
    target = ("--python", sys.executable, "--target", tmp_path / "installed")
    done = run_uv("pip", "install", "--no-deps", *target, "--editable", tree)
    assert done.returncode != 0
    said = " ".join(done.stderr.split())  # it is wrapped
    assert "an editable install cannot be compiled" in said
