"""When registries are asked: once for a generation, again while that helps, holding up nobody."""

import asyncio
from typing import Any

import pytest

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.catalog.build import build_function
from kubelambda.controller.function.function_status import build_status
from kubelambda.controller.function.plan import plan_function
from kubelambda.controller.images import image_lookups as subject
from kubelambda.controller.images.image_lookups import ImageLookups
from kubelambda.controller.images.image_resolver import Resolution
from kubelambda.controller.records.function_record import FunctionRecord, read_function
from kubelambda.controller.records.keys import Key
from kubelambda.core.images.config import ImageConfig, ImageRequest, ResolvedImage
from kubelambda.core.model.code import encode_code
from kubelambda.judge.problem import Problem
from kubelambda.process.supervisor import Supervisor
from unit.controller.builders import (
    IMAGE,
    NOW,
    PLATFORM,
    make_image_function,
    observe_image,
    read,
)

ABSENT = Problem(Reason.IMAGE_NOT_FOUND, "absent")
AWAY = Problem(Reason.REGISTRY_UNAVAILABLE, "away", transient=True)


class Desk:
    """What is around ``ImageLookups``: answers in turn, a clock, and which keys were called."""

    def __init__(self, *answers: Resolution) -> None:
        self.answers = list(answers)
        self.asked: list[ImageRequest] = []
        self.changed: list[Key] = []
        self.now = 100.0
        self.gate = asyncio.Event()
        self.gate.set()
        self.images = ImageLookups(
            self.resolve, self.changed.append, lambda: self.now, Supervisor()
        )

    async def resolve(self, request: ImageRequest) -> Resolution:
        self.asked.append(request)
        await self.gate.wait()
        return self.answers.pop(0)


def record(generation: int = 1, **more: Any) -> FunctionRecord:
    manifest = make_image_function(**more)
    manifest["metadata"]["generation"] = generation
    return read_function(manifest)


async def test_a_function_of_another_kind_asks_nobody() -> None:
    desk = Desk()
    assert await desk.images.look(read()) == (None, None)
    assert desk.asked == []


async def test_the_answer_comes_with_the_first_look_and_is_kept() -> None:
    desk = Desk(IMAGE)
    assert await desk.images.look(record()) == (IMAGE, None)
    assert await desk.images.look(record()) == (IMAGE, None)
    assert desk.asked == [ImageRequest("registry.example/app:1")]


async def test_another_generation_asks_again() -> None:
    other = ResolvedImage("registry.example/app@sha256:2", ImageConfig(command=("c",)))
    desk = Desk(IMAGE, other)
    await desk.images.look(record(1))
    assert await desk.images.look(record(2)) == (other, None)


async def test_a_restart_takes_the_answer_from_the_status() -> None:
    """A push under the tag changes nothing before the function is updated."""
    before = record()
    outcome = plan_function(before, observe_image(before), PLATFORM).outcome
    status = build_status(before, outcome, region="us-east-1", now=NOW)
    desk = Desk()
    assert await desk.images.look(record(status=status)) == (IMAGE, None)
    assert desk.asked == []
    desk.answers = [AWAY]
    found, _ = await desk.images.look(record(2, status=status))
    assert found == AWAY


async def test_controller_and_gateway_agree_once_the_status_is_written() -> None:
    before = record()
    plan = plan_function(before, observe_image(before), PLATFORM)
    status = build_status(before, plan.outcome, region="us-east-1", now=NOW)
    seen = build_function(make_image_function(status=status))
    assert seen.handler == "app.handler"
    assert encode_code(seen.code) == {"image": True}
    after = read_function(make_image_function(status=status))
    assert after.serving_digest == seen.config_digest
    assert after.config_digest == before.config_digest
    again = plan_function(after, observe_image(after), PLATFORM)
    assert again.outcome.revision == plan.outcome.revision
    assert build_status(after, again.outcome, region="us-east-1", now="later") == status


async def test_a_registry_that_is_away_is_asked_again_with_growing_delay() -> None:
    desk = Desk(AWAY, AWAY, IMAGE)
    assert await desk.images.look(record()) == (AWAY, 2.0)
    desk.now += 1.0
    assert await desk.images.look(record()) == (AWAY, 1.0)
    assert len(desk.asked) == 1
    desk.now += 1.0
    assert await desk.images.look(record()) == (AWAY, 4.0)
    desk.now += 4.0
    assert await desk.images.look(record()) == (IMAGE, None)


async def test_an_image_that_is_absent_is_looked_for_each_minute() -> None:
    desk = Desk(ABSENT, IMAGE)
    assert await desk.images.look(record()) == (ABSENT, subject.RETRY_S_MAX)
    desk.now += 59.0
    assert await desk.images.look(record()) == (ABSENT, 1.0)
    desk.now += 1.0
    assert await desk.images.look(record()) == (IMAGE, None)


async def test_a_slow_registry_holds_nobody_up() -> None:
    desk = Desk(IMAGE)
    desk.gate.clear()
    found, look_again_s = await desk.images.look(record())
    assert isinstance(found, Problem)
    assert (found.transient, found.reason, look_again_s) == (True, Reason.PROGRESSING, None)
    assert desk.changed == []
    desk.gate.set()
    await asyncio.sleep(0.01)
    assert desk.changed == [("apps", "hello")], "its answer brings the function back"
    assert await desk.images.look(record()) == (IMAGE, None)


async def test_a_function_that_is_gone_is_forgotten() -> None:
    desk = Desk(IMAGE, IMAGE)
    desk.gate.clear()
    await desk.images.look(record())
    desk.images.forget(("apps", "hello"))
    desk.gate.set()
    await asyncio.sleep(0.01)
    assert len(desk.answers) == 2


async def test_a_bug_is_logged_and_does_not_stick(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    assert await desk.images.look(record()) == (subject.PENDING, subject.RETRY_S_MIN)
    assert "looking up the image of apps/hello failed" in caplog.text
    assert "IndexError" in caplog.text
    desk.answers = [IMAGE]
    desk.now += subject.RETRY_S_MIN
    assert await desk.images.look(record()) == (IMAGE, None)
