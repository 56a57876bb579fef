"""What a run writes and logs is in its output, and the streams are whole for the next one."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

import pytest

from expt.running.capture import captured_output
from expt.running.isolation import preserved_state
from expt.running.records import logged_records

if TYPE_CHECKING:
    from pathlib import Path

    from expt.testing import Sandbox

HOSTILE = """
    import sys

    class Stream:
        def __init__(self, raised=None):
            self.raised = raised

        def write(self, text): ...

        def flush(self):
            if self.raised:
                raise self.raised

        def __getattr__(self, name):
            raise RuntimeError(name)

    def experiment_a(track):
        track("a", 1.0)
        {body}

    def experiment_b(track):
        print("heard")
        print("told", file=sys.stderr)
        track("b", 1.0)
"""


@pytest.mark.parametrize(
    "body",
    [
        "sys.stdout = Stream(SystemExit(0))",
        "sys.stdout = Stream(KeyboardInterrupt())",
        "sys.stderr = Stream(GeneratorExit())",
        "sys.stdout = sys.stderr = Stream()",
        "del sys.stdout",
        "del sys.stderr, sys.__stdout__, sys.__stderr__, sys.stdin",
        "sys.stdout.close(); sys.__stderr__.detach()",
    ],
)
def test_a_stream_of_a_run_harms_no_other_run(sandbox: Sandbox, body: str) -> None:
    """case: stdout-object"""
    sandbox.write({"experiments/a.py": HOSTILE.format(body=body)})
    done = sandbox.expt()
    assert done.exit_code == 0, done.stdout
    b, a = sandbox.runs()
    assert (a.status, b.status) == ("completed", "completed")
    assert b.log == "heard\ntold\n"


# Log records


@pytest.mark.inline
def test_a_level_and_a_file_of_basic_config_are_as_in_a_script(sandbox: Sandbox) -> None:
    """case: basicconfig-ignored"""
    sandbox.write(
        {
            "experiments/a.py": """
                import logging
                from logging import basicConfig

                def experiment_a(tmp_path):
                    basicConfig(level=logging.DEBUG, filename=tmp_path / "my.log")
                    logging.debug("loss is nan at step 3")
                    return (tmp_path / "my.log").read_text()
            """
        }
    )
    done = sandbox.expt()
    assert done.exit_code == 0, done.stdout
    assert sandbox.run().results["value"] == "DEBUG:root:loss is nan at step 3\n"
    assert "DEBUG   root: loss is nan at step 3" in sandbox.run().log


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("logging.basicConfig(format='mine %(message)s')", "mine said\n"),
        ("logging.basicConfig(format='mine %(message)s', force=True)", "mine said\n"),
        ("root.handlers or root.addHandler(logging.StreamHandler())", "said\n"),
        ("log.addHandler(logging.StreamHandler(sys.stdout))", "said\n"),
        ("log.addHandler(logging.NullHandler())", "INFO    a: said\n"),
        ("h = logging.StreamHandler(); h.setLevel(50); log.addHandler(h)", "INFO    a: said\n"),
        (
            "logging.config.dictConfig({'version': 1, 'disable_existing_loggers': False,"
            "'handlers': {'h': {'class': 'logging.StreamHandler'}}, 'root': {'handlers': ['h']}})",
            "said\n",
        ),
        ("log.setLevel(30)", ""),
        ("root.handlers.clear()", ""),
    ],
)
def test_a_record_is_in_the_output_once_whoever_configures_logging(
    tmp_path: Path, body: str, expected: str
) -> None:
    root = logging.getLogger()
    names = {"logging": logging, "root": root, "log": logging.getLogger("a")}
    with preserved_state():
        root.handlers.clear()  # pytest's
        with captured_output(tmp_path / "output.log", 20):
            exec(f"import sys, logging.config\n{body}\nlog.info('said')", names)
    text = (tmp_path / "output.log").read_text()
    assert re.sub(r"^\d{4}-\S+ \S+ ", "", text) == expected


def test_loggers_of_a_run_are_not_those_of_the_next(sandbox: Sandbox) -> None:
    """case: logging-leaks-between-runs"""
    sandbox.write(
        {
            "experiments/a.py": """
                import logging.config, sys
                log = logging.getLogger(__name__)

                def experiment_1_first():
                    handlers = {"h": {"class": "logging.StreamHandler"}}
                    logging.config.dictConfig(
                        {"version": 1, "handlers": handlers, "root": {"handlers": ["h"]}}
                    )

                def experiment_2_second():
                    log.warning("the model does not converge")

                def experiment_3_third(n: int = 0):
                    own = logging.getLogger("mine")
                    own.propagate = False
                    own.addHandler(logging.StreamHandler(sys.stdout))
                    own.warning("epoch %d", n)
            """
        }
    )
    assert sandbox.expt("-k", "first or second").exit_code == 0
    assert sandbox.run().log.endswith("the model does not converge\n")
    assert sandbox.expt("-k", "third", "--sweep", "n=1,2,3").exit_code == 0
    logs = [run.log for run in sandbox.runs(k="third")]
    assert logs == ["epoch 3\n", "epoch 2\n", "epoch 1\n"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "iwe"),
        (["--log-level", "DEBUG"], "diwe"),
        (["--log-level", "error"], "e"),
        (["--log-level", "35"], "e"),
        (["--log-level", "debug", "--pdb"], None),
    ],
)
@pytest.mark.inline
def test_the_level_of_the_log_is_an_option(
    sandbox: Sandbox, words: list[str], expected: str | None
) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
                import warnings

                def experiment_a(log):
                    log.debug("d")
                    log.info("i")
                    log.warning("w")
                    log.error("e")
                    warnings.warn("beware")
            """
        }
    )
    done = sandbox.expt(*words)
    assert done.exit_code == 0, done.stderr
    told = done.stderr if expected is None else sandbox.run().log
    letters = "".join(line[-1] for line in told.splitlines() if "expt.experiment_a: " in line)
    assert letters == (expected or "diwe")
    assert "a.py:8: UserWarning: beware" in told


@pytest.mark.inline
def test_the_level_of_the_log_is_configured(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "expt.toml": 'log_level = "warning"\n',
            "experiments/a.py": "def experiment_a(log): log.info('i')\n",
        }
    )
    assert sandbox.expt().exit_code == 0
    assert sandbox.run().log == ""
    assert sandbox.expt("--log-level", "info").exit_code == 0
    assert "i\n" in sandbox.run().log


def test_a_level_that_is_none_is_told_before_anything_runs(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/a.py": "def experiment_a(): ...\n"})
    done = sandbox.expt("--log-level", "loud")
    assert (done.exit_code, done.stderr) == (
        4,
        "error: 'loud' is no level of log records\n"
        "  at --log-level loud\n"
        "  levels: critical, debug, error, info, warning, or a number up to 9999\n",
    )


def test_the_root_logger_is_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    import sys

    root = logging.getLogger()
    before = root.handlers, list(root.handlers), root.level
    with logged_records(sys.stderr):
        root.addHandler(logging.NullHandler())
        root.setLevel(1)
    assert (root.handlers, list(root.handlers), root.level) == before
