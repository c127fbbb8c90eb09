"""Compiles modules of a package with mypyc: ``compile_modules.py DIRECTORY OUTPUT MODULE...``.

Contract: each ``MODULE`` is a file below ``DIRECTORY``, which holds ``kubelambda``. In ``OUTPUT`` a
small extension module is written for each, where the import system looks for it, and one shared
library with the code of all of them beside ``kubelambda``. Equal sources give equal files, wherever
they lie. Whatever mypyc or the C compiler refuses ends this with an exit code.
"""

import os
import sys
import tempfile
from pathlib import Path

from mypyc.build import mypycify
from setuptools import Distribution

LIBRARY = "kubelambda"
"""The shared library is called after it: ``kubelambda__mypyc``."""
OPTIONS = [
    "--explicit-package-bases",
    "--namespace-packages",
    "--ignore-missing-imports",  # dependencies need not be there: what they give is Any
    "--no-incremental",
]


def compile_modules(directory: str, output: str, modules: list[str]) -> None:
    """Compile ``modules`` into ``output``, an absolute path."""
    os.chdir(directory)  # tracebacks name files as they are given
    with tempfile.TemporaryDirectory() as scratch:
        settings = Path(scratch, "mypy.ini")
        settings.write_text(build_settings(modules))
        extensions = mypycify(
            [f"--config-file={settings}", *OPTIONS, *modules],
            opt_level="3",
            debug_level="0",  # debug information would hold paths
            target_dir=f"{scratch}/c",
            group_name=LIBRARY,
        )
        distribution = Distribution({"name": LIBRARY, "ext_modules": extensions})
        command = distribution.get_command_obj("build_ext")
        command.build_lib = output
        command.build_temp = f"{scratch}/objects"
        command.ensure_finalized()
        command.run()


def build_settings(modules: list[str]) -> str:
    """Refuse classes with a base that is Any: mypyc compiles them, and they crash the process."""
    names = ",".join(module.removesuffix(".py").replace("/", ".") for module in modules)
    return f"[mypy]\n[mypy-{names}]\ndisallow_subclassing_any = True\n"


if __name__ == "__main__":
    compile_modules(sys.argv[1], sys.argv[2], sys.argv[3:])
