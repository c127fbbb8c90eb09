"""Compiles modules of a package with mypyc: ``compile_modules.py DIRECTORY OUTPUT MODULE...``.

Contract: each ``MODULE`` is a file below ``DIRECTORY``, which contains ``kubelambda``; the list is
``compiled-modules`` in pyproject.toml (``build_hook.py`` passes it). For each module a small
extension is written to ``OUTPUT``, where the import system looks for it, and beside ``kubelambda``
one shared library with the code of all of them. Equal sources give equal files, whatever the
directory. Exits with an error if mypyc or the C compiler refuses a module, or if the module has
something that mypyc is known to compile wrongly.
"""

import ast
import os
import sys
import tempfile
from pathlib import Path

from mypyc.build import mypycify
from setuptools import Distribution

LIBRARY = "kubelambda"
"""Names the shared library: ``kubelambda__mypyc``."""
OPTIONS = [
    "--explicit-package-bases",
    "--namespace-packages",
    "--ignore-missing-imports",  # dependencies need not be installed: their types are Any
    "--no-incremental",
]


def compile_modules(directory: str, output: str, modules: list[str]) -> None:
    """Compile ``modules`` into ``output``, an absolute path."""
    os.chdir(directory)  # tracebacks name files by the paths that mypyc is given
    for module in modules:
        refuse_closures_in_coroutines(module)
        refuse_slices_that_end_early(module)
    with tempfile.TemporaryDirectory() as scratch:
        settings = Path(scratch, "mypy.ini")
        settings.write_text(build_settings(modules))
        extensions = mypycify(
            [f"--config-file={settings}", *OPTIONS, *modules],
            opt_level="3",
            debug_level="0",  # debug information would contain paths of this machine
            target_dir=f"{scratch}/c",
            group_name=LIBRARY,
        )
        distribution = Distribution({"name": LIBRARY, "ext_modules": extensions})
        command = distribution.get_command_obj("build_ext")
        command.build_lib = output
        command.build_temp = f"{scratch}/objects"
        command.ensure_finalized()
        command.run()


def refuse_closures_in_coroutines(module: str) -> None:
    """Exit if a coroutine or generator contains a function.

    With mypyc 2.4, ``close`` raises if such a coroutine has ended, and leaves that exception behind
    as the one being handled: it becomes the context of whatever is raised later.
    """
    for function in ast.walk(ast.parse(Path(module).read_text(), module)):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        inside = list(ast.walk(function))[1:]
        is_coroutine = isinstance(function, ast.AsyncFunctionDef)
        is_generator = any(isinstance(one, ast.Yield | ast.YieldFrom) for one in inside)
        kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
        if (is_coroutine or is_generator) and any(isinstance(one, kinds) for one in inside):
            raise SystemExit(
                f"{module}:{function.lineno}: {function.name} is a coroutine or generator that "
                "contains a function, which mypyc compiles wrongly; take the function out, or "
                "the module off the list compiled-modules"
            )


def refuse_slices_that_end_early(module: str) -> None:
    """End where a slice begins somewhere and ends at a place counted from the end, as ``x[a:-b]``.

    Of bytes that are too short mypyc 2.4 makes a SystemError of it, where Python has no bytes.
    """
    for one in ast.walk(ast.parse(Path(module).read_text(), module)):
        if isinstance(one, ast.Slice) and one.lower and isinstance(one.upper, ast.UnaryOp):
            raise SystemExit(
                f"{module}:{one.lower.lineno}: a slice that may end before it begins, which mypyc "
                "compiles wrongly for bytes; compare the two before it is taken"
            )


def build_settings(modules: list[str]) -> str:
    """mypy.ini that refuses classes whose base is Any: compiled, they crash the process."""
    names = ",".join(module.removesuffix(".py").replace("/", ".") for module in modules)
    return f"[mypy]\n[mypy-{names}]\ndisallow_subclassing_any = True\n"


if __name__ == "__main__":
    compile_modules(sys.argv[1], sys.argv[2], sys.argv[3:])
