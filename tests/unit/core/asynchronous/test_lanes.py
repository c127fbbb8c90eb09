"""Rules L1 to L6 of core.lane and L7 to L10 of core.lanes, on a simulated clock."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubelambda.core.asynchronous.lane import PAUSE_S_MAX, WIDTH_MIN, Ending, Lane
from kubelambda.core.asynchronous.lanes import FORGET_S, RETURN_S_MAX, Lanes
from unit.core.asynchronous.lane_simulation import SimulatedFunction, Simulation


def simulate(dispatchers: int = 1, **functions: SimulatedFunction) -> Simulation:
    return Simulation([Lanes() for _ in range(dispatchers)], functions)


def fill(lane: Lane, count: int, now: float = 0.0) -> None:
    for number in range(count):
        lane.add(f"event-{number:04}", float(number), 10, now)


def take_all(lane: Lane, now: float) -> list[str]:
    taken = []
    while (key := lane.take(now, 1_000)) is not None:
        taken.append(key)
    return taken


def test_f34_a_burst_of_short_events_wants_a_handful_of_environments() -> None:
    """A hundred events a second of 1 ms each: the cold start of one second makes no lane wide."""
    simulation = simulate(short=SimulatedFunction(work_s=0.001))
    simulation.offer("short", 1_000, every_s=0.01)
    simulation.run_until(15.0)
    assert len(simulation.done_at) == 1_000
    assert simulation.functions["short"].wanted <= 4


def test_f34_two_dispatchers_side_by_side_want_a_handful_as_well() -> None:
    simulation = simulate(2, short=SimulatedFunction(work_s=0.001))
    simulation.offer("short", 1_000, every_s=0.01)
    simulation.run_until(15.0)
    assert len(simulation.done_at) == 1_000
    assert simulation.functions["short"].wanted <= 6


@pytest.mark.parametrize("cold_start_s", [0.3, 1.0, 4.0])
def test_f34_long_events_are_spread_over_many_environments(cold_start_s: float) -> None:
    simulation = simulate(long=SimulatedFunction(work_s=60.0, cold_start_s=cold_start_s))
    simulation.offer("long", 300)
    simulation.run_until(59.0)
    assert simulation.functions["long"].wanted >= 100
    simulation.run_until(400.0)
    assert len(simulation.done_at) == 300


def test_f34_a_great_backlog_of_short_events_is_worked_off_without_rest() -> None:
    simulation = simulate(short=SimulatedFunction(work_s=0.01))
    simulation.offer("short", 10_000)
    simulation.run_until(120.0)
    assert len(simulation.done_at) == 10_000
    assert simulation.functions["short"].wanted <= 250


def test_f34_while_no_environment_comes_up_no_more_are_wanted() -> None:
    """A full cluster: what waits for room must not ask for more of it."""
    simulation = simulate(stuck=SimulatedFunction(work_s=0.01, cold_start_s=10_000.0))
    simulation.offer("stuck", 1_000, every_s=0.01)
    simulation.run_until(120.0)
    assert simulation.functions["stuck"].wanted == WIDTH_MIN


@pytest.mark.parametrize(
    ("count", "reservation", "work_s", "within_s"), [(60, 2, 0.2, 10.0), (15, 1, 0.3, 8.0)]
)
def test_l3_throttled_events_drain_as_fast_as_slots_become_free(
    count: int, reservation: int, work_s: float, within_s: float
) -> None:
    simulation = simulate(few=SimulatedFunction(work_s, reservation=reservation))
    simulation.offer("few", count)
    simulation.run_until(within_s)
    assert len(simulation.done_at) == count
    assert simulation.throttles <= count / 3
    assert not simulation.returned


@pytest.mark.parametrize("dispatchers", [2, 3])
def test_l3_dispatchers_side_by_side_share_the_slots(dispatchers: int) -> None:
    """Whoever finds no slot asks again within PAUSE_S_MAX; nothing is left behind."""
    simulation = simulate(dispatchers, few=SimulatedFunction(0.2, reservation=2))
    simulation.offer("few", 60)
    simulation.run_until(10.0 + dispatchers * PAUSE_S_MAX)
    assert len(simulation.done_at) == 60
    assert not simulation.returned


def test_l3_a_function_without_slots_is_asked_rarely_and_found_free_soon() -> None:
    function = SimulatedFunction(work_s=0.1, reservation=0)
    simulation = simulate(taken=function)
    simulation.offer("taken", 50)
    simulation.run_until(600.0)
    assert simulation.throttles <= 600 / (PAUSE_S_MAX / 2)
    function.reservation = 1
    simulation.run_until(600.0 + PAUSE_S_MAX + 50 * 0.2)
    assert len(simulation.done_at) == 50


def test_l8_a_neighbour_is_served_beside_thousands_of_throttled_events() -> None:
    simulation = simulate(
        noisy=SimulatedFunction(work_s=1.0, reservation=1), quiet=SimulatedFunction(work_s=0.1)
    )
    simulation.offer("noisy", 5_000)
    simulation.run_until(1.0)
    simulation.offer("quiet", 20, every_s=1.0)
    simulation.run_until(40.0)
    assert sum(key.startswith("quiet") for key in simulation.done_at) == 20
    assert max(at for key, at in simulation.done_at.items() if "quiet" in key) < 25.0


def test_l8_a_neighbour_is_served_beside_thousands_of_events_that_cannot_run() -> None:
    simulation = simulate(
        noisy=SimulatedFunction(work_s=1.0, reservation=0), quiet=SimulatedFunction(work_s=0.1)
    )
    simulation.offer("noisy", 5_000)
    simulation.run_until(1.0)
    simulation.offer("quiet", 20, every_s=1.0)
    simulation.run_until(40.0)
    assert sum(key.startswith("quiet") for key in simulation.done_at) == 20


def test_l9_what_goes_back_is_not_put_off_for_long_while_its_function_makes_progress() -> None:
    simulation = simulate(slow=SimulatedFunction(work_s=1.0, reservation=1))
    simulation.offer("slow", 1_500)
    simulation.run_until(1_600.0)
    assert len(simulation.done_at) >= 1_400
    late = [event.delay_s for event in simulation.returned[1_000:]]
    assert late
    assert all(delay_s is not None and delay_s <= RETURN_S_MAX for delay_s in late)


def test_l7_there_is_room_for_one_more_function_beside_any() -> None:
    simulation = simulate(
        greedy=SimulatedFunction(work_s=900.0), other=SimulatedFunction(work_s=0.1)
    )
    simulation.offer("greedy", 2_000)
    simulation.run_until(60.0)
    assert simulation.in_flight_max["greedy"] <= 250
    simulation.offer("other", 1)
    simulation.run_until(65.0)
    assert "other/0" in simulation.done_at


def test_l1_a_lane_begins_small() -> None:
    lane = Lane(0.0)
    fill(lane, 100)
    assert take_all(lane, 0.0) == ["event-0000", "event-0001"]


def test_l2_without_success_a_lane_stays_as_it_is() -> None:
    lane = Lane(0.0)
    fill(lane, 100)
    take_all(lane, 0.0)
    lane.adjust(1_000.0, 1_000)
    assert lane.width == WIDTH_MIN


def test_l2_an_event_that_waits_for_an_environment_keeps_the_lane_as_it_is() -> None:
    lane = Lane(0.0)
    fill(lane, 100)
    first, _ = take_all(lane, 0.0)
    lane.begin(first, 1.0)
    lane.adjust(30.0, 1_000)
    assert lane.width == WIDTH_MIN


def test_l2_running_for_long_widens_it() -> None:
    lane = Lane(0.0)
    fill(lane, 100)
    for key in take_all(lane, 0.0):
        lane.begin(key, 1.0)
    lane.adjust(1.5, 1_000)
    assert lane.width == WIDTH_MIN
    lane.adjust(2.0, 1_000)
    assert lane.width == 2 * WIDTH_MIN
    lane.adjust(2.5, 1_000)
    assert lane.width == 2 * WIDTH_MIN


def test_l4_an_error_of_the_platform_halves_and_pauses_it() -> None:
    lane = Lane(0.0)
    fill(lane, 100)
    first, _ = take_all(lane, 0.0)
    lane.end(first, Ending.FAILED, 1.0, 0.0)
    assert lane.width == 1
    assert lane.take(1.01, 1_000) is None


def test_l5_a_width_that_is_not_used_shrinks() -> None:
    lane = Lane(0.0)
    lane.width = 64
    for second in range(100):
        lane.adjust(float(second), 1_000)
    assert lane.width == WIDTH_MIN


def test_l6_a_throttled_event_is_the_oldest_again() -> None:
    lane = Lane(0.0)
    fill(lane, 3)
    first, second = take_all(lane, 0.0)
    lane.end(first, Ending.THROTTLED, 0.1, 0.0)
    assert lane.take(0.2, 1_000) is None
    lane.end(second, Ending.COMPLETED, 0.3, 0.0)
    assert lane.take(0.3, 1_000) == first


def test_l10_a_lane_without_events_is_forgotten() -> None:
    lanes = Lanes()
    lanes.add("f", "event", 0.0, 10, 0.0)
    (key,) = lanes.take(0.0)
    lanes.end(key, Ending.COMPLETED, 1.0, 0.0)
    lanes.forget_idle(1.0 + FORGET_S)
    assert len(lanes) == 1
    lanes.forget_idle(1.1 + FORGET_S)
    assert len(lanes) == 0
    assert lanes.lease_limit == 1_000


@settings(deadline=None)  # on a loaded machine any example may take long
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "end", "tick"]), st.integers(0, 4), st.sampled_from(Ending)
        ),
        max_size=200,
    )
)
def test_every_event_is_waiting_running_or_handed_out(
    steps: list[tuple[str, int, Ending]],
) -> None:
    """Nothing is lost in the hands: added = waiting + running + ended + given back."""
    lanes = Lanes(running_max=6, waiting_max=8)
    now, added, gone, running = 0.0, 0, 0, []
    for step, number, ending in steps:
        now += 0.7
        if step == "add":
            lanes.add(f"f{number}", f"event-{added}", now, 10, now)
            added += 1
        elif step == "end" and running:
            lanes.end(running.pop(number % len(running)), ending, now, 0.5)
            gone += ending is not Ending.THROTTLED
        elif step == "tick":
            running += lanes.take(now)
            gone += len(lanes.give_back(now))
            lanes.forget_idle(now)
        assert lanes.running == len(running) <= 6
        assert added == lanes.waiting + lanes.running + gone
