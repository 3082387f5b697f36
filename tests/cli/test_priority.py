"""How processes that do jobs step back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SESSION = Path("/proc/self/autogroup")
_STEP_BACK = f"""
import os
from changemaker_core.server.priority import lower_priority
lower_priority(7)
print(os.nice(0))
print(open({str(SESSION)!r}).read() if os.path.exists({str(SESSION)!r}) else "")
"""


def _stepped_back(*, leads: bool) -> tuple[int, str]:
    """A process's own niceness, and its session's, after it has stepped back by 7."""
    done = subprocess.run(
        [sys.executable, "-c", _STEP_BACK],
        start_new_session=leads,
        check=True,
        capture_output=True,
        text=True,
    )
    niceness, session = done.stdout.split("\n", 1)
    return int(niceness), session.strip().rpartition(" ")[2]


@pytest.mark.parametrize("leads", [True, False])
def test_a_process_becomes_nice(leads: bool) -> None:
    assert _stepped_back(leads=leads)[0] == min(19, os.nice(0) + 7)


@pytest.mark.autogroup
def test_only_a_session_of_its_own_is_weighed_less() -> None:
    ours = SESSION.read_text().split()[-1]
    assert _stepped_back(leads=False)[1] == ours
    assert _stepped_back(leads=True)[1] == "7"
