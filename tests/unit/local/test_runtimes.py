"""Local mode runs what the machine can run and names what it cannot."""

from kubelambda.local.runtimes import Bootstrap, Machine, Unavailable, plan_bootstrap

MACHINE = Machine({"python": ("/usr/bin/python3", "3.11")})


def test_the_same_minor_version_runs_without_a_warning() -> None:
    plan = plan_bootstrap("python3.11", "app.h", MACHINE)
    assert plan == Bootstrap(("/usr/bin/python3", "-m", "awslambdaric", "app.h"))


def test_another_minor_version_runs_with_a_warning() -> None:
    plan = plan_bootstrap("python3.13", "app.h", MACHINE)
    assert isinstance(plan, Bootstrap)
    assert "3.11" in plan.warning


def test_a_language_that_is_absent_is_named() -> None:
    plan = plan_bootstrap("ruby3.3", "app.h", MACHINE)
    assert isinstance(plan, Unavailable)
    assert "ruby3.3" in plan.reason
