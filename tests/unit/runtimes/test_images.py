"""Every runtime image keeps the contract of runtimes/README.md and is installed by the chart."""

import json
import re
from pathlib import Path

import pytest
import yaml

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

BUILT = {"nodejs": {"nodejs22", "nodejs24"}}
"""Images of hack/images that one Dockerfile gives, where they are not named after its directory."""


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
    "/usr/share/rubygems-integration/3.3.0:/usr/share/rubygems-integration/all:/var/lib/gems/3.3.0"
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
    """The table of core/packages/language_paths.py; Ruby's own gems are Debian's."""
    expected = build_image_paths(name, VERSIONS.get(name, ("", ""))[1])
    if name == "ruby":
        expected["GEM_PATH"] += f":{DEBIANS_GEMS}"
    found = read_environment(name)
    assert {key: found.get(key) for key in expected} == expected


@pytest.mark.parametrize("name", RUNTIMES)
def test_an_image_is_a_value_of_the_chart_and_of_the_test_installation(name: str) -> None:
    values = yaml.safe_load((ROOT / "charts/kubelambda/values.yaml").read_text())["runtimes"]
    images = {key: value["image"] for key, value in values.items()}
    keys = [key for key, image in images.items() if image.startswith(f"kubelambda/runtime-{name}:")]
    assert keys
    install = (ROOT / "hack/install").read_text()
    used = [re.search(rf"^use_image {key} (\S+)", install, re.MULTILINE) for key in keys]
    assert {built[1] for built in used if built} == BUILT.get(name, {name})
    assert all(used)


@pytest.mark.parametrize("major", ["22", "24"])
def test_nodes_images_differ_by_the_packages_of_one_argument(major: str) -> None:
    """ADR 5: the client that AWS's runtime of this Node has, and the Node that it is built for."""
    package = json.loads((ROOT / f"runtimes/nodejs/node{major}/package.json").read_text())
    clients = {"22": "3.", "24": "4."}
    assert package["engines"]["node"].startswith(f"{major}.")
    assert package["dependencies"]["aws-lambda-ric"].startswith(clients[major])
    assert f"echo runtime-nodejs{major} " in (ROOT / "hack/images").read_text()


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
