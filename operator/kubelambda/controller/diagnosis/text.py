"""Numbers with their noun, and other people's words cut to a length that a status can hold."""

WORDS_MAX = 300


def count_noun(number: int, noun: str) -> str:
    """Such as "1 environment" or "3 environments"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def cut_text(message: str, length: int = WORDS_MAX) -> str:
    """``message`` with no more than ``length`` characters of it, and a sign if it was cut."""
    return message if len(message) <= length else message[:length] + "…"
