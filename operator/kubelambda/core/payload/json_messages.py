"""The message for a payload that is not JSON: AWS's words, with the place in line and column.

Contract: pure; given where a check stopped and what it expected there, says what AWS says. Words
and counting are those of the parser behind its Invoke API (Jackson 2.15; ``test_json_messages.py``
holds them against it; public reports show the same up to 2024). As there, up to 500 bytes of the
payload itself are part of the message: it is for its sender only.
"""

from kubelambda.core.payload.json_place import (
    begins_token,
    continues_token,
    count_following,
    find_place,
    locate,
    name_character,
    quote_source,
    take_character,
)
from kubelambda.core.payload.json_stop import Expected, Stop

TOKEN_MAX = 256
HEX_DIGITS = 4
ROOT = "root"
CLOSERS = {"Object": "}", "Array": "]"}
VALUES = "JSON String, Number, Array, Object or token 'null', 'true' or 'false'"
NO_COMMENT = (
    "maybe a (non-standard) comment? (not recognized as one since Feature 'ALLOW_COMMENTS' not "
    "enabled for parser)"
)
NO_PLUS = (
    "JSON spec does not allow numbers to have plus signs: enable "
    "`JsonReadFeature.ALLOW_LEADING_PLUS_SIGN_FOR_NUMBERS` to allow"
)
NO_NAN = "enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow"
NO_TRAILING = (
    "Trailing token found after value: not allowed as per "
    "`DeserializationFeature.FAIL_ON_TRAILING_TOKENS`"
)
NO_MARK = "Unexpected byte order mark (U+FEFF) before the value: send the payload without it"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
NOT_NUMBERS = (b"NaN", b"Infinity", b"-Infinity")


def describe_stop(payload: bytes, stop: Stop) -> str:
    """The message for what is at ``stop.position``, or for its absence."""
    found = payload[stop.position : stop.position + 1]
    last = payload[stop.last_start : stop.last_end]
    touches = stop.last_end == stop.position and bool(last)
    if touches and last in (b"true", b"false", b"null") and continues_token(found):
        return _describe_token(payload, stop.last_start)
    if touches and last[-1:].isdigit() and found.isdigit():
        return locate(payload, "Invalid numeric value: Leading zeroes not allowed", stop.position)
    if not found:
        return locate(payload, _describe_end(payload, stop), len(payload))
    if stop.position == 0 and payload.startswith(BYTE_ORDER_MARK):
        return locate(payload, NO_MARK, len(BYTE_ORDER_MARK))
    return _describe_character(payload, stop, found, touches and last[-1:].isdigit())


def describe_string(payload: bytes, position: int, *, is_key: bool) -> str:
    """The message for a string that goes wrong at ``position``."""
    found = payload[position : position + 1]
    if not found:
        what = "field name" if is_key else "VALUE_STRING"
        return locate(payload, f"Unexpected end-of-input in {what}", position)
    if found == b"\\":
        return _describe_escape(payload, position)
    inside = "name" if is_key else "string value"
    rule = f"has to be escaped using backslash to be included in {inside}"
    problem = f"Illegal unquoted character ({name_character(found)}): {rule}"
    return locate(payload, problem, position + 1, begun=position)


def describe_number(payload: bytes, position: int) -> str:
    """The message for a number that lacks a digit at ``position``."""
    found, before = payload[position : position + 1], payload[position - 1 : position]
    rules = {
        b"-": "expected digit (0-9) to follow minus sign, for valid numeric value",
        b".": "Decimal point not followed by a digit",
    }
    if not found and before != b".":
        return locate(payload, "Unexpected end-of-input in null", position)
    rule = rules.get(before, "Exponent indicator not followed by a digit")
    if before == b"-" and payload[position - 2 : position - 1] in (b"e", b"E"):
        rule = "Exponent indicator not followed by a digit"
    named = found or before
    problem = f"Unexpected character ({name_character(named)}) in numeric value: {rule}"
    return locate(payload, problem, position + len(found))


def describe_utf8(payload: bytes, position: int) -> str:
    """The message for bytes that are no UTF-8, in a string, from ``position`` on."""
    problem = _describe_bytes(payload, position)
    if problem:
        return problem
    if position + count_following(payload[position]) >= len(payload):
        return locate(payload, "Unexpected end-of-input in VALUE_STRING", len(payload))
    return locate(payload, f"Invalid UTF-8 start byte 0x{payload[position]:02x}", position + 1)


def describe_depth(payload: bytes, depth_max: int, position: int) -> str:
    """The message for one object or array too many inside of others."""
    problem = (
        f"Document nesting depth ({depth_max + 1}) exceeds the maximum allowed ({depth_max}, from "
        "`StreamReadConstraints.getMaxNestingDepth()`)"
    )
    return locate(payload, problem, position + 1)


def _describe_character(payload: bytes, stop: Stop, found: bytes, after_number: bool) -> str:
    after = stop.position + 1
    if found == b"/":
        return locate(
            payload, f"Unexpected character ({name_character(found)}): {NO_COMMENT}", after
        )
    if found < b" ":
        rule = r"only regular white space (\r, \n, \t) is allowed between tokens"
        return locate(payload, f"Illegal character ({name_character(found)}): {rule}", after)
    if found in (b"]", b"}") and _closes_nothing(stop):
        return _describe_closer(payload, stop, found.decode())
    if stop.expected in (Expected.VALUE, Expected.FIRST_ITEM) or (
        stop.expected is Expected.AFTER and stop.scope is None and not after_number
    ):
        return _describe_value(payload, stop, found)
    rule, is_key = _name_rule(stop), stop.expected in (Expected.KEY, Expected.FIRST_KEY)
    if is_key:
        found = take_character(payload, stop.position)
    problem = f"Unexpected character ({name_character(found)}): {rule}"
    return locate(payload, problem, stop.position + len(found))


