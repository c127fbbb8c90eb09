"""Places and characters of a payload that is not JSON, counted and named as AWS's parser does.

Contract: pure. The parser is Jackson 2.15 (``json_messages``): columns are bytes, up to
SOURCE_BYTES_MAX of the payload are quoted, and a word goes on as far as Java's identifiers would.
"""

SOURCE_BYTES_MAX = 500


def locate(payload: bytes, problem: str, read: int, begun: int | None = None) -> str:
    """``problem`` with its place; ``read``: how many bytes the parser had taken when it gave up.

    Lines are counted up to ``begun`` if that is given: a line break counts only once it is read.
    """
    before = payload[: read if begun is None else begun]
    place = _place(before, before.rfind(b"\n") + 1, read)
    return f"{problem}\n at [Source: {quote_source(payload)}; {place}]"


def _place(before: bytes, row: int, read: int) -> str:
    line = before.count(b"\n") + 1
    return f"line: {line}, column: {read - row + 1}"


def find_place(payload: bytes, start: int) -> str:
    """Line and column of the byte at ``start``."""
    before = payload[:start]
    return _place(before, before.rfind(b"\n") + 1, start)


def quote_source(payload: bytes) -> str:
    """The beginning of the payload, as Jackson quotes a byte array."""
    text = payload[:SOURCE_BYTES_MAX].decode("utf-8", "replace")
    shown = "".join(
        f"\\u{ord(character):04x}"
        if _is_control(ord(character)) and character not in "\r\n"
        else character
        for character in text
    )
    rest = len(payload) - SOURCE_BYTES_MAX
    return f'(byte[])"{shown}"' + (f"[truncated {rest} bytes]" if rest > 0 else "")


def name_character(character: bytes) -> str:
    """As ``'x' (code 120)``; one byte alone is taken as it is."""
    text = (
        character.decode("latin-1") if len(character) == 1 else character.decode("utf-8", "replace")
    )
    code = ord(text[0])
    if _is_control(code):
        return f"(CTRL-CHAR, code {code})"
    return f"'{text[0]}' (code {code}{f' / 0x{code:x}' if code > 0xFF else ''})"


def _is_control(code: int) -> bool:
    return code < 0x20 or 0x7F <= code < 0xA0


def take_character(payload: bytes, position: int) -> bytes:
    """The bytes of the character there; one byte if they are not UTF-8."""
    character = payload[position : position + 1 + count_following(payload[position])]
    try:
        character.decode("utf-8")
    except UnicodeDecodeError:
        return payload[position : position + 1]
    return character


def count_following(first: int) -> int:
    """How many bytes follow this first byte of a character; 0 for ASCII and for no first byte."""
    if first & 0xE0 == 0xC0:
        return 1
    if first & 0xF0 == 0xE0:
        return 2
    return 3 if first & 0xF8 == 0xF0 else 0


def begins_token(character: bytes) -> bool:
    """Whether Jackson takes a word that begins like this for a token it does not know."""
    text = character.decode("latin-1")
    return text.isalpha() or text in "$_¢£¤¥"


def continues_token(character: bytes) -> bool:
    """Whether the character still belongs to such a word."""
    text = character.decode("utf-8", "replace")
    return bool(text) and (text.isalnum() or text in "$_" or _is_control_part(ord(text[0])))


def _is_control_part(code: int) -> bool:
    """Control characters that Java ignores in identifiers."""
    return code <= 0x08 or 0x0E <= code <= 0x1B or 0x7F <= code <= 0x9F
