"""An environment of local mode sees what is mounted for it alone."""

import json
from pathlib import Path

from kubelambda.local.environments.isolation import (
    NOT_ISOLATED,
    Isolation,
    find_isolation,
    make_directories,
)
from kubelambda.local.environments.mounts import HOSTS, OPT, TASK, TMP, Mount, plan_mounts
from kubelambda.local.environments.needed_paths import find_prefix, list_needed_paths
from kubelambda.local.machine import Machine


def plan(directory: Path, *needed: Path) -> dict[Path, Mount]:
    """By place; the dictionary keeps the order."""
    make_directories(directory)
    mounts = plan_mounts(directory, (TASK, OPT, TMP), needed)
    return {mount.place: mount for mount in mounts}


def test_the_names_of_the_sandbox_are_added_to_those_of_the_machine(tmp_path: Path) -> None:
    text = plan(tmp_path / "env")[HOSTS].source.read_text()
    assert text.startswith(HOSTS.read_text())
    assert text.endswith("\n127.0.0.1 sandbox.localdomain sandbox\n")


def test_opt_and_tmp_are_the_environments_own(tmp_path: Path) -> None:
    mounts = plan(tmp_path / "env")
    assert mounts[OPT].source == tmp_path / "env" / "opt"
    assert mounts[TMP].source == tmp_path / "env" / "tmp"


def test_a_machine_without_var_task_keeps_all_else_of_var(tmp_path: Path) -> None:
    if TASK.is_dir():
        return  # nothing has to be made
    mounts = plan(tmp_path / "env")
    own = tmp_path / "env" / "var"
    assert mounts[own / "task"].source == tmp_path / "env" / "task"
    assert mounts[TASK.parent].source == own
    assert {path.name for path in own.iterdir()} >= {path.name for path in TASK.parent.iterdir()}


def test_what_is_needed_below_a_covered_place_stays_there_closed_to_writing(
    tmp_path: Path,
) -> None:
    """The tests' own directories lie below /tmp on most machines; else nothing is hidden."""
    root = Path("/tmp") / f"kubelambda-test-{tmp_path.name}"
    (root / "python" / "bin").mkdir(parents=True)
    (root / "certificates.pem").touch()
    try:
        mounts = plan(
            tmp_path / "env", root / "python", root / "python" / "bin", root / "certificates.pem"
        )
        own = tmp_path / "env" / "tmp" / root.name
        assert mounts[own / "python"] == Mount(root / "python", own / "python", read_only=True)
        assert mounts[own / "certificates.pem"].read_only
        assert (own / "certificates.pem").is_file()
        assert own / "python" / "bin" not in mounts, "it comes with what it lies in"
    finally:
        (root / "certificates.pem").unlink()
        (root / "python" / "bin").rmdir()
        (root / "python").rmdir()
        root.rmdir()


def test_the_place_that_holds_the_environment_itself_is_covered_last(tmp_path: Path) -> None:
    covers = [place for place in plan(tmp_path / "env") if place in (OPT, TMP, TASK.parent, TASK)]
    holding = [place for place in covers if tmp_path.is_relative_to(place)]
    assert covers[len(covers) - len(holding) :] == holding


def test_a_program_needs_what_it_was_installed_with() -> None:
    opt = Path("/opt")
    assert find_prefix(Path("/opt/jdk-21/bin/java"), opt) == Path("/opt/jdk-21")
    assert find_prefix(Path("/opt/tools/node"), opt) == Path("/opt/tools")
    assert find_prefix(Path("/opt/bin/ruby"), opt) == Path("/opt/bin/ruby")


def test_interpreters_path_and_certificates_are_needed() -> None:
    machine = Machine({"java": ("/opt/jdk-21/bin/java", "21")})
    variables = {"PATH": "/usr/bin:/opt/node/bin", "SSL_CERT_FILE": "/opt/ca.pem"}
    needed = list_needed_paths(machine, [Path("/opt/kubelambda/bin/agent")], variables)
    wanted = {"/opt/jdk-21", "/opt/node", "/opt/ca.pem", "/opt/kubelambda"}
    assert wanted <= {str(path) for path in needed}


def test_where_nothing_is_mounted_the_environment_has_directories_of_its_own(
    tmp_path: Path,
) -> None:
    paths = NOT_ISOLATED.prepare(tmp_path)
    assert (paths.task, paths.opt) == (str(tmp_path / "task"), str(tmp_path / "opt"))
    assert paths.variables == {"TMPDIR": str(tmp_path / "tmp")}
    assert list(tmp_path.iterdir()) == []


def test_a_machine_that_refuses_is_no_reason_not_to_start_and_is_explained(tmp_path: Path) -> None:
    agent = tmp_path / "agent"
    agent.write_text("#!/bin/sh\necho 'operation not permitted' >&2\nexit 1\n")
    agent.chmod(0o755)
    found = find_isolation(agent, tmp_path / "state")
    assert found.command == ()
    assert "/var/task" in found.notice
    assert "not found" in found.notice
    assert list((tmp_path / "state").rglob("try-mounts")) == []


def test_the_agent_is_told_of_the_mounts_in_their_order(tmp_path: Path) -> None:
    make_directories(tmp_path / "env")
    isolation = Isolation(("unshare", "--mount", "--"), (TASK, OPT, TMP))
    paths = isolation.prepare(tmp_path / "env")
    told = json.loads(paths.variables["KUBELAMBDA_MOUNTS"])
    assert (paths.task, paths.opt, paths.variables["TMPDIR"]) == ("/var/task", "/opt", "/tmp")
    assert all(set(mount) == {"source", "place", "readOnly"} for mount in told)


def test_below_an_images_root_are_the_environments_files_and_the_kernels(tmp_path: Path) -> None:
    """Before Lambda's paths are covered, since what is mounted may be below them."""
    root = tmp_path / "image"
    root.mkdir()
    make_directories(tmp_path / "env")
    mounts = plan_mounts(tmp_path / "env", (TASK, OPT, TMP), (), root)
    places = [mount.place for mount in mounts]
    sources = {mount.place: mount.source for mount in mounts}
    assert sources[root / "var/task"] == tmp_path / "env/task"
    assert sources[root / "opt"] == tmp_path / "env/opt"
    assert sources[root / "proc"] == Path("/proc")
    assert sources[root / "etc/hosts"] == HOSTS
    assert max(places.index(root / part) for part in ("var/task", "tmp")) < places.index(TMP)
    assert all(mount.place.exists() for mount in mounts if root in mount.place.parents)
