"""What local mode prints at its start also holds on a cluster, or says that it does not."""

from pathlib import Path

import pytest
import yaml

from kubelambda.local.banner import render_banner
from kubelambda.local.bootstrap import INSTALLED
from kubelambda.local.environments.isolation import Isolation
from kubelambda.local.machine import Machine
from unit.functions import make_function

VALUES = Path(__file__).parents[3] / "charts" / "kubelambda" / "values.yaml"
MACHINE = Machine(
    {"python": ("/usr/bin/python3", "3.11")}, {"python": "/r/bootstrap"}, {"python": "/d/python"}
)
URL = "http://127.0.0.1:9000"
ONLY_HERE = "on a cluster the chart installs no runtime of this name"


def test_the_runtimes_that_the_chart_installs_are_known_here() -> None:
    runtimes = yaml.safe_load(VALUES.read_text())["runtimes"].values()
    assert {runtime["identifier"] for runtime in runtimes} == set(INSTALLED)


@pytest.mark.parametrize("runtime", ["python3.12", "python3.11", "provided"])
def test_a_runtime_that_only_this_machine_has_is_remarked(runtime: str) -> None:
    function = make_function(runtime=runtime)
    assert ONLY_HERE in render_banner(URL, [function], MACHINE, Isolation())


@pytest.mark.parametrize("runtime", ["python3.13", "provided.al2023"])
def test_a_runtime_of_the_chart_is_not(runtime: str) -> None:
    assert ONLY_HERE not in render_banner(
        URL, [make_function(runtime=runtime)], MACHINE, Isolation()
    )


def test_where_nothing_can_be_served_the_banner_says_so() -> None:
    banner = render_banner(URL, [], MACHINE, Isolation())
    assert "Nothing is served yet: correct what is named above." in banner
    assert "Try:" not in banner
