"""Libraries that only some commands need: which extra of the package brings them.

Contract: ``pip install kubelambda`` installs what the client's commands need. A command that runs a
process role imports it inside ``needs_extra``; if a library is missing, the person reads one
line that says which extra to install.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from kubelambda.cli.failure import fail


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """End with one line and exit code 2 if an import in the block lacks a library.

    A missing module of our own is a bug of the package and goes on as the exception that it is.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library in ("", "kubelambda"):
            raise
        fail(
            f"this command needs the library {library}, which is not installed; "
            f"install it with: pip install 'kubelambda[{extra}]'"
        )
