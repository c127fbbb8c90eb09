"""Layers come before what the runtime brings, and behind the function's own code."""

from pathlib import Path

from kubelambda.local.layer_paths import build_layer_paths
from kubelambda.local.machine import Machine

NODE = {"nodejs": ("/usr/bin/node", "22.0")}


def test_node_finds_layers_before_the_prepared_sdk() -> None:
    machine = Machine(NODE, modules={"nodejs": "/cache/nodejs/node_modules"})
    found = build_layer_paths(Path("/e/opt"), {"PATH": "/bin"}, machine)
    assert found["NODE_PATH"] == "/e/opt/nodejs/node_modules:/cache/nodejs/node_modules"


def test_node_finds_layers_alone_where_no_sdk_is_prepared() -> None:
    found = build_layer_paths(Path("/e/opt"), {}, Machine(NODE))
    assert found["NODE_PATH"] == "/e/opt/nodejs/node_modules"
