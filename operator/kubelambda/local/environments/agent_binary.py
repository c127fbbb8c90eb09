"""Where the agent is that the package was built with."""

import os
from pathlib import Path

from kubelambda.local.errors import LocalModeError

DIRECTORY = Path(__file__).parents[1] / "bin"
"""Filled by runtimes/agent/build_hook.py."""


def find_agent() -> Path:
    """Path of the agent; LocalModeError if the package was built without it."""
    agent = DIRECTORY / "kubelambda-agent"
    if not os.access(agent, os.X_OK):
        raise LocalModeError(
            f"{agent.name} is not in the installed package; install the package again "
            "(in a checkout: make clean venv)"
        )
    return agent
