"""Local mode runs what the machine can run and names what it cannot."""

from dataclasses import replace
from pathlib import Path

import pytest

from kubelambda.local.bootstrap import Bootstrap, Unavailable, plan_bootstrap
from kubelambda.local.machine import Machine, find_images

PYTHON = ("/usr/bin/python3", "3.11")
MACHINE = Machine(
    interpreters={
        "python": PYTHON,
        "nodejs": ("/usr/bin/node", "20.20.2"),
        "java": ("/usr/bin/java", "17.0.15"),
        "ruby": ("/usr/bin/ruby", "3.1.2"),
        "dotnet": ("/usr/bin/dotnet", "8.0.4"),
    },
    bootstraps={name: f"/r/{name}/bootstrap" for name in ("nodejs", "java", "ruby", "dotnet")},
    directories={name: f"/d/{name}" for name in ("python", "nodejs", "java", "ruby", "dotnet")},
)


def test_the_same_minor_version_runs_without_a_warning() -> None:
    plan = plan_bootstrap("python3.11", "app.h", MACHINE)
    assert isinstance(plan, Bootstrap)
    assert plan.warning == ""
    assert plan.argv[-5:] == (
        *("/usr/bin/python3", "-s", "-P"),
        *("/d/python/runtime_path.py", "app.h"),
    )
    for runtime in ("nodejs20.x", "java17", "ruby3.1", "dotnet8"):
        plan = plan_bootstrap(runtime, "app.h", MACHINE)
        assert isinstance(plan, Bootstrap)
        assert plan.warning == ""


@pytest.mark.parametrize(
    ("runtime", "warning"),
    [
        ("python3.13", "runs on this machine's Python 3.11"),
        ("nodejs22.x", "runs on this machine's Node.js 20"),
        ("nodejs24.x", "runs on this machine's Node.js 20"),
        ("java21", "runs on this machine's Java 17"),
        ("java8.al2", "runs on this machine's Java 17"),
        ("ruby3.3", "runs on this machine's Ruby 3.1"),
        ("dotnet6", "runs on this machine's .NET 8"),
        ("dotnet10", "runs on this machine's .NET 8"),
    ],
)
def test_another_minor_version_runs_with_a_warning(runtime: str, warning: str) -> None:
    plan = plan_bootstrap(runtime, "app.h", MACHINE)
    assert isinstance(plan, Bootstrap)
    assert plan.warning == warning


def test_the_bootstrap_is_the_images_with_its_own_runtime_directory() -> None:
    plan = plan_bootstrap("nodejs22.x", "app.h", MACHINE)
    assert isinstance(plan, Bootstrap)
    assert plan.argv == ("/bin/sh", "/r/nodejs/bootstrap")
    assert plan.variables == {"LAMBDA_RUNTIME_DIR": "/d/nodejs", "LC_ALL": "C.UTF-8"}