def _closes_nothing(stop: Stop) -> bool:
    """After a comma or a colon Jackson takes a closing mark for a misplaced value instead."""
    is_asked = stop.expected in (Expected.VALUE, Expected.KEY, Expected.COLON)
    return stop.scope is None or not is_asked


def _name_rule(stop: Stop) -> str:
    if stop.expected in (Expected.KEY, Expected.FIRST_KEY):
        return "was expecting double-quote to start field name"
    if stop.expected is Expected.COLON:
        return "was expecting a colon to separate field name and value"
    if stop.scope is None:
        return "Expected space separating root-level values"
    return f"was expecting comma to separate {stop.scope.kind} entries"


def _describe_value(payload: bytes, stop: Stop, found: bytes) -> str:
    position = stop.position
    token = next(
        (not_number for not_number in NOT_NUMBERS if payload.startswith(not_number, position)), None
    )
    if token is not None:
        problem = f"Non-standard token '{token.decode()}': {NO_NAN}"
        return locate(payload, problem, position + len(token))
    if found == b"-":
        return describe_number(payload, position + 1)
    if stop.expected is Expected.AFTER and _begins_value(payload, position):
        return locate(payload, NO_TRAILING, position)
    if begins_token(found):
        return _describe_token(payload, position)
    rule, read = f"expected a valid value ({VALUES})", position + 1
    where = ""
    if found == b"+":
        where, rule, read = " in numeric value", NO_PLUS, min(position + 2, len(payload))
    elif found in (b",", b"]", b"}"):
        rule = "expected a value"
    return locate(payload, f"Unexpected character ({name_character(found)}){where}: {rule}", read)


def _begins_value(payload: bytes, position: int) -> bool:
    literals = (b"true", b"false", b"null")
    return payload[position] in b'"{[0123456789' or payload.startswith(literals, position)


def _describe_closer(payload: bytes, stop: Stop, closer: str) -> str:
    if stop.scope is None:
        wanted, kind, place = ("]" if closer == "}" else "}"), ROOT, "line: 1, column: 0"
    else:
        wanted, kind = CLOSERS[stop.scope.kind], stop.scope.kind
        place = find_place(payload, stop.scope.start)
    origin = f"[Source: {quote_source(payload)}; {place}]"
    problem = (
        f"Unexpected close marker '{closer}': expected '{wanted}' (for {kind} starting at {origin})"
    )
    return locate(payload, problem, stop.position + 1)


def _describe_end(payload: bytes, stop: Stop) -> str:
    if stop.scope is None:
        return "No content to map due to end-of-input"
    kind = stop.scope.kind
    if stop.expected in (Expected.FIRST_ITEM, Expected.FIRST_KEY, Expected.AFTER):
        origin = f"[Source: {quote_source(payload)}; {find_place(payload, stop.scope.start)}]"
        return (
            f"Unexpected end-of-input: expected close marker for {kind} (start marker at {origin})"
        )
    return f"Unexpected end-of-input within/between {kind} entries"


def _describe_escape(payload: bytes, position: int) -> str:
    escape = payload[position + 1 : position + 2]
    if escape in (b"", b"u"):
        return _describe_hex(payload, position + 2)
    problem = f"Unrecognized character escape {name_character(escape)}"
    return locate(payload, problem, position + 2)


def _describe_hex(payload: bytes, begin: int) -> str:
    digits = payload[begin : begin + HEX_DIGITS]
    wrong = next(
        (at for at, digit in enumerate(digits) if digit not in b"0123456789abcdefABCDEF"), None
    )
    if wrong is not None:
        found = name_character(digits[wrong : wrong + 1])
        rule = "expected a hex-digit for character escape sequence"
        return locate(payload, f"Unexpected character ({found}): {rule}", begin + wrong + 1)
    if len(digits) < HEX_DIGITS:
        rule = "Unexpected end-of-input in character escape sequence"
        return locate(payload, rule, len(payload))
    return locate(payload, "a lone surrogate in a string", begin + HEX_DIGITS)


def _describe_token(payload: bytes, position: int) -> str:
    """A word that JSON does not have; the first byte is taken as it is, as Jackson does."""
    token, place = payload[position : position + 1].decode("latin-1"), position + 1
    while place < len(payload):
        character = payload[place : place + 1 + count_following(payload[place])]
        problem = _describe_bytes(payload, place)
        if problem:
            return problem
        place += len(character)
        if not continues_token(character):
            break
        token += character.decode("utf-8", "replace")
        if len(token) >= TOKEN_MAX:
            token += "..."
            break
    return locate(payload, f"Unrecognized token '{token}': was expecting ({VALUES})", place)


def _describe_bytes(payload: bytes, position: int) -> str:
    """What is wrong with the bytes of the character there; empty if nothing is."""
    end = position + 1 + count_following(payload[position])
    if end == position + 1 and payload[position] >= 0x80:
        problem = f"Invalid UTF-8 start byte 0x{payload[position]:02x}"
        return locate(payload, problem, position + 1)
    for at in range(position + 1, min(end, len(payload))):
        if payload[at] & 0xC0 != 0x80:
            problem = f"Invalid UTF-8 middle byte 0x{payload[at]:02x}"
            return locate(payload, problem, at + 1)
    return ""
