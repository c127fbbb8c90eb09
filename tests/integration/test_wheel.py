"""The built wheel, installed by pip into an empty environment.

Alone it has the client's commands; with the extra ``local`` it is all that local mode needs.
"""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from ports import free_port

ROOT = Path(__file__).resolve().parents[2]
NO_INDEX = re.compile("No matching distribution|NewConnectionError|Failed to fetch|dns error")
FUNCTION = {
    "apiVersion": "kubelambda.io/v1alpha1",
    "kind": "LambdaFunction",
    "metadata": {"name": "hello"},
    "spec": {
        "runtime": "python3.13",
        "handler": "app.handler",
        "code": {"inline": {"app.py": "def handler(event, context):\n    return 'installed'\n"}},
    },
}


def run(*command: str | Path, status: int = 0) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"},
    )
    said = done.stdout + done.stderr
    if done.returncode != 0 and NO_INDEX.search(said):
        pytest.skip("no package index can be reached")
    assert done.returncode == status, said
    return said


@pytest.mark.index
@pytest.mark.timeout(900)
def test_a_wheel_installed_by_pip_serves_functions(tmp_path: Path) -> None:
    run(ROOT / "hack" / "uv", "build", "--wheel", "--out-dir", tmp_path / "dist", ROOT)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    programs = tmp_path / "venv" / "bin"
    install = (programs / "pip", "install", "--disable-pip-version-check", "--no-compile")
    run(*install, wheel)
    assert "kind: CustomResourceDefinition" in run(programs / "kubelambda", "crds", "print")
    said = run(programs / "kubelambda", "local", "start", ".", status=2)
    assert "pip install 'kubelambda[local]'" in said
    run(
        programs / "pip",
        "install",
        "--disable-pip-version-check",
        "--no-compile",
        f"{wheel}[local]",
    )
    (tmp_path / "hello.yaml").write_text(json.dumps(FUNCTION))
    port = free_port()
    process = subprocess.Popen(
        [programs / "kubelambda", "local", "start", "hello.yaml", "--port", str(port)],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        banner = ""
        while "Ctrl-C" not in banner:
            line = process.stdout.readline()
            assert line, banner
            banner += line
        url = f"http://127.0.0.1:{port}/2015-03-31/functions/hello/invocations"
        with urllib.request.urlopen(urllib.request.Request(url, b"{}"), timeout=60) as answer:
            assert answer.read() == b'"installed"'
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 0
