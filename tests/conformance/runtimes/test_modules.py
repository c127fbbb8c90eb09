"""Where each language finds modules of the package and of layers, and which one wins (spec 6.3)."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from conformance.lambda_api.invoker import Answer, Invoker
from conformance.lambda_api.layers import build_layer
from conformance.runtimes.conftest import Row

PYTHON = pytest.mark.parametrize("row", ["python"], indirect=True)
NODE = pytest.mark.parametrize("row", ["nodejs", "nodejs24"], indirect=True)
JAVA = pytest.mark.parametrize("row", ["java"], indirect=True)
RUBY = pytest.mark.parametrize("row", ["ruby"], indirect=True)

Files = Mapping[str, str]


def put_layer(invoker: Invoker, **content: Any) -> dict[str, Any]:
    """A layer version of this test's own, and how a function names it."""
    name = invoker.new_name()
    invoker.target.put_object(build_layer(name, 1, **content))
    return {"name": name, "version": 1}


def ask(row: Row, files: Files, event: Any = None, *, layer: Files | None = None) -> Answer:
    """What handler ``app.handler`` of ``files`` answers, with the end of its log."""
    layers = [put_layer(row.invoker, inline=dict(layer))] if layer else []
    code = {"inline": dict(files)}
    arn = row.put(code=code, handler="app.handler", layers=layers)
    return row.invoker(arn, event, LogType="Tail")


def load_by_name(names: list[str]) -> str:
    """A Python handler that tells ``WORD`` of each module."""
    return f"def handler(event, context):\n    return [__import__(n).WORD for n in {names}]\n"


@PYTHON
def test_no_module_of_a_package_takes_the_place_of_one_that_pythons_client_needs(row: Row) -> None:
    names = ["logging", "enum", "json", "http", "queue", "token", "traceback", "urllib", "types"]
    shadows = {f"{name}.py": "raise RuntimeError('loaded')\n" for name in names}
    app = (
        "import enum, logging\ndef handler(event, context):\n    return logging.getLevelName(20)\n"
    )
    assert ask(row, {**shadows, "app.py": app}).value == "INFO"


@PYTHON
def test_an_init_error_is_told_whatever_modules_the_package_holds(row: Row) -> None:
    shadows = dict.fromkeys(("email.py", "socket.py", "ssl/__init__.py"), "raise RuntimeError\n")
    answer = ask(row, {**shadows, "app.py": "raise ValueError('not today')\n"})
    assert answer.value["errorType"] == "ValueError"
    answer = ask(row, {**shadows, "app.py": "import email\n"})
    assert answer.value["errorType"] == "RuntimeError"


@PYTHON
def test_a_module_of_the_package_that_the_client_does_not_need_is_its_own(row: Row) -> None:
    files = {"email.py": "WORD = 'mine'\n", "secrets.py": "WORD = 'mine too'\n"}
    files["app.py"] = load_by_name(["email", "secrets"])
    assert ask(row, files).value == ["mine", "mine too"]


@PYTHON
def test_pth_files_of_packages_and_layers_count(row: Row) -> None:
    package = {
        "libs.pth": "libs\nimport builtins; builtins.STARTED = 'run'\n",
        "libs/vendored.py": "WORD = 'package'\n",
        "started.py": "WORD = STARTED\n",
        "app.py": load_by_name(["vendored", "layered", "started"]),
    }
    layer = {"python/vendor.pth": "more\n", "python/more/layered.py": "WORD = 'layer'\n"}
    assert ask(row, package, layer=layer).value == ["package", "layer", "run"]


@PYTHON
def test_pythonpath_of_the_function_comes_before_layers_and_behind_the_package(row: Row) -> None:
    files = {
        "vendor/one.py": "WORD = 'chosen'\n",
        "vendor/two.py": "WORD = 'chosen'\n",
        "vendor/logging.py": "raise RuntimeError('loaded')\n",
        "two.py": "WORD = 'package'\n",
        "app.py": load_by_name(["one", "two", "three"]),
    }
    layer = {"python/one.py": "WORD = 'layer'\n", "python/three.py": "WORD = 'layer'\n"}
    arn = row.put(
        code={"inline": files},
        handler="app.handler",
        layers=[put_layer(row.invoker, inline=layer)],
        # Relative to the task root, which has another name in local mode.
        environment={"variables": {"PYTHONPATH": "vendor"}},
    )
    assert row.invoker(arn).value == ["chosen", "package", "layer"]


