"""The functions of the YAML files and of what was applied, as local mode serves them.

Contract: reads the files whenever it is told to and puts what they hold into the index, together
with what was applied. If a file cannot be read any more, what was read from it before goes on being
served. Each problem and each remark is printed once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from kubelambda.catalog.documents import Document
from kubelambda.catalog.files import load_functions
from kubelambda.catalog.index import FunctionIndex
from kubelambda.catalog.loaded import (
    DocumentKey,
    Loaded,
    keep_last_good,
    list_new_problems,
    list_new_remarks,
)
from kubelambda.core.model.function import Function
from kubelambda.core.model.runtime_support import describe_end, find_end_of_support
from kubelambda.local.availability import (
    mark_bad_zip,
    mark_missing_language,
    mark_missing_package,
)
from kubelambda.local.banner import render_problems, render_remarks
from kubelambda.local.machine import Machine
from kubelambda.local.status_page import describe_functions, render_page


@dataclass(slots=True)
class FunctionFiles:
    """Reads ``paths`` and keeps ``index`` up to date with them."""

    paths: Sequence[Path]
    index: FunctionIndex
    machine: Machine
    holds_package: Callable[[str], bool]
    say: Callable[[str], None]
    """Prints a line for the user."""
    list_applied: Callable[[], Sequence[Document]] = tuple
    """Objects that were applied and stand in no file."""
    on_publish: Callable[[Loaded], None] = lambda _loaded: None
    """Called whenever the index has been brought up to date."""
    served: Sequence[Function] = ()
    """What the files hold, as far as they could be read; one that cannot run says why."""
    today: Callable[[], date] = lambda: datetime.now(UTC).date()
    _last: Loaded = field(default_factory=lambda: Loaded((), ()))
    _lacks_package: bool = False
    """Whether one of the functions waits for a package to be uploaded."""
    _told_ends: set[str] = field(default_factory=set)

    def load(self) -> Loaded:
        """Read the files and serve what is in them."""
        loaded = keep_last_good(self._last, load_functions(self.paths, self.list_applied()))
        problems = list_new_problems(self._last, loaded)
        remarks = list_new_remarks(self._last, loaded)
        self._last = loaded
        self._say_ends_of_support()
        self._publish()
        self.index.synced = True
        if problems:
            self.say(render_problems(problems, loaded))
        if remarks:
            self.say(render_remarks(remarks))
        return loaded

    def reload(self) -> None:
        """Read the files again, since one has been edited."""
        self.load()

    def find_file(self, key: DocumentKey) -> Path | None:
        """The file that holds an object of this kind, namespace and name."""
        return self._last.files.get(key)

    def look_for_packages(self) -> None:
        """Serve the functions whose missing package has been uploaded since."""
        if self._lacks_package:
            self._publish()

    def render_page(self, region: str, accept: str) -> tuple[str, bytes]:
        """Content type and body for ``GET /``: what is served right now."""
        refs = self.index.refs()
        functions = [one for ref in refs if (one := self.index.get(ref)) is not None]
        unnamed = [str(problem) for problem in self._last.problems if not problem.functions]
        page = render_page(describe_functions(functions, region), unnamed, accept)
        return page.content_type, page.body

    def _say_ends_of_support(self) -> None:
        """Once for each runtime of a function whose support has ended; it runs all the same."""
        runtimes = {function.runtime for function in self._last.functions}
        for runtime in sorted(runtimes - self._told_ends):
            end = find_end_of_support(runtime, "")
            if ended := describe_end(runtime, end, self.today()):
                self._told_ends.add(runtime)
                self.say(f"note: {ended}")

    def _publish(self) -> None:
        self._lacks_package = False
        self.served = [self._mark(function) for function in self._last.functions]
        self.index.replace([*self.served, *self._last.stand_ins])
        self.index.replace_versions([self._mark(version) for version in self._last.versions])
        self.index.replace_aliases(self._last.aliases)
        self.on_publish(self._last)

    def _mark(self, function: Function) -> Function:
        marked = mark_missing_package(function, self.holds_package)
        self._lacks_package |= marked is not function
        return mark_missing_language(mark_bad_zip(marked), self.machine)
