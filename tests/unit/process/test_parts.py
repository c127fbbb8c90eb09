"""Parts that only make sense together: the first that ends, ends all, by name."""

import asyncio
import logging

import pytest

from kubelambda.process.parts import PartEndedError, run_parts


class Steady:
    """A part that goes on until it is cancelled."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.was_cancelled = False

    async def run(self) -> None:
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.was_cancelled = True


async def fail() -> None:
    raise LookupError("no such thing")


async def end() -> None:
    return


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (fail, "scaler failed: LookupError('no such thing')"),
        (end, "scaler ended, which it never should"),
    ],
    ids=["a part that raises", "a part that returns"],
)
async def test_the_first_part_that_ends_is_named_and_ends_all(
    part: object, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A leader without its scaler would look alive and never scale anything again."""
    assert callable(part)
    steady = Steady()
    with pytest.raises(PartEndedError) as caught:
        await run_parts({"workers": steady.run(), "scaler": part()}, asyncio.Event())
    assert str(caught.value) == said
    assert steady.was_cancelled
    critical = [
        record.getMessage() for record in caplog.records if record.levelno == logging.CRITICAL
    ]
    assert critical == [said]


async def test_the_cause_is_kept() -> None:
    with pytest.raises(PartEndedError) as caught:
        await run_parts({"scaler": fail()}, asyncio.Event())
    assert isinstance(caught.value.__cause__, LookupError)


async def test_a_stop_ends_all_parts_and_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    steady, stop = Steady(), asyncio.Event()
    running = asyncio.create_task(run_parts({"workers": steady.run()}, stop))
    await steady.began.wait()
    stop.set()
    await running
    assert steady.was_cancelled
    assert not caplog.records


async def test_a_part_that_ends_together_with_the_stop_is_still_told() -> None:
    """What went wrong at the very end is not hidden by an exit in good order."""
    stop = asyncio.Event()
    stop.set()
    with pytest.raises(PartEndedError):
        await run_parts({"scaler": fail()}, stop)


async def test_cancelling_the_caller_cancels_the_parts() -> None:
    steady = Steady()
    running = asyncio.create_task(run_parts({"workers": steady.run()}, asyncio.Event()))
    await steady.began.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert steady.was_cancelled
