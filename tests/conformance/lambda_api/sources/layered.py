"""Tells what its layers have brought; /opt is wherever the program path says (local mode)."""

import importlib
import os
import pathlib
import subprocess

OPT = next(
    pathlib.Path(directory).parent
    for directory in os.environ["PATH"].split(":")
    if directory.endswith("/opt/bin")
)


def handler(event, context):
    return ACTS[event["act"]](event)


def load(event):
    module = importlib.import_module(event["name"])
    return {"word": getattr(module, "WORD", None), "file": module.__file__}


def read(event):
    return {"text": (OPT / event["name"]).read_text()}


def size(event):
    return {"bytes": (OPT / event["name"]).stat().st_size}


def run(event):
    done = subprocess.run([event["name"]], capture_output=True, text=True, check=True)
    return {"text": done.stdout}


def write(event):
    try:
        (OPT / event["name"]).write_text("x")
    except OSError as error:
        return {"errno": error.errno}
    return {"errno": 0}


def compute(event):
    numpy = importlib.import_module("numpy")
    return {"sum": int(numpy.arange(10).sum()), "version": numpy.__version__}


ACTS = {
    "load": load,
    "read": read,
    "size": size,
    "run": run,
    "write": write,
    "compute": compute,
}
