"""How handlers are named, what they give and how they fail, language by language."""

from collections.abc import Mapping

import pytest

from conformance.lambda_api.invoker import ONE_ENVIRONMENT
from conformance.runtimes.conftest import Row

PYTHON = pytest.mark.parametrize("row", ["python"], indirect=True)
NODE = pytest.mark.parametrize("row", ["nodejs", "nodejs24"], indirect=True)
RUBY = pytest.mark.parametrize("row", ["ruby"], indirect=True)

PYTHON_NAME = "def handler(event, context):\n    return __name__\n"
NODE_NAME = "exports.handler = async () => 'found'"


@PYTHON
@pytest.mark.parametrize(
    ("handler", "file", "module"),
    [
        ("a.b.c.handler", "a/b/c.py", "a.b.c"),
        ("a/b/c.handler", "a/b/c.py", "a.b.c"),
        ("my-function/app.handler", "my-function/app.py", "my-function.app"),
        ("package.handler", "package/__init__.py", "package"),
        ("test.handler", "test.py", "test"),
        ("bootstrap.handler", "bootstrap.py", "bootstrap"),
    ],
)
@pytest.mark.one_on_cluster
def test_pythons_handler_is_a_module_by_dots_or_slashes(
    row: Row, handler: str, file: str, module: str
) -> None:
    answer = row.invoker(row.put(handler=handler, code={"inline": {file: PYTHON_NAME}}))
    assert answer.value == module


@PYTHON
def test_a_module_of_a_package_may_import_from_beside_itself(row: Row) -> None:
    files = {
        "shop/__init__.py": "",
        "shop/prices.py": "PRICE = 5\n",
        "shop/app.py": "from .prices import PRICE\ndef handler(*_):\n    return PRICE\n",
    }
    assert row.invoker(row.put(handler="shop/app.handler", code={"inline": files})).value == 5


@PYTHON
@pytest.mark.parametrize(
    ("app", "error_type"),
    [
        ("class H:\n    run = handler = None\n", "Runtime.ImportModuleError"),
        ("def handler(event): return 1\n", "TypeError"),
        ("async def handler(event, context): return 1\n", "Runtime.MarshalError"),
        ("def handler(event, context): yield 1\n", "Runtime.MarshalError"),
        ("def handler(event, context): return {1}\n", "Runtime.MarshalError"),
        (
            "def handler(event, context):\n\tif event:\n        return 2\n",
            "Runtime.UserCodeSyntaxError",
        ),
    ],
)
@pytest.mark.one_on_cluster
def test_what_is_no_handler_of_python_is_told_by_its_type(
    row: Row, app: str, error_type: str
) -> None:
    handler = "app.H.run" if "class" in app else "app.handler"
    answer = row.invoker(row.put(handler=handler, code={"inline": {"app.py": app}}))
    assert answer.is_error
    assert answer.value["errorType"] == error_type


@PYTHON
@pytest.mark.parametrize(
    ("result", "payload"),
    [
        ("decimal.Decimal('1.10')", b"1.10"),
        ("{'n': float('nan'), 'i': float('inf')}", b'{"n": NaN, "i": Infinity}'),
        ("b'raw\\xff'", b"raw\xff"),
        ("'ü'", '"ü"'.encode()),
        ("{1: None, True: 2.50}", b'{"1": 2.5}'),
        ("''", b'""'),
        ("None", b"null"),
    ],
)
@pytest.mark.one_on_cluster
def test_a_result_of_python_becomes_what_awss_client_makes_of_it(
    row: Row, result: str, payload: bytes
) -> None:
    app = f"import decimal\ndef handler(event, context):\n    return {result}\n"
    answer = row.invoker(row.put(handler="app.handler", code={"inline": {"app.py": app}}))
    assert (answer.is_error, answer.payload) == (False, payload)


ENDINGS: Mapping[str, str] = {
    "sys.exit()": "Runtime exited without providing a reason",
    "sys.exit('over')": "Runtime exited with error: exit status 1",
    "sys.exit(4)": "Runtime exited with error: exit status 4",
    "os._exit(0)": "Runtime exited without providing a reason",
    "os.kill(os.getpid(), 9)": "Runtime exited with error: signal: killed",
    "os.kill(os.getpid(), 15)": "Runtime exited with error: signal: terminated",
    "(_ for _ in ()).throw(BaseException)": "Runtime exited with error: exit status 1",
}


@PYTHON
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.one_on_cluster
def test_however_python_ends_in_a_handler_it_is_an_exit_error_that_says_how(
    row: Row, ending: str
) -> None:
    app = f"import os, sys\ndef handler(event, context):\n    {ending}\n"
    answer = row.invoker(row.put(handler="app.handler", code={"inline": {"app.py": app}}))
    assert answer.is_error
    assert answer.value == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {answer.request_id} Error: {ENDINGS[ending]}",
    }


