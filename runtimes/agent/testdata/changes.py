"""What a function may try with files: the agent's tests run it as function, child and extension."""

import contextlib
import json
import multiprocessing
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from multiprocessing import shared_memory
from pathlib import Path


def handler(event, _context):
    return ACTS[event["act"]](Path(event["directory"]))


def try_to_change(directory):
    """Each attempt with its errno, 0 where it worked, after the modes have been opened."""
    file = directory / "file"
    for path, mode in ((directory, 0o777), (file, 0o666)):
        with contextlib.suppress(OSError):
            path.chmod(mode)
    with tempfile.TemporaryDirectory(dir="/tmp") as elsewhere:
        attempts = build_attempts(directory, file, Path(elsewhere))
        return {name: errno_of(attempt) for name, attempt in attempts.items()}


def build_attempts(directory, file, elsewhere):
    (elsewhere / "brought").write_text("brought")
    shell = f"echo changed 2>/dev/null >{file}"
    fork = multiprocessing.get_context("fork")
    return {
        "write": lambda: file.write_text("changed"),
        "append": lambda: file.open("a").close(),
        "truncate": lambda: os.truncate(file, 0),
        "create": lambda: (directory / "new").write_text("new"),
        "create unnamed": lambda: os.open(directory, os.O_TMPFILE | os.O_WRONLY),
        "rename into": lambda: (elsewhere / "brought").rename(directory / "brought"),
        "rename within": lambda: (directory / "spare").rename(directory / "moved"),
        "mkdir": (directory / "directory").mkdir,
        "symlink": lambda: (directory / "symlink").symlink_to("file"),
        "link out": lambda: os.link(file, elsewhere / "linked"),
        "mkfifo": lambda: os.mkfifo(directory / "fifo"),
        "socket": lambda: bind(directory / "socket"),
        "shell": lambda: run(["/bin/sh", "-c", shell]),
        "session": lambda: run(["setsid", "--wait", "/bin/sh", "-c", shell]),
        "fork": lambda: run_in(fork, file),
        "unlink": file.unlink,
    }


def errno_of(attempt):
    try:
        attempt()
    except OSError as error:
        return error.errno
    return 0


def bind(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


def run(command):
    if subprocess.run(command, check=False).returncode:
        raise PermissionError(-1, "the child was refused")


def run_in(context, file):
    child = context.Process(target=write_or_exit, args=(file,))
    child.start()
    child.join()
    if child.exitcode:
        raise PermissionError(-1, "the child was refused")


def write_or_exit(file):
    sys.exit(errno_of(lambda: file.write_text("changed")))


def use(directory):
    """What has to work beneath /tmp and with what is no disk; the names of what does not."""
    uses = {
        "files": lambda: use_files(directory),
        "sqlite": lambda: use_sqlite(directory / "a.db"),
        "fifo": lambda: use_fifo(directory / "fifo"),
        "socket": lambda: bind(directory / "socket"),
        "temporary file": lambda: use_temporary_file(directory),
        "memory file": lambda: reopen(os.memfd_create("memory")),
        "multiprocessing": use_multiprocessing,
        "shared memory": use_shared_memory,
        "devices": use_devices,
        "proc": lambda: Path("/proc/self/comm").write_text("renamed"),
    }
    failed = {}
    for name, one in uses.items():
        try:
            one()
        except (AssertionError, OSError, sqlite3.Error) as error:
            failed[name] = repr(error)
    return failed


def use_files(directory):
    one, two = directory / "one", directory / "two"
    for path in (one, two):
        path.mkdir()
    (one / "file").write_text("text")
    (one / "file").rename(two / "file")
    os.link(two / "file", one / "link")
    os.truncate(one / "link", 1)
    assert (two / "file").read_text() == "t"
    one.rename(two / "inner")
    (two / "symlink").symlink_to("file")
    shutil.copytree(two, directory / "copy", symlinks=True)
    shutil.rmtree(two)


def use_sqlite(path):
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("pragma journal_mode = wal")
        database.execute("create table t (n)")
        with database:
            database.executemany("insert into t values (?)", [(n,) for n in range(100)])
        assert database.execute("select sum(n) from t").fetchone() == (4950,)


def use_fifo(path):
    os.mkfifo(path)
    with subprocess.Popen(["/bin/sh", "-c", f"echo through >{path}"]):
        assert path.read_text() == "through\n"


def use_temporary_file(directory):
    with tempfile.TemporaryFile(dir=directory) as file:
        reopen(file.fileno())


def reopen(descriptor):
    os.close(os.open(f"/proc/self/fd/{descriptor}", os.O_RDWR))


def use_multiprocessing():
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(abs, [-1, -2]) == [1, 2]


def use_shared_memory():
    memory = shared_memory.SharedMemory(create=True, size=64)
    memory.buf[0] = 1
    memory.close()
    memory.unlink()


def use_devices():
    for path in ("/dev/null", "/dev/stdout", "/dev/fd/2", "/proc/self/fd/1"):
        Path(path).open("w").close()


def look_at_others(directory):
    """Of which processes environment and memory can be opened; leaves its own number behind."""
    seen = {}
    for process in Path("/proc").glob("[0-9]*"):
        parts = [part for part in ("environ", "mem") if can_open(process / part)]
        if parts:
            seen[process.name] = parts
    (directory / "pid").write_text(f"{os.getpid()}\n")
    return seen


def can_open(path):
    return errno_of(lambda: path.open("rb").close()) == 0


ACTS = {
    "change": try_to_change,
    "use": use,
    "look": look_at_others,
    "pid": lambda _: os.getpid(),
    "die": lambda _: os._exit(1),
}

if __name__ == "__main__":
    print(json.dumps(try_to_change(Path(sys.argv[1]))))
