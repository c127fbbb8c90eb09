"""What a function finds around itself: limits, shell, user, host names (spec 1.12, 6.1 and 6.5)."""

import tempfile
from pathlib import Path
from typing import Any

import pytest

from conformance.conftest import skip_impossible
from conformance.lambda_api.invoker import Answer, Invoker
from conformance.lambda_api.targets import TARGET
from conformance.runtimes.conftest import Row
from kubelambda.local.environments.agent_binary import find_agent
from kubelambda.local.environments.isolation import find_isolation

LOOK = """
import os, pwd, resource, socket

def handler(event, context):
    return {
        "open files": resource.getrlimit(resource.RLIMIT_NOFILE),
        "locked bytes": resource.getrlimit(resource.RLIMIT_MEMLOCK),
        "SHLVL": os.environ.get("SHLVL"),
        "PWD": os.environ.get("PWD") == os.getcwd() == os.environ["LAMBDA_TASK_ROOT"],
        "user": pwd.getpwuid(os.getuid()).pw_name,
        "addresses": [socket.gethostbyname(name) for name in event["names"]],
    }
"""

TUTORIAL = """#!/bin/sh

set -euo pipefail

source $LAMBDA_TASK_ROOT/"$(echo $_HANDLER | cut -d. -f1).sh"
API=http://${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation

while true
do
  HEADERS="$(mktemp)"
  EVENT_DATA=$(curl -sS -LD "$HEADERS" "$API/next")
  REQUEST_ID=$(grep -Fi Lambda-Runtime-Aws-Request-Id "$HEADERS" | tr -d '[:space:]' | cut -d: -f2)
  RESPONSE=$($(echo "$_HANDLER" | cut -d. -f2) "$EVENT_DATA")
  curl "$API/$REQUEST_ID/response" -d "$RESPONSE"
done
"""
FUNCTION = """function handler () {
  EVENT_DATA=$1
  local words=(one two)
  [[ $EVENT_DATA == *you* ]] && echo "\\"${words[1]}\\""
}
"""
SH_EXTENSION = """#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2020-01-01/extension"
set -o pipefail
names=(Lambda-Extension-Identifier Lambda-Extension-Name)
id=$(curl -sS -D - -o /dev/null "$api/register" -H "${names[1]}: spoken" \\
    -d '{"events":["INVOKE"]}' |
  grep -i "^${names[0]}:" | tr -d '\\r' | cut -d' ' -f2)
while curl -sS -o /dev/null "$api/event/next" -H "${names[0]}: $id"; do :; done
"""


WRAPPER = """#!/bin/bash
export FROM_WRAPPER=$(cat /opt/told.txt)
exec "$@"
"""
PLACES = """
import os, pathlib

def handler(event, context):
    pathlib.Path("/tmp/mine").write_text("x")
    return {
        "from wrapper": os.environ.get("FROM_WRAPPER"),
        "file": open("/var/task/data.txt").read(),
        "own file": __file__,
        "root": os.environ["LAMBDA_TASK_ROOT"],
        "tmp": sorted(os.listdir("/tmp")),
    }
"""


def allows_mounts(directory: Path) -> bool:
    """Whether this machine lets its user give environments Lambda's own paths."""
    return bool(find_isolation(find_agent(), directory).command)


def look(invoker: Invoker, names: tuple[str, ...] = ()) -> Any:
    arn = invoker.put(
        runtime="python3.13", handler="app.handler", code={"inline": {"app.py": LOOK}}
    )
    return invoker(arn, {"names": names}).value


def test_limits_are_lambdas(invoker: Invoker) -> None:
    seen = look(invoker)
    assert seen["open files"] == [1024, 1024]
    assert seen["locked bytes"] == [65_536, 65_536]


def test_a_managed_runtime_starts_as_if_from_no_shell_in_the_task_root(invoker: Invoker) -> None:
    seen = look(invoker)
    assert seen["SHLVL"] == "0"
    assert seen["PWD"] is True


def test_both_names_of_the_sandbox_are_the_environments_own(
    invoker: Invoker, tmp_path: Path
) -> None:
    """Spec 1.12: examples of AWS listen on either."""
    if TARGET == "local" and not allows_mounts(tmp_path):
        skip_impossible("this machine's user may have no mount namespace")
    names = ("sandbox.localdomain", "sandbox")
    assert look(invoker, names)["addresses"] == ["127.0.0.1", "127.0.0.1"]


def test_code_and_layers_are_at_lambdas_own_paths(invoker: Invoker, tmp_path: Path) -> None:
    """A wrapper script of a layer, a file beside the handler, a /tmp of its own."""
    if TARGET == "local" and not allows_mounts(tmp_path):
        skip_impossible("this machine's user may have no mount namespace")
    name = invoker.new_name()
    layer = {
        "apiVersion": "kubelambda.io/v1alpha1",
        "kind": "LambdaLayer",
        "metadata": {"name": f"{name}-1"},
        "spec": {"version": 1, "content": {"inline": {"wrapper": WRAPPER, "told.txt": "yes"}}},
    }
    invoker.target.put_object(layer)
    arn = invoker.put(
        runtime="python3.13",
        handler="app.handler",
        layers=[{"name": name, "version": 1}],
        environment={"variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"}},
        code={"inline": {"app.py": PLACES, "data.txt": "here"}},
    )
    with tempfile.NamedTemporaryFile(dir="/tmp", prefix="of-the-machine-") as other:
        seen = invoker(arn, {}).value
    tmp = seen.pop("tmp")
    assert seen == {
        "from wrapper": "yes",
        "file": "here",
        "own file": "/var/task/app.py",
        "root": "/var/task",
    }
    # Programs of local mode that lie below the machine's /tmp stay visible.
    assert "mine" in tmp
    assert Path(other.name).name not in tmp


@pytest.mark.impossible(local="functions of local mode run as the user who started it")
def test_lambdas_user_has_a_name(invoker: Invoker) -> None:
    assert look(invoker)["user"] == "sbx_user1051"


@pytest.mark.parametrize("row", ["provided"], indirect=True)
def test_awss_bootstrap_of_a_shell_script_runs(row: Row) -> None:
    files = {"bootstrap": TUTORIAL, "function.sh": FUNCTION}
    # A dozen programs for one event: the three seconds of the default are short on a busy machine.
    arn = row.put(code={"inline": files}, handler="function.handler", timeout=30)
    answer: Answer = row.invoker(arn, "you")
    assert answer.value == "two"


def test_an_extension_that_is_a_script_of_sh_may_use_what_amazon_linuxs_sh_takes(row: Row) -> None:
    """Every image has curl, as AWS's have."""
    name = row.invoker.new_name()
    layer = {
        "apiVersion": "kubelambda.io/v1alpha1",
        "kind": "LambdaLayer",
        "metadata": {"name": f"{name}-1"},
        "spec": {"version": 1, "content": {"inline": {"extensions/spoken": SH_EXTENSION}}},
    }
    row.invoker.target.put_object(layer)
    arn = row.put(layers=[{"name": name, "version": 1}])
    assert not row.ask("count", arn=arn).is_error
