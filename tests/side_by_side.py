"""Which tests one worker of pytest-xdist runs, for `--dist loadgroup`.

pytest-xdist's own grouping (the mark xdist_group) does nothing with pytest 9.2: it writes a node id
that pytest no longer reads. Here the group is named by a function of the test's id instead.
"""

from collections.abc import Callable
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling


class Groups(LoadScopeScheduling):
    """Hands out whole groups, the largest first."""

    def __init__(self, config: pytest.Config, log: Any, name_group: Callable[[str], str]) -> None:
        super().__init__(config, log)
        self._name_group = name_group

    def _split_scope(self, nodeid: str) -> str:
        return self._name_group(nodeid)


def make_scheduler(
    config: pytest.Config, log: Any, name_group: Callable[[str], str]
) -> Groups | None:
    """For the hook pytest_xdist_make_scheduler; None if another `--dist` is asked for."""
    return Groups(config, log, name_group) if config.getvalue("dist") == "loadgroup" else None
