"""Local mode's own client for Node answers and logs as AWS's clients do, to the byte.

AWS's JavaScript runs as the image starts it, but for its native part, which plain HTTP stands in
for (node_clients/native.cjs). `make local-runtimes` fetches it.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from conformance.conftest import INSTALL
from conformance.lambda_api.targets import TARGET
from conformance.runtimes.node_clients.client_run import Case, run_client
from kubelambda.local.machine import find_cache

RUNTIME = Path(__file__).resolve().parents[3] / "runtimes" / "nodejs"
NATIVE = Path(__file__).parent / "node_clients" / "native.cjs"
CLIENTS = {"22": "3.3.0", "24": "4.0.2"}

pytestmark = pytest.mark.skipif(TARGET != "local", reason="there is nothing of a cluster in it")


def app(text: str, **more: Any) -> Case:
    return Case({"app.js": text}, **more)


WAIT = "const wait = () => new Promise((resolve) => setTimeout(resolve, 9e3))\n"
JSON_LOG = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}
NOISY = """
class Refused extends Error { constructor(m) { super(m); this.name = 'Refused'; this.code = 'E1' } }
exports.handler = async (event) => {
  console.trace('t'); console.debug('d'); console.info('i %s', event.n, { a: [1] })
  console.log({ a: 1, b: { c: { d: { e: 1 } } } }); console.warn('two\\nlines'); console.log()
  console.error(new Refused('no')); console.error('with', new Refused('no'))
  console.log({ inner: new Refused('deep') }); console.log(1n); console.fatal('f')
  const ring = {}; ring.ring = ring; console.log(ring)
}
"""
LOOK = """
exports.handler = async (event, context) => [
  Object.keys(process.env).filter((name) => name.startsWith('_') && name !== '_'),
  process.env._X_AMZN_TRACE_ID,
  Object.keys(context).sort(), context.getRemainingTimeInMillis() > 1e9,
  Object.keys(globalThis.awslambda ?? {}).sort(),
  globalThis.awslambda?.InvokeStore?.getXRayTraceId(),
  globalThis.awslambda?.InvokeStore?.getRequestId(),
  globalThis[Symbol.for('aws.lambda.runtime.requestId')] ?? 'of 4 none',
  process.argv.length, process.cwd(), module.paths[0], require.main === undefined,
]
"""

CASES: Mapping[str, Case] = {
    "results of every kind": app(
        "exports.handler = async (e) => [1, 'a', {}, null, undefined, () => {}, 2n][e]",
        events=(0, 1, 2, 3, 4, 6),
    ),
    "what a handler sees": app(LOOK),
    "no global awslambda": app(LOOK, variables={"AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA": "1"}),
    "a text log": app(NOISY),
    "a JSON log": app(NOISY, variables=JSON_LOG),
    "a JSON log of errors": app(
        NOISY, variables=JSON_LOG | {"AWS_LAMBDA_LOG_LEVEL": "ERROR"}, only=("22", "24")
    ),
    "an error with a name, a code and a cause": app(
        "exports.handler = async () => { const e = new TypeError('no', { cause: 'c' });"
        " e.code = 7; e.name = 'Mine'; throw e }"
    ),
    "an error that is none": app(
        "exports.handler = async (e) => { throw [null, 'text', 5, { a: 1 }][e] }", events=(1, 2, 3)
    ),
    "nothing that is thrown": app(
        "exports.handler = async (e) => { throw [null, undefined, ''][e] }", events=(0, 1, 2)
    ),
    "nothing that is thrown at once": app(
        "exports.handler = (e) => { throw [null, undefined, ''][e] }", events=(0, 1, 2)
    ),
    "something without words that is thrown": app(
        "exports.handler = async () => { throw Object.create(null) }", only=("22",)
    ),
    "a symbol that is thrown at once": app("exports.handler = () => { throw Symbol('x') }"),
    "a ring for the callback": app(
        "exports.handler = (e, c, cb) => { const ring = {}; ring.ring = ring;"
        " c.callbackWaitsForEmptyEventLoop = e.waits; cb(null, ring) }",
        events=({"waits": False}, {"waits": False}, {"waits": True}),
        only=("22",),
    ),
    "a ring for context.succeed, and a second answer": app(
        "exports.handler = (e, c) => { const ring = {}; ring.ring = ring;"
        " try { c.succeed(ring) } catch { c.succeed('second') } }",
        only=("22",),
    ),
    "other things that are thrown": app(
        "exports.handler = async (e) => {"
        " throw [Symbol('x'), () => 1, 10n, [1, [2]], new AggregateError([new Error('a')], 'g'),"
        " Object.freeze(new Error('f')), new Error('a\\0b\\x7fc\\nd'), new Map(), true][e] }",
        events=tuple(range(9)),
    ),
    "errors with odd members": app(
        "exports.handler = async (e) => { const error = new Error('m');"
        " [() => { error.message = { a: 1 } }, () => { error.stack = undefined },"
        " () => { error.name = 5 }, () => { error.self = error }, () => { error.count = 10n },"
        " () => { Object.defineProperty(error, 'message', { get() { throw 1 } }) },"
        " () => { error.message = undefined }, () => { error.name = undefined },"
        " () => { delete error.stack }, () => { error.stack = { a: 1 } }][e](); throw error }",
        events=tuple(range(10)),
    ),
    "what looks like an error": app(
        "exports.handler = async (e) => { throw [{ name: 'N', message: 'M', stack: 'S' },"
        " { name: 'N', message: 'M' }, { message: 'M' }][e] }",
        events=(0, 1, 2),
    ),
    "results that are hardly JSON": app(
        "exports.handler = async (e) => [NaN, Symbol('x'), new Date(0), new Map([[1, 2]]),"
        " Buffer.from('ab'), { toJSON() { throw new Error('no') } }, '\\ud800',"
        " { a: undefined, b: NaN, c: () => 1 }, new Error('returned'), '', false, 0,"
        " { toJSON() { return undefined } }][e]",
        events=tuple(range(13)),
    ),
    "a thenable": app(
        "exports.handler = (e) => ({ then(yes, no) { e ? no(new Error('no')) : yes('yes') } })",
        events=(0, 1, 0),
    ),
    "a generator": app("exports.handler = async function* () { yield 1 }"),
    "an error in JSON": app("exports.handler = async () => { throw 'x' }", variables=JSON_LOG),
    "a rejection that nobody handles": app(
        "async function chargeCard() { throw new RangeError('declined') }\n"
        "exports.handler = async () => { chargeCard(); await wait() }\n" + WAIT,
        only=("22",),
    ),
    "a rejection that is no error": app(
        "exports.handler = async () => { Promise.reject({ a: 1 }); await wait() }\n" + WAIT,
        only=("22",),
    ),
    "an exception that nobody catches": app(
        "exports.handler = async () => {"
        " setTimeout(() => { throw new RangeError('later') }); await wait() }\n" + WAIT,
        only=("22",),
    ),
    "a promise that is never settled": app(
        "exports.handler = async () => { console.log('waits'); await new Promise(() => {}) }"
    ),
    "a promise that is never settled in the init": Case(
        {"app.mjs": "await new Promise(() => {})\nexport const handler = async () => 1"}
    ),
    "neither a promise nor a callback": app("exports.handler = () => {}", only=("22",)),
    "a callback twice": app(
        "exports.handler = (e, c, cb) => { cb(null, 1); cb(null, 2); c.done(null, 3) }",
        only=("22",),
    ),
    "a callback and a promise": app(
        "exports.handler = async (e, c, cb) => { cb(null, 'first'); return 'second' }",
        only=("22",),
    ),
    "a callback and a promise that is never settled": app(
        "exports.handler = (e, c, cb) => { cb(null, 'called'); return new Promise(() => {}) }",
        only=("22",),
    ),
    "listeners of the function's own": app(
        "let count = 0; process.on('beforeExit', () => count++)\n"
        "exports.handler = (e, c, cb) => cb(null, count)",
        only=("22",),
    ),
    "a callback that is refused": app("exports.handler = (e, c, cb) => cb(null, 1)", only=("24",)),
    "a handler in a directory": Case(
        {"src/fn/index.js": "exports.handler = async () => 'index'"}, "src/fn.handler"
    ),
    "a handler beside": Case(
        {"handler.js": "exports.run = async () => 'beside'"}, "lib/handler.run"
    ),
    "a module from the root": Case(
        {
            "src/a/app.js": "exports.handler = async () => require('src/b')",
            "src/b.js": "module.exports = 'b'",
        },
        "src/a/app.handler",
    ),
    "a handler without an extension": Case({"app": "exports.handler = async () => 'bare'"}),
    "an ES module by its package": Case(
        {
            "app.js": "export const handler = async () => 'module'",
            "package.json": '{"type": "module"}',
        }
    ),
    "a package with a byte order mark": Case(
        {
            "app.js": "exports.handler = async () => 'ok'",
            "package.json": '\ufeff{"name": "x"}',
        }
    ),
    "a package that is no JSON": Case(
        {"fn/app.js": "exports.handler = async () => 'ok'", "fn/package.json": "{"},
        "fn/app.handler",
        only=("22",),
    ),
    "a CommonJS file": Case({"app.cjs": "exports.handler = async () => 'cjs'"}),
    "a nested handler": app("exports.a = { b: { c: async () => 'c' } }", handler="app.a.b.c"),
    "no such module": Case({"app.js": ""}, "absent.handler"),
    "no such export": app("exports.other = 1"),
    "an export that is no function": app("exports.handler = 1"),
    "a bad handler name": Case({"app.js": ""}, "app"),
    "a handler name that goes up": Case({"app.js": ""}, "../app.handler"),
    "a syntax error": app("exports.handler = async () => {"),
    "a module that throws": app("throw new RangeError('at init')"),
    "a module that throws no error": app("throw 'at init'", only=("22",)),
    "a module that misses another": app("require('absent-library')"),
    "a stream": app(
        "exports.handler = awslambda.streamifyResponse(async (e, s) => {"
        " s.setContentType('text/plain'); s.write('a'); s.write({ b: e.n }); s.end() })"
    ),
    "a stream that fails": app(
        "exports.handler = awslambda.streamifyResponse(async () => { throw new TypeError('no') })"
    ),
    "a stream that returns": app(
        "exports.handler = awslambda.streamifyResponse(async (e, s) => { s.end('x'); return 1 })"
    ),
}
ROWS = [(name, major) for name, case in CASES.items() for major in case.only]


@pytest.fixture(scope="session")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """By Node's version, AWS's client as its image holds it."""
    cache = find_cache(os.environ) / "node-clients"
    if not shutil.which("node") or not all(
        (cache / client).is_dir() for client in CLIENTS.values()
    ):
        pytest.skip(f"AWS's clients for Node.js: no node or no aws-lambda-ric: {INSTALL}")
    return {
        major: lay_out(cache / version, tmp_path_factory.mktemp(f"client-{major}"))
        for major, version in CLIENTS.items()
    }


def lay_out(client: Path, directory: Path) -> Path:
    """As runtimes/nodejs/build and the Dockerfile do, without the native part."""
    for name in ("index.mjs", "node_path.mjs", "unsettled.mjs"):
        shutil.copy(RUNTIME / name, directory)
    target = directory / "node_modules" / "aws-lambda-ric"
    shutil.copytree(client, target)
    main = target / "dist" / "index.mjs"
    if main.exists():
        patch = ["sed", "-i", "-f", RUNTIME / "unsettled.sed", main]
        subprocess.run(patch, check=True)
        assert main.read_text().count("unanswered") == 2
    (main if main.exists() else target / "index.mjs").with_name("rapid-client.node").touch()
    return directory


@pytest.mark.parametrize(("name", "major"), ROWS)
def test_local_modes_client_does_as_awss(
    name: str, major: str, clients: Mapping[str, Path], tmp_path: Path
) -> None:
    case = CASES[name]
    theirs = ["--require", NATIVE, clients[major] / "index.mjs"]
    expected = run_client([*theirs], case, major, tmp_path / "theirs")
    seen = run_client([RUNTIME / "local" / "index.mjs"], case, major, tmp_path / "ours")
    assert seen.answers == expected.answers
    assert seen.log == expected.log
    assert seen.status == expected.status


def test_a_promise_that_is_never_settled_is_an_error(
    clients: Mapping[str, Path], tmp_path: Path
) -> None:
    case = CASES["a promise that is never settled"]
    program = ["--require", NATIVE, clients["22"] / "index.mjs"]
    (answer,) = run_client([*program], case, "22", tmp_path).answers
    assert answer.path == "invocation/request-1/error"
    assert answer.body["errorType"] == "Runtime.NodejsExit"
