"""Is this payload JSON? Strict, and in slices, so that a large one never stalls an event loop.

Contract: the payload itself is never changed or kept. Refused: anything but UTF-8, NaN and
Infinity, lone surrogates, nesting over 1,000. Accepted: any JSON value, duplicate keys, numbers of
any length (F17). ``check_small`` is for payloads up to SMALL_BYTES; ``iter_check`` yields
between slices, each of at most TOKENS_PER_SLICE tokens and about SLICE_BYTES bytes, however long a
single string, number or run of blanks is.
"""

import codecs
import json
import re
from collections.abc import Generator, Iterator

from kubelambda.core.payload.json_messages import (
    CLOSERS,
    describe_depth,
    describe_number,
    describe_stop,
    describe_string,
    describe_utf8,
)
from kubelambda.core.payload.json_stop import Expected, Scope, Stop

SMALL_BYTES = 65_536
DEPTH_MAX = 1_000
TOKENS_PER_SLICE = 2_000
SLICE_BYTES = 65_536

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_SPACE = re.compile(rb"[ \t\n\r]{0,65536}+")
_DIGITS = re.compile(rb"[0-9]{0,65536}+")
# Part of a string; a surrogate is one only as half of a pair. At most some 64 KiB a match.
# Possessive quantifiers ("}+") stand on single characters only: on a group, Python before 3.11.5
# matches wrongly (gh-106052). Parts begin with no quote, so a string gives none of them back.
_PART = (
    rb'(?:[^"\\\x00-\x1f]{1,256}+|\\(?:["\\/bfnrt]|u(?:[0-9abcefABCEF][0-9a-fA-F]{3}'
    rb"|[dD][0-7][0-9a-fA-F]{2}|[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})))"
)
_STRING_PART = re.compile(_PART + rb"{1,256}")
# A string or a number that is too long for one match is only begun by it.
_TOKEN = re.compile(
    rb"[ \t\n\r]{0,999}+(?:"
    rb'(?P<string>"' + _PART + rb'{0,256}")'
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
    if not _is_json(payload):
        for _ in iter_check(payload):
            pass


def iter_check(payload: bytes) -> Iterator[int]:
    """As ``check_small`` in slices: run it to its end. Yields how many bytes a slice has seen."""
    bad = yield from _iter_utf8(payload)
    tokens = _Tokens(payload)
    try:
        yield from tokens.iter_slices()
    except NotJsonError:
        if bad is None or tokens.stopped_at <= bad:
            raise
    if bad is not None:
        raise NotJsonError(describe_utf8(payload, bad))


def _is_json(payload: bytes) -> bool:
    try:
        text = payload.decode("utf-8")
        _DECODER.decode(text)
    except (ValueError, RecursionError):
        return False
    return not (_SURROGATE.search(text) and _has_lone_surrogate(text))


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
    raise NotJsonError(name)


def _ignore(_: str) -> None:
    return None


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=_ignore, parse_float=_ignore)


def _iter_utf8(payload: bytes) -> Generator[int, None, int | None]:
    """Where the first bytes are that are no UTF-8; None if all are."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    view = memoryview(payload)
    for start in range(0, len(payload), SLICE_BYTES):
        part = view[start : start + SLICE_BYTES]
        begun = len(decoder.getstate()[0])
        try:
            decoder.decode(part, final=start + SLICE_BYTES >= len(payload))
        except UnicodeDecodeError as error:
            return start - begun + error.start
        yield len(part)
    return None


class _Tokens:
    """Looks at a payload token by token; whether it is UTF-8 is seen by others."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self._position = 0
        self._begin = 0
        self._last = (0, 0)
        self._expected = Expected.VALUE
        self._stack: list[Scope] = []
        self.stopped_at = 0
        """Where the problem is that was raised."""

    def iter_slices(self) -> Iterator[int]:
        count = 0
        while True:
            token = _TOKEN.match(self._payload, self._position)
            if token is None:
                before = self._position
                yield from self._iter_run(_SPACE)
                if self._position == before:
                    break
                continue
            kind = token.lastgroup or "mark"
            start = token.start(kind)
            if self._expected is Expected.AFTER and not self._stack:
                raise self._stop(start)
            was_key = self._expected in (Expected.KEY, Expected.FIRST_KEY)
            self._follow(token[kind], kind, start)
            self._position = token.end()
            count += 1
            if kind == "long_string":
                yield from self._iter_string(is_key=was_key)
            elif kind == "long_number":
                yield from self._iter_number()
            self._last = (start, self._position)
            if count == TOKENS_PER_SLICE or self._position - self._begin >= SLICE_BYTES:
                yield self._cut()
                count = 0
        is_whole = self._expected is Expected.AFTER and not self._stack
        if self._position < len(self._payload) or not is_whole:
            raise self._stop(self._position)

    def _stop(self, position: int) -> NotJsonError:
        self.stopped_at = position
        scope = self._stack[-1] if self._stack else None
        stop = Stop(position, self._expected, scope, *self._last)
        return NotJsonError(describe_stop(self._payload, stop))

    def _follow(self, token: bytes, kind: str, start: int) -> None:
        """Take one token; what may come next is known then."""
        expected = self._expected
        if kind != "mark":
            self._expected = self._after_scalar(kind, start)
        elif token in (b"[", b"{"):
            self._open(token, start)
        elif token == b":" and expected is Expected.COLON:
            self._expected = Expected.VALUE
        elif token == b"," and expected is Expected.AFTER:
            is_object = self._stack[-1].kind == "Object"
            self._expected = Expected.KEY if is_object else Expected.VALUE
        elif self._closes(token):
            self._stack.pop()
            self._expected = Expected.AFTER
        else:
            raise self._stop(start)

    def _after_scalar(self, kind: str, start: int) -> Expected:
        is_string = kind in ("string", "long_string")
        if self._expected in (Expected.KEY, Expected.FIRST_KEY) and is_string:
            return Expected.COLON
        if self._expected in (Expected.VALUE, Expected.FIRST_ITEM):
            return Expected.AFTER
        raise self._stop(start)

    def _open(self, token: bytes, start: int) -> None:
        if self._expected not in (Expected.VALUE, Expected.FIRST_ITEM):
            raise self._stop(start)
        if len(self._stack) >= DEPTH_MAX:
            self.stopped_at = start
            raise NotJsonError(describe_depth(self._payload, DEPTH_MAX, start))
        is_array = token == b"["
        self._stack.append(Scope("Array" if is_array else "Object", start))
        self._expected = Expected.FIRST_ITEM if is_array else Expected.FIRST_KEY

    def _closes(self, token: bytes) -> bool:
        first = {b"]": Expected.FIRST_ITEM, b"}": Expected.FIRST_KEY}.get(token)
        if first is None or not self._stack:
            return False
        is_open = CLOSERS[self._stack[-1].kind].encode() == token
        return is_open and self._expected in (Expected.AFTER, first)

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

    def _iter_string(self, *, is_key: bool) -> Iterator[int]:
        yield from self._iter_run(_STRING_PART)
        if not self._has(b'"'):
            self.stopped_at = self._position
            problem = describe_string(self._payload, self._position, is_key=is_key)
            raise NotJsonError(problem)

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
            self.stopped_at = begin
            raise NotJsonError(describe_number(self._payload, begin))

    def _has(self, mark: bytes) -> bool:
        is_there = self._payload.startswith(mark, self._position)
        self._position += is_there
        return is_there
