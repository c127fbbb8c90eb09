"""What local mode has read from its files: functions, problems, remarks, and what became of them.

Contract: pure values. Compared with what was loaded before, so that a slip of the keyboard takes no
function away and each problem and remark is told once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from kubelambda.core.model.alias import Alias
from kubelambda.core.model.function import Function, FunctionRef

DocumentKey = tuple[str, str, str]
"""Kind, namespace and name."""


@dataclass(frozen=True, slots=True)
class Applied:
    """An object that was applied to local mode and stands in no file."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"the applied {self.kind} {self.namespace}/{self.name}"


Origin = Path | Applied
"""Where a document is from: a file, or local mode's own store."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A document that cannot be served, and why, in a sentence for its author."""

    path: Origin
    message: str
    functions: tuple[Function, ...] = ()
    """Stand-ins for what the document would have been, to tell its callers."""
    subject: str = ""
    """The document's ``metadata.name``, since a file may hold many; empty if it concerns all."""

    def __str__(self) -> str:
        return ": ".join(filter(None, (str(self.path), self.subject, self.message)))


@dataclass(frozen=True, slots=True)
class Remark:
    """A difference between local mode and a cluster that concerns a document that is served."""

    path: Origin
    message: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """Everything found under the paths: functions to serve and problems to report."""

    functions: tuple[Function, ...]
    problems: tuple[Problem, ...]
    remarks: tuple[Remark, ...] = ()
    origins: Mapping[FunctionRef, Origin] = field(default_factory=dict)
    """Where each function is from."""
    files: Mapping[DocumentKey, Path] = field(default_factory=dict)
    """The file of each object that stands in one."""
    versions: tuple[Function, ...] = ()
    """Published versions, of whatever functions."""
    aliases: tuple[Alias, ...] = ()
    former: frozenset[FunctionRef] = frozenset()
    """Functions that are served as they were before their file was broken."""

    @property
    def stand_ins(self) -> tuple[Function, ...]:
        """Stand-ins for functions that cannot be served; none for one that is served after all."""
        served = {function.ref for function in self.functions}
        found = {
            function.ref: function for problem in self.problems for function in problem.functions
        }
        return tuple(stand_in for ref, stand_in in found.items() if ref not in served)

    def kept(self, function: Function, path: Origin) -> bool:
        """Whether ``function`` is what ``path`` held before."""
        return function.ref in self.former and self.origins.get(function.ref) == path


def keep_last_good(former: Loaded, loaded: Loaded) -> Loaded:
    """``loaded``, and for each file that cannot be read any more what it held before.

    A mistake in a file takes no function away; deleting the file does. What was applied was judged
    then and is served as it is.
    """
    present = {function.ref for function in loaded.functions}
    broken = {problem.path for problem in loaded.problems if isinstance(problem.path, Path)}
    kept = [
        function
        for function in former.functions
        if function.ref not in present and former.origins.get(function.ref) in broken
    ]
    if not kept:
        return loaded
    origins = {
        **loaded.origins,
        **{function.ref: former.origins[function.ref] for function in kept},
    }
    kept_refs = frozenset(function.ref for function in kept)
    functions = (*loaded.functions, *kept)
    return replace(loaded, functions=functions, origins=origins, former=kept_refs)


def list_new_problems(former: Loaded, loaded: Loaded) -> list[Problem]:
    """Problems that were not there before, so that each is reported once."""
    return [problem for problem in loaded.problems if problem not in former.problems]


def list_new_remarks(former: Loaded, loaded: Loaded) -> list[Remark]:
    """Remarks that were not there before, so that each is reported once."""
    return [remark for remark in loaded.remarks if remark not in former.remarks]
