"""Tries to change files where the event says, after it has given itself the right to, as owner."""

import contextlib
import os
import pathlib
import socket
import subprocess
import tempfile


def handler(event, context):
    tmp = pathlib.Path(tempfile.gettempdir())
    if event["where"] == "tmp":
        directory = pathlib.Path(tempfile.mkdtemp())
        for name in ("file.txt", "spare.txt"):
            (directory / name).write_text("as deployed")
    else:
        directory = pathlib.Path(
            {"task": os.environ["LAMBDA_TASK_ROOT"], "opt": "/opt"}[event["where"]]
        )
    return {"errnos": try_all(directory, tmp), "text": read(directory / "file.txt")}


def try_all(directory, tmp):
    file = directory / "file.txt"
    for path, mode in ((directory, 0o777), (file, 0o666)):
        with contextlib.suppress(OSError):
            path.chmod(mode)
    brought = tmp / "brought"
    brought.write_text("brought")
    attempts = {
        "create": lambda: (directory / "new").write_text("new"),
        "rename into": lambda: brought.rename(directory / "brought"),
        "rename": lambda: (directory / "spare.txt").rename(directory / "moved"),
        "mkdir": (directory / "directory").mkdir,
        "symlink": lambda: (directory / "symlink").symlink_to("file.txt"),
        "link": lambda: os.link(file, tmp / f"linked-{os.getpid()}"),
        "mkfifo": lambda: os.mkfifo(directory / "fifo"),
        "socket": lambda: bind(directory / "socket"),
        "shell": lambda: run(f"echo changed 2>/dev/null >'{file}'"),
        "write": lambda: file.write_text("changed"),
        "unlink": (directory / "file.txt").unlink,
        "write again": lambda: file.write_text("changed"),
    }
    return {name: errno_of(attempt) for name, attempt in attempts.items()}


def errno_of(attempt):
    try:
        attempt()
    except OSError as error:
        return error.errno
    return 0


def bind(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def run(command):
    if subprocess.run(["/bin/sh", "-c", command], check=False).returncode:
        raise PermissionError(-1, "the shell was refused")


def read(path):
    with contextlib.suppress(OSError):
        return path.read_text()
