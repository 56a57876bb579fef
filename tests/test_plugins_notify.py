"""The bell and the webhook at the end of a session."""

from __future__ import annotations

import http.server
import io
import json
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from expt.ground.errors import ConfigurationError
from expt.ground.model import ErrorInfo, Outcome
from expt.ground.options import KeepingOptions, Options
from expt.plugins.notify import Notify, message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from expt.testing import Sandbox

OUTCOMES = (
    Outcome("a.py::experiment_a", "aaaa", "/p/a", "completed", 1.0, {"accuracy": 0.9}),
    Outcome(
        "a.py::experiment_b[key-hunter2]",
        "bbbb",
        "/p/b",
        "failed",
        1.0,
        error=ErrorInfo("ValueError", "hunter2 is wrong"),
    ),
)


class Bell(io.StringIO):
    def isatty(self) -> bool:
        return True


def make_options(**notify: Any) -> Options:
    return Options(
        root=Path("/project"),
        cwd=Path("/project"),
        keeping=KeepingOptions(Path("/project/runs")),
        command=("expt", "-p", "api_key=hunter2"),
        configuration={"notify": notify} if notify else {},
    )


@pytest.fixture
def address() -> Iterator[tuple[str, list[Any]]]:
    received: list[Any] = []
    over = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.headers["Content-Type"], json.loads(body)))
            if self.path == "/never":
                over.wait(60)
            if self.path == "/hostile":
                self.send_response(500, "\x1b]52;c;aGFja2Vk\x07\x1b[2J")
            else:
                self.send_response(404 if self.path == "/missing" else 200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", received
        over.set()
        server.shutdown()
        thread.join()


def finish(options: Options, stream: io.StringIO, patience: float = 30) -> None:
    notify = Notify(stream, options, patience=patience)
    notify.expt_session_started()
    notify.expt_session_finished(options, OUTCOMES, 1)


def test_nothing_happens_unless_asked_for() -> None:
    stream = Bell()
    finish(make_options(), stream)
    assert stream.getvalue() == ""


def test_the_bell_rings_on_a_terminal_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for stream, expected in ((Bell(), "\a"), (io.StringIO(), "")):
        finish(make_options(bell=True), stream)
        assert stream.getvalue() == expected


def test_the_webhook_is_told_counts_and_names_and_no_value(address: tuple[str, Any]) -> None:
    url, received = address
    stream = io.StringIO()
    finish(make_options(webhook=f"{url}/T0"), stream)
    ((kind, content),) = received
    assert kind == "application/json"
    text = content.pop("text")
    assert text.startswith("expt in project on ")
    assert text.endswith(": 1 completed, 1 failed")
    assert content == {
        "exit_code": 1,
        "counts": {"completed": 1, "failed": 1},
        "failed": [{"experiment": "a.py::experiment_b", "run": "bbbb"}],
    }
    assert stream.getvalue() == ""
    assert "hunter2" not in json.dumps(message(make_options(), OUTCOMES, 1))


def test_a_webhook_that_refuses_is_a_line_without_its_path(address: tuple[str, Any]) -> None:
    stream = io.StringIO()
    finish(make_options(webhook=f"{address[0]}/missing"), stream)
    assert stream.getvalue() == (
        "notice: the webhook at 127.0.0.1 was not told: it answered 404 Not Found\n"
    )


def test_the_answer_of_a_webhook_never_speaks_to_the_terminal(address: tuple[str, Any]) -> None:
    """case: webhook"""
    stream = io.StringIO()
    finish(make_options(webhook=f"{address[0]}/hostile"), stream)
    assert stream.getvalue() == (
        "notice: the webhook at 127.0.0.1 was not told: "
        "it answered 500 \\x1b]52;c;aGFja2Vk\\x07\\x1b[2J\n"
    )


def test_an_address_that_no_request_can_have_is_a_line() -> None:
    """case: webhook"""
    stream = io.StringIO()
    finish(make_options(webhook="http://127.0.0.1:9/se cret"), stream)
    assert stream.getvalue() == "notice: the webhook at 127.0.0.1 was not told: InvalidURL\n"


def test_a_webhook_where_nobody_listens_is_a_line() -> None:
    stream = io.StringIO()
    finish(make_options(webhook="http://127.0.0.1:9/secret"), stream)
    assert stream.getvalue() == (
        "notice: the webhook at 127.0.0.1 was not told: [Errno 111] Connection refused\n"
    )


def test_a_webhook_is_told_though_the_session_does_not_wait(address: tuple[str, Any]) -> None:
    """What never answers would be told of as a failure by whoever waits for it."""
    stream = io.StringIO()
    finish(make_options(webhook=f"{address[0]}/never"), stream, patience=0)
    while not address[1]:
        time.sleep(0.01)
    assert stream.getvalue() == ""


def test_the_process_that_delivers_outlives_the_command(
    address: tuple[str, Any], sandbox: Sandbox
) -> None:
    sandbox.write(
        {
            "expt.toml": f"notify.webhook = '{address[0]}/never'",
            "experiments/x.py": "def experiment_x(): ...",
        }
    )
    done = sandbox.expt()
    assert (done.exit_code, done.stderr) == (0, "")
    assert "was not told" not in done.stdout
    while not address[1]:
        time.sleep(0.01)
    ((_, content),) = address[1]
    assert content["counts"] == {"completed": 1}


def test_nothing_is_sent_of_a_session_that_was_killed(
    address: tuple[str, Any], sandbox: Sandbox
) -> None:
    sandbox.write(
        {
            "expt.toml": f"notify.webhook = '{address[0]}/T0'",
            "experiments/x.py": """
                import time
                from pathlib import Path

                def experiment_x():
                    Path("there").touch()
                    time.sleep(60)
            """,
        }
    )
    process = sandbox.start()
    while not (sandbox.root / "there").exists():
        time.sleep(0.01)
    process.kill()
    process.communicate()
    time.sleep(0.3)
    assert address[1] == []


def test_the_address_reads_the_environment(
    address: tuple[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", address[0])
    finish(make_options(webhook="${HOOK}/T0"), io.StringIO())
    assert len(address[1]) == 1


@pytest.mark.parametrize(
    ("notify", "expected"),
    [
        (
            {"bel": True},
            "'notify' has no key 'bel'\n  at [tool.expt.notify]\n  did you mean 'bell'?",
        ),
        (
            {"sound": True},
            "'notify' has no key 'sound'\n  at [tool.expt.notify]\n  keys: bell, webhook",
        ),
        ({"bell": "yes"}, "'bell' must be true or false\n  at [tool.expt.notify]"),
        ({"webhook": 3}, "'webhook' must be a text\n  at [tool.expt.notify]"),
        (
            {"webhook": "file:///etc/passwd"},
            "'webhook' must begin with 'https://' or 'http://'\n  at [tool.expt.notify]",
        ),
        (
            {"webhook": "https://x/${NOT_SET_AT_ALL}"},
            (
                "the environment has no variable 'NOT_SET_AT_ALL' for 'webhook'\n"
                "  at [tool.expt.notify]"
            ),
        ),
        (
            {"webhook": "http://[oops"},  # case: webhook
            "'webhook' is no address: Invalid IPv6 URL\n  at [tool.expt.notify]",
        ),
        (
            {"webhook": "https://x/$"},
            "'webhook' has a '$' that names no variable\n  at [tool.expt.notify]",
        ),
    ],
)
def test_a_mistake_in_the_configuration_is_told(notify: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Notify(io.StringIO(), make_options(**notify))
    assert str(caught.value) == expected
