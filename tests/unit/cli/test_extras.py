"""A command whose extra is not installed says in one line which one it needs."""

import subprocess
import sys
from collections.abc import Sequence

import pytest
import typer

from kubelambda.cli.extras import needs_extra

RUN = "from kubelambda.cli.main import main; main()"
ROLES = [
    ("kopf", "controller", ["controller"]),
    ("kubernetes", "controller", ["crds", "apply"]),
    ("httptools", "gateway", ["gateway"]),
    ("uvloop", "gateway", ["dispatcher"]),
    ("aiohttp", "local", ["local", "start", "."]),
]
CLIENT = [["version"], ["crds", "print"], ["package", "push", "no-such-directory"]]
LIBRARIES = (
    *("aiohttp", "awslambdaric", "httptools", "kopf", "kubernetes", "nats"),
    *("prometheus_client", "urllib3", "uvloop", "watchfiles"),
)


def run(absent: Sequence[str], arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """The command, in a process in which importing one of ``absent`` fails."""
    hide = "".join(f"sys.modules[{module!r}] = None; " for module in absent)
    command = [sys.executable, "-c", f"import sys; {hide}{RUN}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("library", "extra", "arguments"), ROLES)
def test_a_role_without_its_libraries_says_which_extra_brings_them(
    library: str, extra: str, arguments: list[str]
) -> None:
    done = run([library], arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"kubelambda: this command needs the library {library}, which is not installed; "
        f"install it with: pip install 'kubelambda[{extra}]'\n"
    )


@pytest.mark.parametrize("arguments", CLIENT)
def test_the_clients_commands_need_no_extra(arguments: list[str]) -> None:
    done = run(LIBRARIES, arguments)
    assert "is not installed" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_module_of_our_own_that_is_missing_is_no_extra() -> None:
    with pytest.raises(ModuleNotFoundError), needs_extra("local"):
        raise ModuleNotFoundError("gone", name="kubelambda.gone")
    with pytest.raises(typer.Exit), needs_extra("local"):
        raise ModuleNotFoundError("gone", name="watchfiles.main")
