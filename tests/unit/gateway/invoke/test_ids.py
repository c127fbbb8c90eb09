"""Ids are random, well-formed, and never made twice, whatever process makes them."""

import gc
import re
import subprocess
import sys
import uuid
import weakref

from kubelambda.gateway.invoke.ids import IdSource

TRACE_ID = re.compile(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0")


def test_a_request_id_is_a_random_uuid_in_its_usual_form() -> None:
    ids = IdSource()
    for _ in range(2_000):
        made = ids.make_request_id()
        read = uuid.UUID(made)
        assert (str(read), read.version, read.variant) == (made, 4, uuid.RFC_4122)


def test_a_trace_id_is_of_awss_form() -> None:
    ids = IdSource()
    assert all(TRACE_ID.fullmatch(ids.make_trace_id()) for _ in range(1_000))


def test_no_digits_are_given_twice() -> None:
    """Over many reserves, and whatever is left of one when the next begins."""
    ids = IdSource()
    made = [
        ids.make_request_id()[-12:] if number % 3 else ids.make_trace_id()[-26:-10]
        for number in range(3_000)
    ]
    assert len(set(made)) == len(made)
    assert not [one for one in made if not one.strip("0")]


def test_every_bit_that_may_vary_does() -> None:
    ids = IdSource()
    seen = [uuid.UUID(ids.make_request_id()).int for _ in range(500)]
    either = 0
    both = (1 << 128) - 1
    for one in seen:
        either |= one
        both &= one
    fixed = (0xF << 76) | (0x3 << 62)
    assert (either ^ both) | fixed == (1 << 128) - 1


FORK = """
import os
from kubelambda.gateway.invoke.ids import IdSource
ids = IdSource()
ids.make_request_id()  # the reserve is filled
child = os.fork()
for _ in range(10):
    os.write(1, (ids.make_request_id() + "\\n").encode())
if child:
    os.waitpid(child, 0)
"""


def test_after_a_fork_parent_and_child_make_different_ids() -> None:
    """In a process of its own: one with threads, as pytest's may be, should not fork."""
    ran = subprocess.run([sys.executable, "-c", FORK], check=True, capture_output=True, text=True)
    made = ran.stdout.split()
    assert len(made) == len(set(made)) == 20


def test_the_hook_of_the_fork_does_not_keep_a_source() -> None:
    ids = IdSource()
    kept = weakref.ref(ids)
    del ids
    gc.collect()
    assert kept() is None
