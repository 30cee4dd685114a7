import json

import pytest

from benchmarks.figure import Goal, LeftOut, Options, Result
from benchmarks.report import json_lines
from benchmarks.rounds import compare

AT_LEAST, AT_MOST, MORE = (
    Goal(0.7, "ratio at least"),
    Goal(2, "ratio at most"),
    Goal(64, "more by at most"),
)


@pytest.mark.parametrize(
    ("goal", "ours", "peer", "met"),
    [
        (AT_LEAST, 70, 100, True),
        (AT_LEAST, 69, 100, False),
        (AT_MOST, 2, 1, True),
        (AT_MOST, 2.1, 1, False),
        (MORE, 164, 100, True),
        (MORE, 165, 100, False),
    ],
)
def test_a_goal_is_met_at_its_bound_and_not_beyond(goal: Goal, ours: float, peer: float, met: bool) -> None:
    assert Result("a figure", ours, peer, "s", goal).is_met is met


def test_a_figure_is_the_median_of_its_rounds_without_the_first() -> None:
    ours, peer = iter([1000.0, 1, 9, 3]), iter([1000.0, 2, 8, 4])
    result = compare(
        "a figure", lambda: next(ours), lambda: next(peer), unit="s", goal=AT_MOST, options=Options(rounds=3)
    )
    assert (result.ours, result.peer) == (3, 4)


def test_json_has_a_line_for_each_figure_and_none_for_what_was_left_out() -> None:
    lines = json_lines([Result("upload", 35, 50, "MB/s", AT_LEAST), LeftOut("download", "no nginx")]).splitlines()
    assert [json.loads(line) for line in lines] == [
        {"figure": "upload", "ours": 35, "peer": 50, "ratio": 0.7, "unit": "MB/s"}
    ]
