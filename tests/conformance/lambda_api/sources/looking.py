"""Tells all that a function can see of environment variables and command lines."""

import os
import pathlib


def read(path):
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""


def handler(event, context):
    # root, where local mode runs as root, may read anybody's
    pids = [os.getpid()] + ([os.getppid()] if os.getuid() else [])
    paths = [pathlib.Path("/proc") / str(pid) for pid in pids]
    parts = ("environ", "cmdline")
    return [dict(os.environ), [read(path / part) for path in paths for part in parts]]
