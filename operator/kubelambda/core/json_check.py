"""Is this payload JSON? Strict, and in slices, so that a large one never stalls an event loop.

Contract: the payload itself is never changed or kept. Refused: anything but UTF-8, NaN and
Infinity, lone surrogates, nesting over 1,000. Accepted: any JSON value, duplicate keys, numbers of
any length (FAULTS F17). ``check_small`` is for payloads up to SMALL_BYTES; ``iter_check`` yields
between slices.
"""

import json
import re
from collections.abc import Iterator

SMALL_BYTES = 65_536
DEPTH_MAX = 1_000
TOKENS_PER_SLICE = 2_000

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_SPACE = re.compile(r"[ \t\n\r]*+")
_TOKEN = re.compile(
    r'(?P<string>"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+")'
    r"|(?P<number>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)"
    r"|(?P<literal>true|false|null)"
    r"|(?P<mark>[\[\]{},:])"
)


class NotJsonError(ValueError):
    """The payload is not JSON; the message is for its sender."""


def check_small(payload: bytes) -> None:
    """Raise NotJsonError unless ``payload`` is JSON."""
    text = _decode(payload)
    try:
        _DECODER.decode(text)
    except RecursionError as error:
        raise NotJsonError("nested too deeply") from error
    except ValueError as error:
        raise NotJsonError(str(error)) from error


def iter_check(payload: bytes) -> Iterator[None]:
    """As ``check_small`` in slices of some milliseconds: run it to its end."""
    text = _decode(payload)
    yield
    yield from _iter_tokens(text)


def _decode(payload: bytes) -> str:
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJsonError(f"invalid UTF-8 at byte {error.start}") from error
    if _SURROGATE.search(text) and _has_lone_surrogate(text):
        raise NotJsonError("a lone surrogate in a string")
    return text


def _has_lone_surrogate(text: str) -> bool:
    high_end = -1
    for escape in _ESCAPE.finditer(text):
        code = escape[1].lower() if escape[1] else ""
        is_low = "dc00" <= code <= "dfff"
        if (high_end >= 0) != is_low or (is_low and escape.start() != high_end):
            return True
        high_end = escape.end() if "d800" <= code <= "dbff" else -1
    return high_end >= 0


def _refuse_constant(name: str) -> None:
    raise NotJsonError(f"unrecognized token '{name}'")


def _ignore(_: str) -> None:
    return None


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=_ignore, parse_float=_ignore)

# What may come next: a value, a value or the end of an array, a key, a key or the end of an object,
# a colon, a comma or an end.
_VALUE, _FIRST_ITEM, _KEY, _FIRST_KEY, _COLON, _AFTER = range(6)


def _iter_tokens(text: str) -> Iterator[None]:
    stack: list[str] = []
    expected, position, count = _VALUE, 0, 0
    while True:
        position = _skip_space(text, position)
        if position == len(text):
            break
        token = _TOKEN.match(text, position)
        if token is None or (expected == _AFTER and not stack):
            raise NotJsonError(f"unexpected character at {position}")
        expected = _next_state(expected, token, stack)
        position = token.end()
        count += 1
        if count % TOKENS_PER_SLICE == 0:
            yield
    if expected != _AFTER or stack:
        raise NotJsonError("unexpected end of input")


def _skip_space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _next_state(expected: int, token: "re.Match[str]", stack: list[str]) -> int:
    kind, mark = token.lastgroup, token.group()
    if kind != "mark":
        return _after_scalar(expected, kind, token)
    if mark in "[{":
        if expected not in (_VALUE, _FIRST_ITEM):
            raise _unexpected(token)
        if len(stack) >= DEPTH_MAX:
            raise NotJsonError("nested too deeply")
        stack.append("]" if mark == "[" else "}")
        return _FIRST_ITEM if mark == "[" else _FIRST_KEY
    if mark == ":":
        if expected != _COLON:
            raise _unexpected(token)
        return _VALUE
    if mark == ",":
        if expected != _AFTER:
            raise _unexpected(token)
        return _KEY if stack[-1] == "}" else _VALUE
    return _close(expected, token, stack)


def _after_scalar(expected: int, kind: str | None, token: "re.Match[str]") -> int:
    if expected in (_KEY, _FIRST_KEY) and kind == "string":
        return _COLON
    if expected in (_VALUE, _FIRST_ITEM):
        return _AFTER
    raise _unexpected(token)


def _close(expected: int, token: "re.Match[str]", stack: list[str]) -> int:
    allowed = (_AFTER, _FIRST_ITEM) if token.group() == "]" else (_AFTER, _FIRST_KEY)
    if expected not in allowed or not stack or stack[-1] != token.group():
        raise _unexpected(token)
    stack.pop()
    return _AFTER


def _unexpected(token: "re.Match[str]") -> NotJsonError:
    return NotJsonError(f"unexpected '{token.group()[:20]}' at {token.start()}")