BROKEN: Mapping[str, str] = {
    "an exception": "raise ValueError('not today')",
    "an exception that is no Exception": "raise KeyboardInterrupt('not today')",
    "an exit with a message": "raise SystemExit('not today')",
}


@PYTHON
@pytest.mark.parametrize("what", BROKEN)
@pytest.mark.one_on_cluster
def test_the_log_that_a_caller_gets_says_where_an_init_broke(row: Row, what: str) -> None:
    app = f"def begin():\n    print('begun')\n    {BROKEN[what]}\nbegin()\n"
    answer = ask(row, {"app.py": app})
    assert answer.is_error
    assert "begun\n" in answer.tail
    assert "not today" in answer.tail
    if "exit" not in what:
        assert "Traceback (most recent call last)" in answer.tail
        assert ", in begin" in answer.tail
    assert answer.tail.index("not today") < answer.tail.index("START RequestId")


REQUIRE_ALL = """
const found = (names) => names.map((name) => require(name))
exports.handler = async ({ names }) => [...found(names), typeof require('fs').stat]
"""


NODE_HANDLER = "exports.handler = async () => 'layer'"


def export(word: str) -> str:
    return f"module.exports = '{word}'"


@NODE
def test_node_looks_into_the_package_then_versioned_then_common_layers(row: Row) -> None:
    major = row.language.runtime.removeprefix("nodejs").removesuffix(".x")
    versioned, common = f"nodejs/node{major}/node_modules", "nodejs/node_modules"
    layer = {
        **{f"{versioned}/{name}/index.js": export("versioned") for name in ("mine", "both", "new")},
        **{f"{common}/{name}/index.js": export("common") for name in ("mine", "both", "old")},
    }
    files = {
        "app.js": REQUIRE_ALL,
        "node_modules/mine/index.js": export("package"),
        "src/shared.js": export("root"),
        "fs.js": export("never loaded"),
    }
    names = ["mine", "both", "new", "old", "src/shared"]
    answer = ask(row, files, {"names": names}, layer=layer)
    assert answer.value == ["package", "versioned", "versioned", "common", "root", "function"]


@NODE
def test_es_modules_look_where_require_does(row: Row) -> None:
    major = row.language.runtime.removeprefix("nodejs").removesuffix(".x")
    layer = {f"nodejs/node{major}/node_modules/only/index.js": export("versioned")}
    app = "import only from 'only'\nexport const handler = async () => only\n"
    assert ask(row, {"app.mjs": app}, layer=layer).value == "versioned"


@RUBY
def test_no_file_of_a_package_takes_the_place_of_one_that_the_client_needs(row: Row) -> None:
    shadows = dict.fromkeys(("json.rb", "net/http.rb", "stringio.rb", "uri.rb"), "raise 'loaded'\n")
    app = "def handler(event:, context:)\n  JSON.generate(event)\nend\n"
    assert json.loads(ask(row, {**shadows, "app.rb": app}, {"a": 1}).value) == {"a": 1}


@RUBY
def test_ruby_finds_bundled_gems_gems_of_layers_and_its_own(row: Row) -> None:
    api = row.invoker(
        row.put(
            handler="app.handler",
            code={
                "inline": {"app.rb": "def handler(**)\n  RbConfig::CONFIG['ruby_version']\nend\n"}
            },
        )
    ).value
    names = ("bundled", "layered", "both", "plain", "json")
    requires = "".join(f"require '{name}'\n" for name in names)
    package = {
        "app.rb": f"{requires}def handler(**)\n  [BUNDLED, LAYERED, BOTH, PLAIN]\nend\n",
        **build_gem(f"vendor/bundle/ruby/{api}", "bundled", "package"),
        "both.rb": "BOTH = 'package'\n",
    }
    layer = {
        **build_gem(f"ruby/gems/{api}", "layered", "layer"),
        "ruby/lib/both.rb": "BOTH = 'layer'\n",
        "ruby/lib/plain.rb": "PLAIN = 'layer'\n",
    }
    assert ask(row, package, layer=layer).value == ["package", "layer", "package", "layer"]


