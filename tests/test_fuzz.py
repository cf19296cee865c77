"""Two hundred hostile commands; `python -m tests.fuzz 5000` runs more of them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fuzz import Outcome, judged, run
from tests.fuzz_cases import Case

SEED, CASES, GROUPS = 9, 200, 8


@pytest.mark.parametrize("group", range(GROUPS))
def test_hostile_commands_end_in_one_line_and_leave_nothing(tmp_path, group):
    wrong, statuses = run(SEED, range(group, CASES, GROUPS), tmp_path / "fuzz")
    assert wrong == []
    assert sum(statuses.values()) == CASES / GROUPS and len({key[-1] for key in statuses}) == 3


@pytest.mark.parametrize(
    "outcome, left, said",
    [
        (Outcome(1, "", "talkinghead: no such file\n"), "", None),
        (Outcome(0, "", "talkinghead: a warning\n"), "out.mp4", None),
        (Outcome(1, "", "talkinghead: a\ntalkinghead: b\n"), "", "2 lines"),
        (Outcome(1, "", ""), "", "0 lines"),
        (Outcome(1, "", "Traceback (most recent call last):\nKeyError: 1\n"), "", "a traceback"),
        (Outcome(1, "", "talkinghead: out.mp4: KeyError: 1\n"), "", "a refusal"),
        (Outcome(2, "", "no\n"), "", "no usage"),
        (Outcome(-11, "", ""), "", "exit status -11"),
        (Outcome(1, "", "talkinghead: no\n"), "out.mp4", "left behind: out.mp4"),
        (Outcome(0, "", ""), ".talkinghead-1.mp4", "left behind"),
    ],
)
def test_what_breaks_the_rules_is_seen(tmp_path, outcome, left, said):
    case = Case(np.random.default_rng(0), tmp_path, {}, ["speak"])
    if left:
        (tmp_path / left).write_bytes(b"x")
    wrong = judged(case, outcome, {})
    assert (not wrong) if said is None else any(said in line for line in wrong)
