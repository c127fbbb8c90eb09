"""Installing and uninstalling the chart, as `make install` and `make uninstall` do it."""

import os
import socket
import subprocess
import time
from urllib.parse import urlsplit

from e2e.conftest import ROOT

HELM_S = 200


def run_install(*arguments: str, **variables: str) -> str:
    """`make install`; what it said."""
    done = subprocess.run(
        [ROOT / "hack" / "install", *arguments],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=HELM_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    wait_for_gateway(variables.get("NAMESPACE", "kubelambda"))
    return done.stdout + done.stderr


def wait_for_gateway(namespace: str) -> None:
    """Ready is not yet reachable: the nodes' proxies follow a moment later."""
    variables = os.environ | {"NAMESPACE": namespace}
    program = [ROOT / "hack" / "gateway-url"]
    done = subprocess.run(program, check=True, capture_output=True, text=True, env=variables)
    url = done.stdout.strip()
    address = urlsplit(url)
    end = time.monotonic() + 30
    while True:
        try:
            socket.create_connection((address.hostname, address.port), timeout=2).close()
        except OSError:
            assert time.monotonic() < end, f"nobody listens at {url}"
            time.sleep(0.1)
        else:
            return


def run_uninstall(release: str, namespace: str) -> None:
    subprocess.run(
        ["helm", "uninstall", release, "-n", namespace, "--wait", "--timeout", "2m"],
        check=True,
        capture_output=True,
        timeout=HELM_S,
    )
