"""Is this payload JSON? Strict, and in slices, so that a large one never stalls an event loop.

Contract: the payload itself is never changed or kept. Refused: anything but UTF-8, NaN and
Infinity, lone surrogates, nesting over 1,000. Accepted: any JSON value, duplicate keys, numbers of
any length (FAULTS F17). ``check_small`` is for payloads up to SMALL_BYTES; ``iter_check`` yields
between slices, each of at most TOKENS_PER_SLICE tokens and about SLICE_BYTES bytes, however long a
single string, number or run of blanks is.
"""

import codecs
import json
import re
from collections.abc import Iterator

SMALL_BYTES = 65_536
DEPTH_MAX = 1_000
TOKENS_PER_SLICE = 2_000
SLICE_BYTES = 65_536

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_SPACE = re.compile(rb"[ \t\n\r]{0,65536}+")
_DIGITS = re.compile(rb"[0-9]{0,65536}+")
# Part of a string; a surrogate is one only as half of a pair. At most some 64 KiB a match.
_PART = (
    rb'(?:[^"\\\x00-\x1f]{1,256}+|\\(?:["\\/bfnrt]|u(?:[0-9abcefABCEF][0-9a-fA-F]{3}'
    rb"|[dD][0-7][0-9a-fA-F]{2}|[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})))"
)
_STRING_PART = re.compile(_PART + rb"{1,256}+")
# A string or a number that is too long for one match is only begun by it.
_TOKEN = re.compile(
    rb"[ \t\n\r]{0,999}+(?:"
    rb'(?P<string>"' + _PART + rb'{0,256}+")'
    rb'|(?P<long_string>")'
    rb"|(?P<number>-?(?:0|[1-9][0-9]{0,999}+)(?:\.[0-9]{1,999}+)?(?:[eE][+-]?[0-9]{1,999}+)?)"
    rb"(?![0-9.eE])"
    rb"|(?P<long_number>-?(?=[0-9]))"
    rb"|(?P<literal>true|false|null)"
    rb"|(?P<mark>[\[\]{},:]))"
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


def iter_check(payload: bytes) -> Iterator[int]:
    """As ``check_small`` in slices: run it to its end. Yields how many bytes a slice has seen."""
    yield from _iter_utf8(payload)
    yield from _Tokens(payload).iter_slices()


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


def _iter_utf8(payload: bytes) -> Iterator[int]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    view = memoryview(payload)
    for start in range(0, len(payload), SLICE_BYTES):
        part = view[start : start + SLICE_BYTES]
        begun = len(decoder.getstate()[0])
        try:
            decoder.decode(part, final=start + SLICE_BYTES >= len(payload))
        except UnicodeDecodeError as error:
            position = start - begun + error.start
            raise NotJsonError(f"invalid UTF-8 at byte {position}") from error
        yield len(part)


# What may come next: a value, a value or the end of an array, a key, a key or the end of an object,
# a colon, a comma or an end.
_VALUE, _FIRST_ITEM, _KEY, _FIRST_KEY, _COLON, _AFTER = range(6)


class _Tokens:
    """Looks at a payload token by token; what is UTF-8 was seen before."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self._position = 0
        self._begin = 0
        self._rests = {"long_string": self._iter_string, "long_number": self._iter_number}

    def iter_slices(self) -> Iterator[int]:
        stack: list[bytes] = []
        expected, count = _VALUE, 0
        while True:
            token = _TOKEN.match(self._payload, self._position)
            if token is None:
                before = self._position
                yield from self._iter_run(_SPACE)
                if self._position == before:
                    break
                continue
            if expected == _AFTER and not stack:
                raise _unexpected(token)
            expected = _next_state(expected, token, stack)
            self._position = token.end()
            count += 1
            if token.lastgroup in self._rests:
                yield from self._rests[token.lastgroup]()
            if count == TOKENS_PER_SLICE or self._position - self._begin >= SLICE_BYTES:
                yield self._cut()
                count = 0
        if self._position < len(self._payload):
            raise NotJsonError(f"unexpected character at {self._position}")
        if expected != _AFTER or stack:
            raise NotJsonError("unexpected end of input")

    def _cut(self) -> int:
        size = self._position - self._begin
        self._begin = self._position
        return size

    def _iter_run(self, pattern: re.Pattern[bytes]) -> Iterator[int]:
        """Pass over what ``pattern`` matches, as often as it does."""
        while (found := pattern.match(self._payload, self._position)) and found.group():
            self._position = found.end()
            if self._position - self._begin >= SLICE_BYTES:
                yield self._cut()

    def _iter_string(self) -> Iterator[int]:
        yield from self._iter_run(_STRING_PART)
        if not self._has(b'"'):
            raise NotJsonError(f"unexpected character at {self._position}")

    def _iter_number(self) -> Iterator[int]:
        if not self._has(b"0"):
            yield from self._iter_digits()
        if self._has(b"."):
            yield from self._iter_digits()
        if self._has(b"e") or self._has(b"E"):
            _ = self._has(b"+") or self._has(b"-")
            yield from self._iter_digits()

    def _iter_digits(self) -> Iterator[int]:
        begin = self._position
        yield from self._iter_run(_DIGITS)
        if self._position == begin:
            raise NotJsonError(f"unexpected character at {begin}")

    def _has(self, mark: bytes) -> bool:
        is_there = self._payload.startswith(mark, self._position)
        self._position += is_there
        return is_there


def _next_state(expected: int, token: "re.Match[bytes]", stack: list[bytes]) -> int:
    mark = token["mark"]
    if mark is None:
        return _after_scalar(expected, token)
    if mark in b"[{":
        if expected not in (_VALUE, _FIRST_ITEM):
            raise _unexpected(token)
        if len(stack) >= DEPTH_MAX:
            raise NotJsonError("nested too deeply")
        stack.append(b"]" if mark == b"[" else b"}")
        return _FIRST_ITEM if mark == b"[" else _FIRST_KEY
    if mark == b":":
        if expected != _COLON:
            raise _unexpected(token)
        return _VALUE
    if mark == b",":
        if expected != _AFTER:
            raise _unexpected(token)
        return _KEY if stack[-1] == b"}" else _VALUE
    return _close(expected, token, stack)


def _after_scalar(expected: int, token: "re.Match[bytes]") -> int:
    if expected in (_KEY, _FIRST_KEY) and token.lastgroup in ("string", "long_string"):
        return _COLON
    if expected in (_VALUE, _FIRST_ITEM):
        return _AFTER
    raise _unexpected(token)


def _close(expected: int, token: "re.Match[bytes]", stack: list[bytes]) -> int:
    mark = token["mark"]
    allowed = (_AFTER, _FIRST_ITEM) if mark == b"]" else (_AFTER, _FIRST_KEY)
    if expected not in allowed or not stack or stack[-1] != mark:
        raise _unexpected(token)
    stack.pop()
    return _AFTER


def _unexpected(token: "re.Match[bytes]") -> NotJsonError:
    kind = token.lastgroup or 0
    text = token[kind][:20].decode("utf-8", "replace")
    return NotJsonError(f"unexpected '{text}' at {token.start(kind)}")
