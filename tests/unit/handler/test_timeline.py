"""What a request's headers say about its way, and how its stages come together."""

import time

import pytest

from handler.timeline import NOT_LOGGED, Interval, Timeline, TraceParent

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("header", "sampled"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f" 00-{TRACE}-{SPAN}-00\t", False),
        (f"00-{TRACE}-{SPAN}-03", True),
        (f"cc-{TRACE}-{SPAN}-01-of-the-future", True),
    ],
)
def test_a_valid_traceparent(header: str, sampled: bool) -> None:
    assert TraceParent.from_header(header) == TraceParent(TRACE, SPAN, sampled)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "text",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01-more",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01, 00-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01.more",
    ],
)
def test_an_invalid_traceparent_is_ignored(header: str) -> None:
    assert TraceParent.from_header(header) is None


@pytest.mark.parametrize(
    ("sent", "shown"),
    [({"X-Request-Id": "mine-1"}, "mine-1"), ({"x-request-id": 'a"b'}, "torchserve-1"), ({}, "torchserve-1")],
)
def test_the_request_id_is_the_gateways(sent: dict[str, str], shown: str) -> None:
    assert Timeline(sent, "torchserve-1", 0.0).request_id == shown


@pytest.mark.parametrize(("headers", "hidden"), [({}, False), ({"X-Request-Log": "on"}, False), (NOT_LOGGED, True)])
def test_the_servers_own_checks_are_hidden(headers: dict[str, str], hidden: bool) -> None:
    assert Timeline(headers, "", 0.0).hidden is hidden


def before(began: float, **ago: float) -> dict[str, float]:
    """Return the seconds of the stages before the worker's."""
    headers = {f"X-Request-{name}": f"t={time.time() - seconds:.6f}" for name, seconds in ago.items()}
    stages = Timeline(headers, "", began).stages()
    return {stage.stage: stage.end - stage.start for stage in stages}


def test_the_gateways_times_become_stages() -> None:
    now = time.perf_counter()
    assert before(now, Start=0.3, Forwarded=0.1) == pytest.approx({"gateway": 0.2, "queue": 0.1}, abs=0.01)
    assert before(now, Start=0.3) == pytest.approx({"queue": 0.3}, abs=0.01)
    assert before(now) == {}


def test_a_clock_that_is_ahead_makes_no_negative_times() -> None:
    now = time.perf_counter()
    assert before(now, Start=-5.0, Forwarded=-4.0) == {"gateway": 0.0, "queue": 0.0}
    assert before(now, Start=0.1, Forwarded=0.2) == pytest.approx({"gateway": 0.0, "queue": 0.1}, abs=0.01)


def test_times_that_no_queue_explains_are_left_out() -> None:
    now = time.perf_counter()
    assert before(now, Start=1e9, Forwarded=4000.0) == {}
    assert before(now, Start=1e9, Forwarded=0.2) == pytest.approx({"queue": 0.2}, abs=0.01)


def test_pieces_of_a_stage_are_joined_and_images_are_not() -> None:
    timeline = Timeline({}, "", 0.0)
    timeline.intervals += [
        Interval("preprocess", 1.0, 2.0),
        Interval("decode", 1.2, 1.4),
        Interval("decode", 1.3, 1.5),
        Interval("preprocess", 4.0, 5.0, "damaged-image"),
    ]
    assert list(timeline.stages()) == [
        Interval("decode", 1.2, 1.4),
        Interval("decode", 1.3, 1.5),
        Interval("preprocess", 1.0, 5.0, "damaged-image"),
    ]