def test_a_dotnet_that_was_fetched_has_its_own_root_and_does_without_the_worlds_cultures() -> None:
    """Without ICU, .NET starts no program unless it is told to know one culture only."""
    fetched = replace(MACHINE, fetched={"dotnet": "/c/dotnet/var/lang"}, has_icu=False)
    plan = plan_bootstrap("dotnet8", "A::B::C", fetched)
    assert isinstance(plan, Bootstrap)
    assert plan.lang_directory == "/c/dotnet/var/lang"
    assert plan.variables["DOTNET_ROOT"] == "/c/dotnet/var/lang/bin"
    assert plan.variables["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] == "true"
    plan = plan_bootstrap("dotnet8", "A::B::C", MACHINE)
    assert isinstance(plan, Bootstrap)
    assert plan.variables == {"LAMBDA_RUNTIME_DIR": "/d/dotnet", "LC_ALL": "C.UTF-8"}


@pytest.mark.parametrize("runtime", ["python3.13", "java21"])
def test_the_agent_knows_which_clients_write_records_in_frames(runtime: str) -> None:
    plan = plan_bootstrap(runtime, "a.B::c", MACHINE)
    assert isinstance(plan, Bootstrap)
    assert plan.variables["KUBELAMBDA_LOG_FRAMES"] == "true"


def test_a_runtime_that_was_built_runs_on_its_own_node_without_a_warning() -> None:
    machine = Machine(
        MACHINE.interpreters,
        MACHINE.bootstraps,
        MACHINE.directories,
        built={"nodejs24.x": "/c/nodejs24.x"},
    )
    plan = plan_bootstrap("nodejs24.x", "app.h", machine)
    assert isinstance(plan, Bootstrap)
    assert plan.warning == ""
    assert plan.argv == ("/bin/sh", "/c/nodejs24.x/var/runtime/bootstrap")
    assert plan.lang_directory == "/c/nodejs24.x/var/lang"
    assert plan.modules == "/c/nodejs24.x/var/runtime/node_modules"
    assert plan.variables["LAMBDA_RUNTIME_DIR"] == "/c/nodejs24.x/var/runtime"
    assert plan_bootstrap("nodejs22.x", "app.h", machine) == plan_bootstrap(
        "nodejs22.x", "app.h", MACHINE
    )


@pytest.mark.parametrize(
    ("runtime", "language", "versions"),
    [
        ("nodejs22.x", "nodejs", ("22",)),
        ("nodejs24.x", "nodejs", ("24",)),
        ("ruby3.1", "ruby", ("3.1.0",)),
        ("ruby3.3", "ruby", ("3.1.0", "3.3.0")),
    ],
)
def test_layers_are_looked_for_as_the_runtimes_image_does(
    runtime: str, language: str, versions: tuple[str, ...]
) -> None:
    """Node's by the runtime that was asked for, gems by the Ruby that is there first."""
    plan = plan_bootstrap(runtime, "app.h", MACHINE)
    assert isinstance(plan, Bootstrap)
    assert (plan.language, plan.versions) == (language, versions)


@pytest.mark.parametrize("runtime", ["provided.al2023", "provided.al2", "provided"])
def test_a_custom_runtime_needs_nothing_of_the_machine(runtime: str) -> None:
    assert plan_bootstrap(runtime, "any", Machine()) == Bootstrap(())


@pytest.mark.parametrize(
    ("runtime", "missing"),
    [
        ("nodejs22.x", "the program node"),
        ("java21", "the program java"),
        ("ruby3.3", "the program ruby"),
        ("dotnet8", "the program dotnet (`make local-runtimes` fetches it)"),
        ("go1.x", "use provided.al2023"),
        ("", "an image function needs a cluster"),
        ("cobol85", "no runtime 'cobol85': known: python3.10, python3.11, "),
    ],
)
def test_a_language_that_is_absent_is_named(runtime: str, missing: str) -> None:
    plan = plan_bootstrap(runtime, "app.h", Machine({"python": PYTHON}))
    assert isinstance(plan, Unavailable)
    assert missing in plan.reason


def test_a_language_whose_files_are_not_prepared_says_how_to_have_them() -> None:
    machine = Machine(MACHINE.interpreters, MACHINE.bootstraps, {})
    plan = plan_bootstrap("java21", "a.B::c", machine)
    assert isinstance(plan, Unavailable)
    assert "make local-runtimes" in plan.reason


def make_image(directory: Path, runtime: str) -> Path:
    place = directory / runtime
    (place / "root").mkdir(parents=True)
    (place / "environment").write_text("PATH=/var/lang/bin:/bin\nEQUALS=a=b\n")
    return place


def test_a_runtime_whose_image_was_unpacked_runs_below_its_root(tmp_path: Path) -> None:
    """With the image's variables, and no warning: its version is the one asked for."""
    place = make_image(tmp_path, "java25")
    machine = replace(MACHINE, images=find_images(tmp_path, is_root=True))
    plan = plan_bootstrap("java25", "example.App", machine)
    assert isinstance(plan, Bootstrap)
    assert plan.argv[:2] == ("/usr/sbin/chroot", f"{place}/root")
    assert plan.argv[-1].endswith("exec /var/runtime/bootstrap")
    assert plan.variables == {"PATH": "/var/lang/bin:/bin", "EQUALS": "a=b"}
    assert (plan.warning, plan.image_root) == ("", f"{place}/root")


def test_who_may_not_change_his_root_runs_the_machines_version(tmp_path: Path) -> None:
    make_image(tmp_path, "java25")
    assert find_images(tmp_path, is_root=False) == {}
    assert find_images(tmp_path / "absent", is_root=True) == {}
