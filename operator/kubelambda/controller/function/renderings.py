"""What serves each function now, so that environments can be made the moment somebody waits.

Contract: what a revision is made from is remembered, not its manifests: they are rendered anew at
each ``find`` (well under a millisecond), which keeps a thousand functions small. A function that is
judged bad later keeps what last served it, as its status does. Lives on one event loop; no I/O.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kubelambda.controller.cache.records import FunctionRecord, RuntimeRecord
from kubelambda.controller.function.render import Platform, Rendered, render_function
from kubelambda.core.images.config import ResolvedImage
from kubelambda.core.model.layer import Layer


@dataclass(frozen=True, slots=True)
class Ingredients:
    """All that the rendering of one function depends on, the installation aside."""

    record: FunctionRecord
    runtime: RuntimeRecord | ResolvedImage
    code_version: str = ""
    layers: Sequence[Layer] = ()

    def render(self, platform: Platform) -> Rendered:
        """The function's objects."""
        return render_function(self.record, self.runtime, platform, self.code_version, self.layers)


class Renderings:
    """The ingredients of every function that was judged good, by its uid."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._known: dict[str, tuple[str, Ingredients]] = {}

    def put(self, revision: str, ingredients: Ingredients) -> None:
        """``revision`` serves the function from now on; its key Secret exists."""
        record = replace(ingredients.record, status={})
        self._known[record.uid] = (revision, replace(ingredients, record=record))

    def revision_of(self, uid: str) -> str:
        """The revision that serves the function; empty where this process does not know yet."""
        return self._known[uid][0] if uid in self._known else ""

    def find(self, uid: str) -> Rendered | None:
        """The objects of that revision; None where this process does not know yet."""
        known = self._known.get(uid)
        return known[1].render(self._platform) if known is not None else None

    def forget(self, uid: str) -> None:
        """The function has gone."""
        self._known.pop(uid, None)
