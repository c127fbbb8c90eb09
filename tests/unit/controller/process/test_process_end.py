"""The end of the controller's process."""

import subprocess
import sys

HANGING = """
import threading, time
from concurrent.futures import ThreadPoolExecutor
from kubelambda.controller.main import end_process
started = threading.Event()
def hang():
    started.set()
    time.sleep(50)
ThreadPoolExecutor(1).submit(hang)
started.wait()
end_process(3)
"""


def test_a_request_that_hangs_does_not_keep_the_process() -> None:
    """An API server that answers nothing ends the leader: it is not waited for then."""
    ended = subprocess.run([sys.executable, "-c", HANGING], timeout=40, check=False)
    assert ended.returncode == 3
