"""Programs that jobs run: their limits, and that none outlives its run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from changemaker_core.db import utcnow
from changemaker_core.jobs import ChildFailed, Executor, Job, JobStopped, RunnerThread
from changemaker_core.jobs.running.child import LOOK, Children
from tests.bench.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from changemaker_core.jobs import JobRun

Fixture = Any
MIB = 2**20
PYTHON = sys.executable


def run(*argv: str, on_line: Callable[[str], object] | None = None, **options: Any) -> None:
    options = {"seconds": 30.0, "memory": 2048 * MIB, "file_bytes": MIB, "env": {}, **options}
    limits = (options["memory"], options["file_bytes"])
    Children().run(argv, options["seconds"], limits, on_line, options["env"], options.get("cwd"))


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_each_line_of_the_output_is_passed_on() -> None:
    lines: list[str] = []
    run("sh", "-c", r"printf 'one\ntwo\rthree\r\nfour'; printf '\377' >&2", on_line=lines.append)
    assert lines == ["one", "two", "three", "four"]


def test_an_end_of_line_that_comes_in_two_parts_is_one() -> None:
    lines: list[str] = []
    run("sh", "-c", r"printf 'one\r'; sleep 0.3; printf '\ntwo\n'", on_line=lines.append)
    assert lines == ["one", "two"]


def test_a_line_without_end_is_passed_on_in_parts() -> None:
    lines: list[str] = []
    run("sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x", on_line=lines.append)
    assert sum(map(len, lines)) == 300_000
    assert max(map(len, lines)) <= 3 * 64 * 1024


@pytest.mark.parametrize(
    ("script", "status", "text"),
    [
        ("echo because >&2; exit 3", 3, "sh ended with status 3: because"),
        ("kill -SEGV $$", 139, "sh was ended by SIGSEGV"),
    ],
)
def test_a_program_that_fails_says_how(script: str, status: int, text: str) -> None:
    with pytest.raises(ChildFailed, match=text) as failed:
        run("sh", "-c", script)
    assert failed.value.status == status


def test_a_program_that_does_not_exist() -> None:
    with pytest.raises(ChildFailed, match=r"no-such-program.*No such file") as failed:
        run("no-such-program")
    assert failed.value.status == 127


def test_memory_is_limited() -> None:
    with pytest.raises(ChildFailed, match="MemoryError"):
        run(PYTHON, "-c", "bytearray(512 * 2**20)", memory=256 * MIB)


def test_files_are_limited(tmp_path: Path) -> None:
    with pytest.raises(ChildFailed, match=r"SIGXFSZ|File too large"):
        run("sh", "-c", "head -c 3000000 /dev/zero > big", cwd=tmp_path)
    assert (tmp_path / "big").stat().st_size == MIB


def test_secrets_of_the_environment_are_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHANGEMAKER_SECRET_KEY", "secret")
    lines: list[str] = []
    run("env", on_line=lines.append, env={"MORE": "yes"})
    assert not any("secret" in line for line in lines)
    assert "MORE=yes" in lines


def test_the_time_is_limited_with_all_that_it_started(tmp_path: Path) -> None:
    with pytest.raises(ChildFailed, match=r"took longer than 1 s"):
        run("sh", "-c", "sleep 600 & echo $! > pid; wait", seconds=1, cwd=tmp_path)
    wait_until(lambda: not is_alive(int((tmp_path / "pid").read_text())))


def test_a_program_that_has_closed_its_output_is_seldom_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []
    sleep = time.sleep

    def recorded(seconds: float) -> None:
        pauses.append(seconds)
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", recorded)
    run("sh", "-c", "exec >&- 2>&-; sleep 0.5")
    assert LOOK in pauses
    assert len(pauses) < 100


def test_what_a_program_leaves_behind_is_killed(tmp_path: Path) -> None:
    run("sh", "-c", "sleep 600 & echo $! > pid", cwd=tmp_path)
    assert not is_alive(int((tmp_path / "pid").read_text()))


def test_an_error_in_on_line_kills_the_program() -> None:
    began = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        run("sh", "-c", "echo one; exec sleep 60", on_line=lambda line: 1 // 0)
    assert time.monotonic() - began < 30


def test_a_program_dies_with_the_process_that_runs_it(tmp_path: Path) -> None:
    """Even where that one is killed with SIGKILL."""
    command = f"echo $$ > {tmp_path}/pid; exec sleep 600"
    script = f"from tests.jobs.test_child import run\nrun('sh', '-c', {command!r})"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen([PYTHON, "-c", script], env=environment)
    pid = tmp_path / "pid"
    try:
        wait_until(lambda: pid.exists() and pid.read_text() != "")
        number = int(pid.read_text())
        assert is_alive(number)
        process.send_signal(signal.SIGKILL)
        wait_until(lambda: not is_alive(number))
    finally:
        process.kill()
        process.wait()


def test_a_program_is_dead_before_its_job_is_queued_again(
    make_site: Fixture, put: Fixture, rows: Fixture, tmp_path: Path
) -> None:
    stopped: list[BaseException] = []

    def job(run: JobRun) -> None:
        argv = ["sh", "-c", f"echo $$ > {tmp_path}/pid; exec sleep 600"]
        try:
            run.child(argv, seconds=60, memory=1024 * MIB, file_bytes=MIB)
        except JobStopped as error:
            stopped.append(error)
            raise

    site = make_site(Job("test.job", job), clock=utcnow)
    put(site, "test.job")
    pid = tmp_path / "pid"
    stop = threading.Event()
    executor = Executor(site)
    runner = threading.Thread(target=executor.run_forever, args=(stop, timedelta(0)))
    runner.start()
    wait_until(lambda: pid.exists() and pid.read_text() != "")
    stop.set()
    wait_until(lambda: rows(site)[0].state == "queued")
    assert not is_alive(int(pid.read_text()))
    runner.join()
    wait_until(lambda: stopped != [])


def test_cancelling_kills_the_program(
    make_site: Fixture, put: Fixture, rows: Fixture, tmp_path: Path
) -> None:
    def job(run: JobRun) -> None:
        argv = ["sh", "-c", f"echo $$ > {tmp_path}/pid; exec sleep 600"]
        run.child(argv, seconds=60, memory=1024 * MIB, file_bytes=MIB)

    site = make_site(Job("test.job", job), clock=utcnow)
    wanted = put(site, "test.job")
    pid = tmp_path / "pid"
    with RunnerThread(site):
        wait_until(lambda: pid.exists() and pid.read_text() != "")
        site.db.sync.write(lambda tx: tx.cancel(wanted))
        wait_until(lambda: rows(site)[0].state == "cancelled")
    assert not is_alive(int(pid.read_text()))
