"""F22: what must stand nowhere, and a function that carries it and ends in every way."""

from collections.abc import Iterable

VARIABLE, SECRET = "leak-variable-5e1f", "leak-secret-77ab"
CODE, PAYLOAD, RESULT = "leak-code-0c3d", "leak-payload-91ee", "leak-result-b2b2"
SOURCE = f"""
import os
import time

OWN = "{CODE}"

def handler(event, context):
    act = event.get("act")
    if act == "raise":
        raise RuntimeError("no")
    if act == "exit":
        os._exit(3)
    if act == "sleep":
        time.sleep(60)
    return "{RESULT}" + os.environ["TOKEN"] + os.environ.get("PASSWORD", "")
"""
ACTS = ("raise", "exit", "sleep")
REFERENCE = {"name": "PASSWORD", "secretKeyRef": {"name": "db", "key": "password"}}


def find_marked_lines(text: str, markers: Iterable[str]) -> list[str]:
    """The lines that hold one of ``markers``."""
    return [line for line in text.splitlines() if any(marker in line for marker in markers)]
