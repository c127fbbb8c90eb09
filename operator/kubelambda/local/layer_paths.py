"""Where languages look for what layers bring, with a directory of local mode in the place of /opt.

Node's path is one with where it finds the SDK, which layers come before.

Contract: pure. Runtime images know these paths by themselves (runtimes/*/Dockerfile); source:
spec/lambda.md, section 6.3. LIMIT: in local mode a function that sets one of these variables itself
no longer finds its layers by it.
"""

from collections.abc import Mapping
from pathlib import Path

from kubelambda.local.machine import Machine


def build_layer_paths(opt: Path, inherited: Mapping[str, str], machine: Machine) -> dict[str, str]:
    """Variables for processes of an environment whose layers are unpacked to ``opt``."""
    path = inherited.get("PATH", "")
    variables = {
        "PATH": f"{path}:{opt / 'bin'}" if path else str(opt / "bin"),
        "LD_LIBRARY_PATH": str(opt / "lib"),
    }
    if "python" in machine.interpreters:
        _, version = machine.interpreters["python"]
        packages = opt / "python" / "lib" / f"python{version}" / "site-packages"
        # Behind the working directory, which is the task root, and before everything else.
        variables["PYTHONPATH"] = f"{packages}:{opt / 'python'}"
    if "nodejs" in machine.interpreters:
        layers = str(opt / "nodejs" / "node_modules")
        bundled = machine.modules.get("nodejs")
        variables["NODE_PATH"] = f"{layers}:{bundled}" if bundled else layers
    if "ruby" in machine.interpreters:
        variables["RUBYLIB"] = str(opt / "ruby" / "lib")
    return variables