@NODE
@pytest.mark.parametrize(
    ("handler", "file", "text"),
    [
        ("main.out/fn.handler", "main.out/fn.js", NODE_NAME),
        ("./src/fn.handler", "src/fn.js", NODE_NAME),
        (
            "a/b.deep.er.handler",
            "a/b.js",
            "exports.deep = { er: { handler: async () => 'found' } }",
        ),
        ("fn.handler", "fn.cjs", NODE_NAME),
        ("fün.handler", "fün.js", NODE_NAME),
        ("fn.handler", "fn.js", f"#!/usr/bin/env node\n{NODE_NAME}"),
    ],
)
@pytest.mark.one_on_cluster
def test_nodes_handler_is_the_last_name_behind_the_last_slash(
    row: Row, handler: str, file: str, text: str
) -> None:
    answer = row.invoker(row.put(handler=handler, code={"inline": {file: text}}))
    assert answer.value == "found"


@NODE
@pytest.mark.parametrize("thrown", ["null", "undefined"])
@pytest.mark.one_on_cluster
def test_a_handler_that_rejects_with_nothing_has_failed_and_the_environment_stays(
    row: Row, thrown: str
) -> None:
    app = f"let n = 0\nexports.handler = async (e) => {{ n += 1; if (e) throw {thrown}; return n }}"
    arn = row.put(handler="app.handler", code={"inline": {"app.js": app}}, **ONE_ENVIRONMENT)
    answer = row.invoker(arn, {})
    assert answer.is_error
    if row.name == "nodejs24":
        assert answer.value["errorMessage"] == thrown
    assert row.invoker.call_when_free(arn, 0).value == 2


@RUBY
@pytest.mark.parametrize(
    ("handler", "file", "text"),
    [
        (
            "src/shop.Shop::Handler.process",
            "src/shop.rb",
            "module Shop\n class Handler\n  def self.process(**) = 'found'\n end\nend",
        ),
        ("shop.Shop.process", "shop.rb", "module Shop\n def self.process(**) = 'found'\nend"),
        *(
            (f"app.{name}", "app.rb", f"def {name}(event:, context:) = 'found'")
            for name in ("call", "load", "process", "run", "test")
        ),
    ],
)
@pytest.mark.one_on_cluster
def test_rubys_handler_may_have_any_name_of_a_class_or_of_none(
    row: Row, handler: str, file: str, text: str
) -> None:
    assert row.invoker(row.put(handler=handler, code={"inline": {file: text}})).value == "found"


@RUBY
def test_a_method_of_the_function_takes_the_place_of_none_of_the_clients(row: Row) -> None:
    names = ("answer", "call", "describe", "header", "load", "log", "parse", "post", "readable")
    mine = "".join(f"def {name}(*) = 'mine'\n" for name in names)
    app = f"{mine}def handler(event:, context:)\n  raise 'no' if event['fails']\n  call\nend\n"
    arn = row.put(handler="app.handler", code={"inline": {"app.rb": app}})
    assert row.invoker(arn, {"fails": True}).value["errorMessage"] == "no"
    assert row.invoker(arn, {}).value == "mine"


MESSAGES: Mapping[str, object] = {
    "RuntimeError.new('ü'.encode('UTF-16LE'))": "ü",
    "RuntimeError.new((+\"\\x82\\xA0\").force_encoding('Shift_JIS'))": "あ",
    'RuntimeError.new("a\\xFFb")': "a\ufffdb",
    "Class.new(StandardError) { def message = { code: 7 } }.new": {"code": 7},
    "Class.new(StandardError) { def message = nil }.new": None,
}


@RUBY
@pytest.mark.parametrize("error", MESSAGES)
@pytest.mark.one_on_cluster
def test_a_message_of_ruby_is_told_whatever_it_is(row: Row, error: str) -> None:
    app = f"def handler(**)\n  raise {error}\nend\n"
    answer = row.invoker(row.put(handler="app.handler", code={"inline": {"app.rb": app}}))
    assert answer.is_error
    assert answer.value["errorMessage"] == MESSAGES[error]


@RUBY
def test_an_error_of_ruby_whose_message_raises_is_told_by_its_class(row: Row) -> None:
    odd = "class Odd < StandardError\n  def message = raise('no')\nend\n"
    app = f"{odd}def handler(**) = raise(Odd)\n"
    arn = row.put(handler="app.handler", code={"inline": {"app.rb": app}})
    for _ in range(2):
        value = row.invoker(arn).value
        assert value["errorType"] == "Function<Odd>"
        assert value["errorMessage"] == "Odd, whose message raised RuntimeError"
