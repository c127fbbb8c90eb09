"""The answer to a mistyped command: the one that was probably meant, else all that there are."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from typer.core import TyperGroup


class SuggestingGroup(TyperGroup):
    """A group of commands that knows where a word would have been right."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command; if there is none, name those that are close to it."""
        word = args[0] if args else "-"
        if not word.startswith("-") and self.get_command(ctx, word) is None:
            ctx.fail(f"No such command '{word}'. {self._suggest(ctx.command_path, word)}")
        return super().resolve_command(ctx, args)

    def _suggest(self, prefix: str, word: str) -> str:
        paths = list(_list_paths(self, prefix))
        matches = get_close_matches(word, [path.rpartition(" ")[2] for path in paths])
        meant = [path for path in paths if path.rpartition(" ")[2] in matches]
        if meant:
            return f"Did you mean {' or '.join(f'`{path}`' for path in meant)}?"
        return f"Commands of `{prefix}`: {', '.join(self.commands)}."


def _list_paths(group: TyperGroup, prefix: str) -> Iterator[str]:
    """What a user would type for each command of the group, and of the groups in it."""
    for name, command in group.commands.items():
        path = f"{prefix} {name}"
        yield path
        if isinstance(command, TyperGroup):
            yield from _list_paths(command, path)
