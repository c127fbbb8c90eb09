"""Every runtime image keeps the contract of runtimes/README.md."""

import json
import re
from pathlib import Path

import pytest

from kubelambda.core.model.runtime_identifier import RuntimeIdentifier
from kubelambda.core.model.runtime_table import RUNTIMES as RUNTIME_TABLE
from kubelambda.core.model.runtime_table import list_family
from kubelambda.core.packages.language_paths import build_image_paths

ROOT = Path(__file__).parents[3]
RUNTIMES = sorted(
    path.parent.name for path in ROOT.glob("runtimes/*/Dockerfile") if path.parent.name != "agent"
)
LINES = (
    "ARG BASE=",
    "ARG AGENT_IMAGE=",
    "FROM ${AGENT_IMAGE} AS agent",
    "COPY --from=agent /kubelambda-agent /kubelambda-fetch /usr/local/bin/",
    "RUN echo sbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin >>/etc/passwd",
    " && ln -sf bash /bin/sh",
    "WORKDIR /var/task",
    "USER 993:990",
    'ENTRYPOINT ["/usr/local/bin/kubelambda-agent"]',
)
VARIABLES = (
    "LANG=en_US.UTF-8",
    "TZ=:UTC",
    "LAMBDA_RUNTIME_DIR=/var/runtime",
    "LAMBDA_TASK_ROOT=/var/task",
)


def read_dockerfile(name: str) -> str:
    return (ROOT / "runtimes" / name / "Dockerfile").read_text()


@pytest.mark.parametrize("name", RUNTIMES)
def test_an_image_runs_the_agent_as_lambdas_user_with_the_variables_of_spec_6_5(name: str) -> None:
    text = read_dockerfile(name)
    for line in LINES:
        assert re.search(rf"^{re.escape(line)}", text, re.MULTILINE), line
    for variable in (*VARIABLES, "PATH=", "LD_LIBRARY_PATH="):
        assert variable in text


VERSIONS = {"nodejs": ("NODE", "22"), "ruby": ("RUBY_API", "3.3.0")}
"""By language, the argument that directories of layers are named by, and its default."""
DEBIANS_GEMS = (
    "/usr/share/rubygems-integration/3.3.0:/usr/share/rubygems-integration/all"
    ":/var/lib/gems/3.3.0:/usr/local/lib/ruby/gems/3.3.0"
)


def read_environment(name: str) -> dict[str, str]:
    """The variables of a Dockerfile's ENV, with the argument of VERSIONS filled in."""
    block = re.search(r"^ENV (LANG=(?:.*\\\n)*.*)", read_dockerfile(name), re.MULTILINE)
    assert block is not None
    argument, version = VERSIONS.get(name, ("", ""))
    text = block[1].replace("\\\n", " ").replace(f"${{{argument}}}", version)
    return dict(variable.split("=", 1) for variable in text.split())


@pytest.mark.parametrize("name", RUNTIMES)
def test_an_image_has_the_paths_that_local_mode_has(name: str) -> None:
    """The table of core/packages/language_paths.py; Ruby's own gems are where BASE has them."""
    expected = build_image_paths(name, VERSIONS.get(name, ("", ""))[1])
    if name == "ruby":
        expected["GEM_PATH"] += f":{DEBIANS_GEMS}"
    found = read_environment(name)
    assert {key: found.get(key) for key in expected} == expected


@pytest.mark.parametrize("row", RUNTIME_TABLE.values(), ids=list(RUNTIME_TABLE))
def test_a_dockerfile_knows_the_arguments_of_the_table(row: RuntimeIdentifier) -> None:
    text = read_dockerfile(row.family)
    for argument in row.arguments:
        name = argument.partition("=")[0]
        assert re.search(rf"^ARG {name}=", text, re.MULTILINE), argument


@pytest.mark.parametrize("row", list_family("nodejs"), ids=lambda row: str(row.identifier))
def test_nodes_images_differ_by_the_packages_of_one_argument(row: RuntimeIdentifier) -> None:
    """ADR 5: the client that AWS's runtime of this Node has, and the Node that it is built for."""
    package = json.loads((ROOT / f"runtimes/nodejs/node{row.version}/package.json").read_text())
    assert row.arguments == (f"NODE={row.version}",)
    assert package["engines"]["node"].startswith(f"{row.version}.")
    client = package["dependencies"]["aws-lambda-ric"].partition(".")[0]
    assert row.client.partition(",")[0] == f"aws-lambda-ric {client}"
    assert client == ("3" if int(row.version) < 24 else "4")


@pytest.mark.parametrize("name", [name for name in RUNTIMES if name != "provided"])
def test_a_bootstrap_honours_the_wrapper_script(name: str) -> None:
    path = ROOT / "runtimes" / name / "bootstrap"
    assert path.stat().st_mode & 0o111
    assert 'set -- "$AWS_LAMBDA_EXEC_WRAPPER" "$@"' in path.read_text()


@pytest.mark.parametrize("name", RUNTIMES)
def test_an_image_has_the_programs_that_scripts_of_lambda_use(name: str) -> None:
    """AWS's images have curl, and certificates to trust; extensions that are scripts use it."""
    installed = re.findall(r"--no-install-recommends((?:[^\n]*\\\n)+)", read_dockerfile(name))
    assert any({"curl", "ca-certificates"} <= set(command.split()) for command in installed)
