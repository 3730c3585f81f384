"""When a step takes too long: told by a clock that the test moves."""

from __future__ import annotations

import pytest

from streamtrack.clock import FakeClock
from streamtrack.config import SupervisionConfig
from streamtrack.pipeline.step_watch import COLD_PATIENCE_S, MIN_PATIENCE_S, WARM_STEPS, StepWatch

LIMITS = SupervisionConfig(step_timeout_ms=5_000, first_step_timeout_ms=120_000)


def warm(watch: StepWatch, clock: FakeClock, step_ms: float, num_objects: int = 1) -> None:
    for _ in range(WARM_STEPS):
        with watch.step(num_objects):
            clock.advance_ms(step_ms)


@pytest.mark.parametrize(("step_ms", "limit_s"), [(100, 5), (400, 8)])
def test_step_is_overdue_after_its_timeout_or_twenty_times_the_usual(step_ms: float, limit_s: float) -> None:
    clock = FakeClock()
    watch = StepWatch(LIMITS, clock)
    warm(watch, clock, step_ms)
    with watch.step(1) as step:
        clock.advance_ms(limit_s * 1000)
        assert watch.overdue_s is None
        clock.advance_ms(1)
        assert watch.overdue_s == pytest.approx(limit_s + 0.001)
    assert watch.overdue_s is None, "it ended"
    assert step.was_overdue
    with watch.step(1) as step:
        clock.advance_ms(step_ms)
    assert not step.was_overdue


def test_first_steps_and_those_with_another_number_of_objects_may_compile() -> None:
    clock = FakeClock()
    watch = StepWatch(LIMITS, clock)
    with watch.step(1):
        clock.advance_ms(119_000)
        assert watch.overdue_s is None
    assert watch.patience_s(1) == COLD_PATIENCE_S
    warm(watch, clock, 10)
    assert watch.patience_s(1) == MIN_PATIENCE_S
    with watch.step(2):
        clock.advance_ms(119_000)
        assert watch.overdue_s is None
        clock.advance_ms(1_001)
        assert watch.overdue_s is not None


def test_others_wait_five_usual_steps_for_a_slow_model() -> None:
    clock = FakeClock()
    watch = StepWatch(LIMITS, clock)
    warm(watch, clock, 3_000)
    assert watch.patience_s(1) == pytest.approx(15)
    assert watch.patience_s(2) == COLD_PATIENCE_S
    assert watch.usual_patience_s == pytest.approx(15), "a restart compiles nothing"


def test_step_that_raises_teaches_nothing() -> None:
    clock = FakeClock()
    watch = StepWatch(LIMITS, clock)
    for _ in range(WARM_STEPS):
        with pytest.raises(RuntimeError), watch.step(1):
            raise RuntimeError
    assert watch.patience_s(1) == COLD_PATIENCE_S
    assert watch.overdue_s is None


def test_step_that_was_given_up_ends_nothing_of_the_next() -> None:
    clock = FakeClock()
    watch = StepWatch(LIMITS, clock)
    given_up = watch.work()
    given_up.__enter__()
    watch.forget_running()
    assert watch.overdue_s is None
    with watch.work():
        clock.advance_ms(121_000)
        given_up.__exit__(None, None, None)
        assert watch.overdue_s is not None
