"""What subprocesses and libraries below Python write is masked on its way into the file."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from typing import TYPE_CHECKING

import pytest

from expt.parameters.masking import secret_pattern, secret_spellings
from expt.running.capture import captured_output
from expt.running.scrubbing import Scrubber

if TYPE_CHECKING:
    from pathlib import Path

    from expt.testing import Sandbox

TEXTS = (
    "hunter2",
    "long-and-unmistakable",
    "-----BEGIN\nabc\ndef\n-----END",
    "geheim-é",
    "hunter2-x",
)


@pytest.mark.parametrize("number", range(200))
def test_pieces_are_masked_as_the_whole_is(number: int) -> None:
    chance = random.Random(number)
    spelled = secret_spellings(TEXTS)
    words = (
        *TEXTS,
        "hunt",
        "hunter",
        "er2",
        " ",
        "\n",
        "x",
        "5",
        "long-and-",
        "-----BEGIN\nabc",
        "é",
    )
    whole = "".join(chance.choice(words) for _ in range(20)).encode()
    scrubber = Scrubber(secret_pattern(spelled), spelled)
    given, rest = b"", whole
    while rest:
        size = chance.randrange(1, 12)
        given += scrubber.feed(rest[:size])
        rest = rest[size:]
        assert not any(text.encode() in given for text in TEXTS if len(text) > 12)
    given += scrubber.close()
    assert given == re.sub(secret_pattern(spelled).encode(), b"***", whole)
    assert scrubber.found is (given != whole)


def test_nothing_is_held_back_that_begins_no_secret() -> None:
    spelled = secret_spellings(["hunter2"])
    scrubber = Scrubber(secret_pattern(spelled), spelled)
    assert scrubber.feed(b"what? ") == b"what? "
    assert scrubber.feed(b"the hunt") == b"the "
    assert scrubber.feed(b"ress") == b"huntress"


WRITERS = """
    import os, subprocess, time
    from expt import Secret

    def experiment_s(token: Secret):
        subprocess.run(["sh", "-c", f"echo a subprocess has {token}; echo {token} >&2"], check=True)
        os.write(1, f"a library has {token}\\n".encode())
        subprocess.run(["printf", "%s", token[:4]], check=True)
        time.sleep(0.3)
        subprocess.run(["printf", "%s", token[4:] + "\\n"], check=True)
        open("ready", "w").close()
        time.sleep(END)
"""
SAID = "a subprocess has ***\n***\na library has ***\n***\n"


@pytest.mark.parametrize("ended", ["session", "worker"])
def test_output_below_python_is_masked_at_any_moment(sandbox: Sandbox, ended: str) -> None:
    """sibling of case: secret-lost-log"""
    sandbox.write({"experiments/s.py": WRITERS.replace("END", "600")})
    process = sandbox.start("-p", "token=hunter2")
    try:
        end = time.monotonic() + 120
        while not (sandbox.root / "ready").exists():
            logs = list((sandbox.root / "runs").rglob("output.log"))
            assert not any(b"hunter2" in log.read_bytes() for log in logs)
            assert time.monotonic() < end, "the run did not come to its last line"
            time.sleep(0.05)
        os.kill(process.pid if ended == "session" else sandbox.record()["pid"], signal.SIGKILL)
    finally:
        if ended == "session":
            process.kill()
        process.communicate(timeout=60)
    # the worker of a session that was killed ends when it hears of that
    expected = (SAID, "lost" if ended == "session" else "failed")
    deadline = time.monotonic() + 60
    while (found := (sandbox.run().log, sandbox.run().status)) != expected:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def test_the_output_is_whole_and_said_to_be_masked_at_the_end(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/s.py": WRITERS.replace("END", "0")})
    done = sandbox.expt("-p", "token=hunter2")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert sandbox.run().log == SAID
    assert "secrets are masked in output.log" in sandbox.record()["notices"]
    assert sandbox.expt("verify").exit_code == 0


def test_a_run_may_wait_for_all_of_its_children(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/s.py": """
                import os
                from expt import Secret

                def experiment_s(token: Secret):
                    try:
                        os.wait()
                    except ChildProcessError:
                        return "no children"
            """
        }
    )
    assert sandbox.expt("-p", "token=hunter2", "--timeout", "60").exit_code == 0
    assert sandbox.run().results["value"] == "no children"


def test_what_goes_on_in_the_background_holds_nobody(tmp_path: Path) -> None:
    began = time.monotonic()
    with captured_output(tmp_path / "output.log", None, ["hunter2"]):
        os.system("sleep 300 & echo $!; echo hunter2")
    assert time.monotonic() - began < 100
    number, said = (tmp_path / "output.log").read_text().splitlines()
    os.kill(int(number), signal.SIGKILL)
    assert said == "***"
