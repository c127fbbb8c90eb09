"""What local mode answers to `GET /`: its functions and their state, for a browser or a program.

Contract: pure; text from the user's files is escaped. Never shows the value of an environment
variable or a line of code. Only local mode has this page: on a cluster it would show one tenant's
functions to another.
"""

import html
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from kubelambda.core.model.function import Function

ACTIVE, FAILED = "Active", "Failed"
HTML, JSON, TEXT = "text/html", "application/json", "text/plain"
STYLE = (
    "body{font-family:sans-serif;margin:2em;max-width:70em}td,th{text-align:left;padding:.3em 1em "
    ".3em 0;vertical-align:top}code{background:#eee;padding:.1em .3em}.Failed{color:#b00}"
)
INVOKE_PATH = "/2015-03-31/functions/{name}/invocations"


@dataclass(frozen=True, slots=True)
class Row:
    """One function as its caller sees it."""

    name: str
    arn: str
    runtime: str
    state: str
    reason: str
    """Empty if it can be invoked."""


@dataclass(frozen=True, slots=True)
class Page:
    """The answer's body and its type."""

    content_type: str
    body: bytes


def describe_functions(functions: Sequence[Function], region: str) -> list[Row]:
    """A row for each, in the order of their names."""
    return [
        Row(
            name=function.function_name,
            arn=function.arn(region),
            runtime=function.runtime,
            state=FAILED if function.cannot_run else ACTIVE,
            reason=function.stalled_message,
        )
        for function in sorted(
            functions, key=lambda function: (function.function_name, function.ref.namespace)
        )
    ]


def render_page(rows: Sequence[Row], problems: Sequence[str], accept: str) -> Page:
    """HTML or JSON if ``accept``, the request's header, asks for it; plain text otherwise.

    ``problems`` are those of files in which no function has a name.
    """
    if HTML in accept:
        return Page(f"{HTML}; charset=utf-8", _render_html(rows, problems).encode())
    if JSON in accept:
        found = {"functions": [asdict(row) for row in rows], "problems": problems}
        return Page(JSON, json.dumps(found, indent=2).encode() + b"\n")
    return Page(f"{TEXT}; charset=utf-8", _render_text(rows, problems).encode())


def _render_text(rows: Sequence[Row], problems: Sequence[str]) -> str:
    lines = ["kubelambda local mode", ""]
    lines += [
        " ".join(filter(None, (row.name, row.runtime, row.state, row.reason))) for row in rows
    ]
    lines += [f"not served: {problem}" for problem in problems]
    lines += ["", f"Invoke one by POST {INVOKE_PATH.format(name='NAME')}", ""]
    return "\n".join(lines)


def _render_html(rows: Sequence[Row], problems: Sequence[str]) -> str:
    cells = "".join(
        f'<tr><td title="{html.escape(row.arn)}">{html.escape(row.name)}</td>'
        f"<td>{html.escape(row.runtime)}</td>"
        f'<td class="{row.state}">{row.state}</td><td>{html.escape(row.reason)}</td></tr>\n'
        for row in rows
    )
    notices = "".join(f'<p class="{FAILED}">{html.escape(problem)}</p>\n' for problem in problems)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>kubelambda local mode</title><style>{STYLE}</style></head>\n"
        "<body><h1>kubelambda local mode</h1>\n"
        "<table><tr><th>Function</th><th>Runtime</th><th>State</th><th></th></tr>\n"
        f"{cells}</table>\n{notices}"
        f"<p>Invoke one by <code>POST {INVOKE_PATH.format(name='NAME')}</code>.</p></body></html>\n"
    )