def build_gem(directory: str, name: str, word: str) -> Files:
    """A gem as it lies when it is installed."""
    specification = (
        f"Gem::Specification.new do |s|\n s.name = '{name}'\n s.version = '1.0.0'\n"
        f" s.summary = 't'\n s.authors = ['t']\n s.require_paths = ['lib']\nend\n"
    )
    return {
        f"{directory}/gems/{name}-1.0.0/lib/{name}.rb": f"{name.upper()} = '{word}'\n",
        f"{directory}/specifications/{name}-1.0.0.gemspec": specification,
    }


HANDLERS_OF_LAYERS: Mapping[str, tuple[str, Files]] = {
    "python": (
        "wrapper.main.handler",
        {"python/wrapper/main.py": "def handler(event, context):\n    return 'layer'\n"},
    ),
    "nodejs": ("wrapper.handler", {"nodejs/node_modules/wrapper/index.js": NODE_HANDLER}),
    "nodejs24": ("wrapper.handler", {"nodejs/node_modules/wrapper/index.js": NODE_HANDLER}),
    "ruby": ("wrapper.handler", {"ruby/lib/wrapper.rb": "def handler(**) = 'layer'\n"}),
}


@pytest.mark.parametrize("row", HANDLERS_OF_LAYERS, indirect=True)
def test_the_handler_may_be_a_layers(row: Row) -> None:
    handler, layer = HANDLERS_OF_LAYERS[row.name]
    layers = [put_layer(row.invoker, inline=dict(layer))]
    code = {"inline": {"data.txt": "a package without code"}}
    assert row.invoker(row.put(handler=handler, code=code, layers=layers)).value == "layer"


@JAVA
def test_java_finds_jars_of_the_package_and_of_layers_the_packages_class_first(
    row: Row, tmp_path: Path
) -> None:
    package, layer = tmp_path / "package", tmp_path / "layer"
    build = Jars(tmp_path)
    build.classes(package, {"demo.App": APP, "demo.Both": word_class("demo.Both", "package")})
    build.jar(package / "lib" / "own.jar", {"demo.Jar": word_class("demo.Jar", "jar")})
    build.jar(
        layer / "java" / "lib" / "shared.jar",
        {
            "demo.Both": word_class("demo.Both", "layer"),
            "demo.Layer": word_class("demo.Layer", "layer"),
        },
    )
    shared = put_layer(row.invoker, package=row.invoker.push(layer))
    code = {"package": row.invoker.push(package)}
    arn = row.put(code=code, handler="demo.App::words", layers=[shared])
    names = ["demo.Both", "demo.Jar", "demo.Layer"]
    assert row.invoker(arn, names).value == ["package", "jar", "layer"]


APP = """
package demo;
import java.util.*;
public class App {
    public List<String> words(List<String> names) throws Exception {
        List<String> words = new ArrayList<>();
        for (String name : names)
            words.add((String) Class.forName(name).getMethod("word").invoke(null));
        return words;
    }
}
"""


def word_class(name: str, word: str) -> str:
    package, simple = name.rsplit(".", 1)
    method = f'public static String word() {{ return "{word}"; }}'
    return f"package {package}; public class {simple} {{ {method} }}"


class Jars:
    """Compiles classes by the JDK."""

    def __init__(self, directory: Path) -> None:
        self._sources = directory / "sources"
        self._count = 0

    def classes(self, target: Path, sources: Files) -> None:
        paths = []
        for name, text in sources.items():
            self._count += 1
            path = self._sources / str(self._count) / f"{name.rsplit('.', 1)[1]}.java"
            path.parent.mkdir(parents=True)
            path.write_text(text)
            paths.append(path)
        run("javac", "--release", "17", "-d", target, *paths)

    def jar(self, target: Path, sources: Files) -> None:
        self._count += 1
        directory = self._sources / f"jar-{self._count}"
        self.classes(directory, sources)
        target.parent.mkdir(parents=True)
        run("jar", "cf", target, "-C", directory, ".")


def run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
