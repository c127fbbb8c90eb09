"""What users call kinds on the command line, as kubectl takes it.

Contract: pure. CommandError names what was probably meant.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from kubelambda.api.findings import find_similar
from kubelambda.api.kinds import BY_NAME, KINDS, Kind
from kubelambda.cli.failure import CommandError


@dataclass(frozen=True, slots=True)
class Wanted:
    """Objects of a kind: those named, or all."""

    kind: Kind
    names: tuple[str, ...] = ()


def read_words(words: Sequence[str]) -> list[Wanted]:
    """``lfn,lyr``, ``lfn NAME...`` or ``lfn/NAME ...``."""
    if any("/" in word for word in words):
        return [_read_pair(word) for word in words]
    kinds = _read_kinds(words[0])
    names = tuple(words[1:])
    if names and len(kinds) > 1:
        raise CommandError("names go with one kind; for several kinds write KIND/NAME KIND/NAME")
    return [Wanted(kind, names) for kind in kinds]


def find_kind(word: str) -> Kind:
    """The kind that ``word`` stands for: plural, singular or short name, with the group or not."""
    plain = word.lower()
    for kind in BY_NAME.values():
        group = f".{kind.group}" if kind.group else ""
        if plain in (*kind.words, *(f"{one}{group}" for one in kind.words)):
            return kind
    every = [one for kind in BY_NAME.values() for one in kind.words]
    similar = find_similar(plain, every)
    known = ", ".join(f"{kind.plural} ({kind.short_name})" for kind in BY_NAME.values())
    hint = f"did you mean {similar}?" if similar else f"there are {known}"
    raise CommandError(f"there is no kind {word!r}; {hint}")


def describe(kind: Kind, name: str) -> str:
    """An object as kubectl prints it: ``lambdafunction.kubelambda.io/hello``."""
    return f"{qualify(kind)}/{name}"


def qualify(kind: Kind) -> str:
    """The kind as kubectl prints it before a name."""
    return f"{kind.singular}.{kind.group}" if kind.group else kind.singular


def _read_kinds(words: str) -> list[Kind]:
    found: list[Kind] = []
    for word in words.split(","):
        in_category = [kind for kind in KINDS if word.lower() in kind.categories]
        found += [kind for kind in in_category or [find_kind(word)] if kind not in found]
    return found


def _read_pair(word: str) -> Wanted:
    kind, slash, name = word.partition("/")
    if not slash or not name:
        raise CommandError(f"{word!r} is not KIND/NAME; the others are")
    return Wanted(find_kind(kind), (name,))
