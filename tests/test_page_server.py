"""What `expt view` serves, to whom, and what it refuses; without a browser."""

from __future__ import annotations

import base64
import json
import math
import re
import shutil
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlencode

import anyio
import attrs
import numpy as np
import pytest
from made_runs import id_of, make_run, values_of

from expt.reading.finding import find_runs, list_runs
from expt.reading.listed import Listing, list_of
from expt.reading.references import load_run
from expt.reading.series.tracked import Series
from expt.tracking.recorder import open_recorder

pytest.importorskip("starlette", reason="the extra 'page' is not installed")

from expt.page.bundle import charts, front_end
from expt.page.facts import tell_series
from expt.page.guard import cookie_of
from expt.page.known_runs import KnownRuns
from expt.page.server import Served, make_app
from expt.page.watching import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


HOST = "127.0.0.1:8777"
TOKEN = "secret-of-the-page"
ORIGIN = {"Origin": f"http://{HOST}"}
WORDS = ("where", "limit", "status", "sort")


@attrs.frozen
class Answer:
    """What the application sent."""

    status_code: int
    headers: dict[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()


class Client:
    """Asks the application as uvicorn does, for targets exactly as they are typed."""

    def __init__(self, app: Any, **headers: str) -> None:
        self.app = app
        self.headers = {"Host": HOST, **headers}

    def get(self, target: str, query: Mapping[str, str] | None = None, **headers: str) -> Answer:
        return self.ask("GET", f"{target}?{urlencode(query)}" if query else target, headers)

    def post(self, target: str, body: Any, **headers: str) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("POST", target, {"Content-Type": "application/json", **headers}, content)

    def scope_of(self, method: str, target: str, headers: Mapping[str, str]) -> dict[str, Any]:
        path, _, query = target.partition("?")
        pairs = {**self.headers, **headers}
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": quote(query, safe="=&%+").encode(),
            "headers": [(k.lower().encode(), v.encode()) for k, v in pairs.items()],
            "server": ("127.0.0.1", 8777),
            "client": ("127.0.0.1", 1),
            "root_path": "",
        }

    def ask(self, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> Answer:
        scope = self.scope_of(method, target, headers)
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        anyio.run(self.app, scope, receive, send)
        names = [(k.decode(), v.decode()) for k, v in sent[0]["headers"]]
        content = b"".join(message.get("body", b"") for message in sent[1:])
        return Answer(sent[0]["status"], dict(names), content)


def open_app(root: Path, **headers: str) -> Client:
    return Client(serve(root).app, **headers)


def serve(root: Path, port: int = 8777, token: str = TOKEN) -> Served:
    def find(query: Mapping[str, str]) -> Any:
        words: dict[str, Any] = dict(query)
        return find_runs(root, **{**words, "limit": int(words.get("limit", 0))})

    def listings(query: Mapping[str, str]) -> Any:
        return list_runs(root, first=2000, **{**query, "limit": int(query.get("limit", 0))})

    return make_app(
        find, listings, lambda name: load_run(name, root), root, port=port, token=token, words=WORDS
    )


def track_numbers(path: Path, name: str, numbers: Any, first: int = 0) -> None:
    series = open_recorder(path / "series", label=name)
    for step, number in enumerate(numbers, first):
        series.track(name, float(number), step=step)
    series.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number in range(3):
        make_run(
            tmp_path / "runs",
            number,
            params={"lr": 10.0**-number, "big": 2**60},
            results={"accuracy": number / 4, "gap": math.nan},
        )
    return tmp_path / "runs"


@pytest.fixture
def client(root: Path) -> Client:
    return open_app(root, Authorization=f"Bearer {TOKEN}")


def told(answer: Answer) -> Any:
    """The body, which must be strict JSON."""
    return json.loads(answer.text, parse_constant=lambda name: pytest.fail(f"JSON with {name}"))


# Who is let in


@pytest.mark.parametrize("path", ["/", "/api/runs", "/api/table", "/api/events", "/expt.js", "/no"])
def test_without_the_token_nothing_is_told(root: Path, path: str) -> None:
    stranger = open_app(root)
    assert stranger.get(path).status_code == 403
    assert stranger.get(f"{path}?token=guessed").status_code == 403
    assert stranger.get(path, Authorization="Bearer guessed").status_code == 403
    assert stranger.get(path, Cookie=f"{cookie_of(8777)}=guessed").status_code == 403


def test_the_address_gives_a_cookie_and_no_token_stays_in_it(root: Path) -> None:
    client = open_app(root)
    answer = client.get(f"/?token={TOKEN}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    page = client.get("/", Cookie=answer.headers["set-cookie"].partition(";")[0])
    assert page.status_code == 200
    assert TOKEN not in page.text


def test_pages_of_two_ports_are_open_in_one_browser(root: Path) -> None:
    """Which sends the cookies of both to each, as those of one host."""
    given: dict[str, str] = {}
    pages = []
    for port in (8777, 8778):
        page = Client(serve(root, port, f"{TOKEN}{port}").app, Host=f"127.0.0.1:{port}")
        cookie = page.get(f"/?token={TOKEN}{port}").headers["set-cookie"].partition(";")[0]
        given |= [cookie.split("=")]
        pages.append((page, cookie))
    for (page, own), (_, other) in zip(pages, reversed(pages), strict=True):
        sent = "; ".join(map("=".join, given.items()))
        assert page.get("/api/runs", Cookie=sent).status_code == 200
        assert page.get("/api/runs", Cookie=own).status_code == 200
        assert page.get("/api/runs", Cookie=other).status_code == 403


@pytest.mark.parametrize("host", ["evil.example:8777", "127.0.0.1:80", "127.0.0.1", "0.0.0.0:8777"])
def test_another_host_is_refused_with_the_token_too(client: Client, host: str) -> None:
    assert client.get("/api/runs", Host=host).status_code == 421


@pytest.mark.parametrize("origin", [None, "http://evil.example", "null", "http://127.0.0.1:1"])
def test_another_site_can_post_nothing(client: Client, root: Path, origin: str | None) -> None:
    headers = {} if origin is None else {"Origin": origin}
    answer = client.post(f"/api/runs/{id_of(0)}/labels", {"note": "mine"}, **headers)
    assert answer.status_code == 403
    assert find_runs(root)[2].note is None


def test_every_answer_forbids_what_a_page_does_not_need(client: Client) -> None:
    for path in ("/", "/expt.js", "/style.css", "/api/runs", "/api/runs/none"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "script-src 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers


# Files


@pytest.fixture
def picture(root: Path) -> Path:
    run = find_runs(root)[0]
    (run.path / "plots").mkdir()
    (run.path / "plots" / "loss.png").write_bytes(b"\x89PNG")
    (run.path / "plots" / "loss.html").write_bytes(b"<script>secret</script>")
    (run.path / "plots" / "loss.svg").write_bytes(b"<svg><script>secret</script></svg>")
    (root / "outside.png").write_bytes(b"secret")
    (run.path / "plots" / "link.png").symlink_to(root / "outside.png")
    (run.path / "beside").symlink_to(root)
    return run.path


def test_a_picture_of_the_archive_is_sent(client: Client, picture: Path) -> None:
    run_id = picture.name.rpartition("_")[2]
    answer = client.get(f"/api/runs/{run_id}/files/plots/loss.png")
    assert (answer.content, answer.headers["content-type"]) == (b"\x89PNG", "image/png")
    assert "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "name",
    [
        "../../../outside.png",
        "..%2f..%2f..%2foutside.png",
        "%2e%2e/%2e%2e/%2e%2e/outside.png",
        "plots/%2e%2e/%2e%2e/outside.png",
        "/etc/hostname.png",
        "%2Fetc%2Fpasswd.png",
        "plots/link.png",
        "beside/outside.png",
        "plots/none.png",
        "plots",
        "plots/loss.html",
        "plots/loss.svg",
        "run.json",
        "plots/a%00.png",
        "x" * 5000 + ".png",
    ],
)
def test_no_file_outside_of_the_archive_and_no_other_kind_is_sent(
    client: Client, picture: Path, name: str
) -> None:
    run_id = picture.name.rpartition("_")[2]
    answer = client.get(f"/api/runs/{run_id}/files/{name}")
    assert answer.status_code in (403, 404)
    assert b"secret" not in answer.content


@pytest.mark.parametrize("name", ["..", "%2e%2e", "%2Fetc", "..%2f..", "/", "%00", "latest~9999"])
def test_what_is_no_run_is_no_run(client: Client, name: str) -> None:
    assert client.get(f"/api/runs/{name}").status_code in (404, 400)


# JSON


def test_runs_are_what_show_prints(client: Client) -> None:
    runs = told(client.get("/api/runs"))
    assert [run["id"] for run in runs] == [id_of(2), id_of(1), id_of(0)]
    wanted = {"id", "experiment", "case", "status", "started", "duration", "params", "results"}
    assert wanted | {"last", "path"} <= runs[0].keys()
    assert runs[0]["results"]["gap"] == {"$float": "nan"}
    found = told(client.get("/api/runs", {"where": "lr < 0.5", "limit": "1"}))
    assert [run["id"] for run in found] == [id_of(2)]


def test_the_table_is_the_runs_by_columns(client: Client) -> None:
    table = told(client.get("/api/table"))
    columns = values_of(table)
    assert table["ids"] == [id_of(2), id_of(1), id_of(0)]
    assert columns["params", "lr"] == [0.01, 0.1, 1.0]
    assert columns["params", "big"] == [{"$int": str(2**60)}] * 3
    assert columns["results", "gap"] == [{"$float": "nan"}] * 3


def test_of_very_many_runs_the_newest_are_told_while_the_others_are_read(root: Path) -> None:
    goes_on = threading.Event()
    runs = find_runs(root)

    def listings(_: Mapping[str, str]) -> Iterator[Listing]:
        yield list_of(runs[:2], more=1)
        assert goes_on.wait(60)
        yield list_of(runs)

    known = KnownRuns(listings, root)
    asking = threading.Thread(target=known.table, args=({},))
    asking.start()
    try:
        assert known.ready.wait(60)
        first = json.loads(known.table({}, as_known=True, begun=True))
    finally:
        goes_on.set()
        asking.join(60)
    assert first["ids"] == [id_of(2), id_of(1)]
    assert first["more"] == 1
    whole = json.loads(known.table({}, as_known=True, begun=True))
    assert len(whole["ids"]) == 3
    assert "more" not in whole
    assert values_of(whole)["params", "lr"] == [0.01, 0.1, 1.0]


def test_the_table_is_made_again_for_a_new_run_and_for_labels(client: Client, root: Path) -> None:
    before = client.get("/api/table").text
    assert client.get("/api/table").text == before
    make_run(root, 9)
    assert len(told(client.get("/api/table"))["ids"]) == 4
    answer = client.post(f"/api/runs/{id_of(9)}/labels", {"tags": ["best"], "note": "n"}, **ORIGIN)
    assert told(answer)["tags"] == ["best"]
    columns = values_of(told(client.get("/api/table")))
    assert (columns["run", "tags"][0], columns["run", "note"][0]) == (["best"], "n")


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/api/runs?wher=x", "there is no 'wher' to ask for here: where, limit, status, sort"),
        (
            "/api/table?colour=1",
            "there is no 'colour' to ask for here: where, limit, status, sort, known",
        ),
        ("/api/runs/ID?x=1", "there is no 'x' to ask for here: live"),
        (
            "/api/runs/ID/series/loss?point=2",
            "there is no 'point' to ask for here: points, from, to",
        ),
        ("/api/runs/ID/series/loss?points=many", "'many' is no whole number"),
        ("/api/runs/ID/series/loss?points=1e3", "'1e3' is no whole number"),
        ("/api/runs/ID/series/loss?points=inf", "'inf' is no whole number"),
        ("/api/runs/ID/series/loss?from=nan", "'nan' is no number"),
        ("/api/runs/ID/series/loss?to=x", "'x' is no number"),
        ("/api/runs/ID/array/loss?index=1.5", "'1.5' is no whole number"),
        ("/api/runs?where=lrr < 1", "no run has a value 'lrr'"),
        ("/api/runs?status=good", "there is no status 'good'"),
    ],
)
def test_what_cannot_be_asked_for_is_an_error_that_says_so(
    client: Client, path: str, word: str
) -> None:
    answer = client.get(path.replace("ID", id_of(0)))
    assert (answer.status_code, told(answer)["error"]) == (400, word)


def test_an_unknown_series_is_not_found(client: Client) -> None:
    answer = client.get(f"/api/runs/{id_of(0)}/series/none")
    assert (answer.status_code, told(answer)) == (
        404,
        {"error": "the run has no series 'none'"},
    )


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"1", b'{"tags": 1}', b'{"tags": null}', b"\xff", b"[" * 30000]
)
def test_labels_that_are_none_are_refused(client: Client, body: bytes) -> None:
    answer = client.post(f"/api/runs/{id_of(0)}/labels", body, **ORIGIN)
    assert answer.status_code == 400


def test_labels_in_another_form_or_too_long_are_refused(client: Client) -> None:
    place = f"/api/runs/{id_of(0)}/labels"
    answer = client.post(place, b"tags=x", **ORIGIN, **{"Content-Type": "text/plain"})
    assert answer.status_code == 415
    assert client.post(place, {"note": "x" * 70_000}, **ORIGIN).status_code == 413


def test_labels_that_cannot_be_written_are_an_error_that_says_so(client: Client) -> None:
    resource = pytest.importorskip("resource", reason="no limits of files here")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        answer = client.post(f"/api/runs/{id_of(0)}/labels", {"note": "x"}, **ORIGIN)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert answer.status_code == 500
    assert told(answer)["error"].startswith("File too large: ")
    assert told(answer)["error"].endswith("labels.json")


# Series


def test_a_series_is_its_envelope_and_exact_between_two_steps(client: Client, root: Path) -> None:
    numbers = np.sin(np.arange(20_000) / 300)
    numbers[777], numbers[12_345] = 50.0, -50.0
    track_numbers(find_runs(root)[0].path, "loss", numbers)
    place = f"/api/runs/{id_of(2)}/series/loss"
    whole = told(client.get(place, {"points": "200"}))
    assert whole["envelope"]
    assert whole["count"] == 20_000
    assert len(whole["steps"]) <= 204
    assert max(whole["values"]) == 50.0
    assert min(whole["values"]) == -50.0
    assert {777, 12_345, 0, 19_999} <= set(whole["steps"])
    part = told(client.get(place, {"points": "200", "from": "770", "to": "790"}))
    assert not part["envelope"]
    assert part["steps"] == list(range(770, 791))
    assert part["values"] == numbers[770:791].tolist()


def test_the_times_of_a_series_are_asked_for_first() -> None:
    """Of a long one, which is read once so and twice otherwise."""
    asked = []

    class Source:
        def __len__(self) -> int:
            return 2

        def __getattr__(self, name: str) -> Any:
            asked.append(name)
            return lambda: np.array([1.0, 2.0])

    series: Any = Source()
    assert tell_series(Series("loss", "scalar", {}, series))["times"] == [1.0, 2.0]
    assert asked == ["times", "steps", "values"]


def test_what_first_answers_need_is_loaded_before_them(root: Path) -> None:
    code = f"""
import sys, anyio
from pathlib import Path
from test_page_server import Client, TOKEN, serve
served = serve(Path({str(root)!r}))
assert served.ready.wait(60)
anyio.run(served.load)
client = Client(served.app, Authorization="Bearer " + TOKEN)
assert client.get("/api/table").status_code == 200
before = set(sys.modules)
place = "/api/runs/{id_of(2)}/series/loss"
assert client.get(place, {{"points": "200"}}).status_code == 200
print(*sorted(set(sys.modules) - before))
"""
    track_numbers(find_runs(root)[0].path, "loss", np.arange(1000.0))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    assert (done.stdout.split(), done.stderr) == ([], "")


def test_units_and_titles_are_told(tmp_path: Path) -> None:
    words = {"lr": {"unit": "1/s", "description": "step size"}, "depth": {"description": "of it"}}
    path = make_run(tmp_path / "runs", 1, params={"lr": 1, "depth": 2}, words=words)
    make_run(tmp_path / "runs", 2, params={"lr": 1})
    series = open_recorder(path / "series", label="x")
    series.track.configure("speed", unit="m/s", title="How <fast>", vmin=0)
    series.track("speed", 1.0, step=0)
    series.close()
    client = open_app(tmp_path / "runs", Authorization=f"Bearer {TOKEN}")
    assert told(client.get("/api/table"))["units"] == {"lr": "1/s"}
    speed = told(client.get(f"/api/runs/{id_of(1)}/series/speed"))
    assert speed["words"] == {"unit": "m/s", "title": "How <fast>"}


def test_numbers_that_are_not_finite_are_tagged(client: Client, root: Path) -> None:
    track_numbers(find_runs(root)[0].path, "loss", [1.0, math.nan, math.inf, -math.inf])
    series = told(client.get(f"/api/runs/{id_of(2)}/series/loss"))
    tags = [{"$float": name} for name in ("nan", "inf", "-inf")]
    assert series["values"] == [1.0, *tags]


def test_an_array_that_is_a_picture_is_told_in_its_colours(client: Client, root: Path) -> None:
    """Floats of three channels, as the stored picture shows them."""
    recorder = open_recorder(find_runs(root)[0].path / "series", label="photo")
    picture = np.zeros((300, 2, 3))
    picture[:, 1] = 1.0, 0.5, 0.0
    recorder.track("photo", picture)
    recorder.close()
    photo = told(client.get(f"/api/runs/{id_of(2)}/array/photo?index=0"))
    assert photo["shape"] == [300, 2, 3] and photo["width"] == 2 and "low" not in photo
    assert base64.b64decode(photo["pixels"]) == bytes([0, 0, 0, 255, 128, 0]) * 150


def test_an_array_is_one_of_those_that_there_are(client: Client, root: Path) -> None:
    recorder = open_recorder(find_runs(root)[0].path / "series", label="grid")
    for number in range(2):
        recorder.track("grid", np.array([[number, math.nan], [5.0, 9.0]]))
    recorder.close()
    answers = {
        index: client.get(f"/api/runs/{id_of(2)}/array/grid?index={index}")
        for index in (-3, -2, -1, 0, 1, 2)
    }
    lows = {index: told(found).get("low") for index, found in answers.items()}
    assert lows == {-3: None, -2: 0.0, -1: 1.0, 0: 0.0, 1: 1.0, 2: None}
    assert {found.status_code for found in answers.values()} == {200, 404}
    pixels = base64.b64decode(told(answers[0])["pixels"])
    assert list(pixels) == [1, 0, 142, 255]


def test_a_name_with_slashes_and_markup_is_a_name(client: Client, root: Path) -> None:
    name = "a/../<script>alert(1)</script>?x=&"
    track_numbers(find_runs(root)[0].path, name, [1.0, 2.0])
    series = told(client.get(f"/api/runs/{id_of(2)}/series/{quote(name, safe='')}"))
    assert (series["name"], series["values"]) == (name, [1.0, 2.0])


# Roots


def test_an_empty_a_missing_and_a_damaged_root_are_shown(tmp_path: Path) -> None:
    for root in (tmp_path / "none", tmp_path):
        client = open_app(root, Authorization=f"Bearer {TOKEN}")
        assert told(client.get("/api/table"))["ids"] == []
    whole = make_run(tmp_path / "runs", 1)
    for number, text in enumerate(("", "{", '{"format": 99}', "[]"), 2):
        (make_run(tmp_path / "runs", number) / "run.json").write_text(text)
    client = open_app(tmp_path / "runs", Authorization=f"Bearer {TOKEN}")
    table = told(client.get("/api/table"))
    assert table["ids"] == [whole.name.rpartition("_")[2]]
    places = sorted(place for place, _ in table["damaged"])
    assert [place.rpartition("_")[2] for place in places] == [id_of(n) for n in range(2, 6)]
    limited = told(client.get("/api/table", {"limit": "1"}))
    assert sorted(limited["damaged"]) == sorted(table["damaged"])
    assert len(told(client.get("/api/runs"))) == 1


DAMAGES = [
    ("environment.json", "environment"),
    ("plots/index.json", "pictures"),
    ("plots/notices.json", "notices"),
]


@pytest.mark.parametrize(("file", "section"), DAMAGES)
def test_a_section_that_is_damaged_is_named_and_the_rest_is_told(
    file: str, section: str, client: Client, root: Path
) -> None:
    place = find_runs(root)[0].path / file
    place.parent.mkdir(exist_ok=True)
    place.write_text("{")
    run = told(client.get(f"/api/runs/{id_of(2)}"))
    assert list(run["damage"]) == [section]
    assert place.name in run["damage"][section]
    assert not run[section]
    assert run["params"]


def test_a_field_of_the_record_that_is_damaged_takes_no_other_with_it(
    client: Client, root: Path
) -> None:
    record = find_runs(root)[0].path / "run.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"origins": 5, "inputs": [1]}))
    run = told(client.get(f"/api/runs/{id_of(2)}"))
    assert sorted(run["damage"]) == ["inputs", "origins"]
    assert run["params"]


# What changes


def test_a_watcher_tells_of_new_runs_points_ends_labels_and_what_is_gone(root: Path) -> None:
    from expt.archive.owner import owner_of_this_process
    from expt.archive.run_labels import Labels, write_labels

    labelled = find_runs(root)[1].path
    begun: list[Path] = []
    recorders: list[Any] = []

    def begin() -> None:
        begun.append(make_run(root, 50, status="running", owner=owner_of_this_process()))

    def track(number: float, step: int) -> None:
        recorders[:] = recorders or [open_recorder(begun[0] / "series", label="x")]
        recorders[0].track("loss", number, step=step)

    def end() -> None:
        recorders[0].close()
        file = begun[0] / "run.json"
        file.write_text(file.read_text().replace('"running"', '"completed"'))

    def points(count: int, last: Any) -> Callable[[Any], bool]:
        def are_told(change: Any) -> bool:
            told = change["points"].get(id_of(50), {}).get("loss")
            if told is None:
                return False
            ((step, _, value),) = told[2]
            return [*told[:2], step, value] == [count, last, count - 1, last]

        return are_told

    def a_run(number: int, **fields: Any) -> Callable[[Any], bool]:
        wanted = {"id": id_of(number), **fields}
        return lambda change: any(wanted.items() <= run.items() for run in change["runs"])

    steps: list[tuple[Callable[[], Any], Callable[[Any], bool]]] = [
        (begin, a_run(50, status="running")),
        (lambda: track(math.nan, 0), points(1, {"$float": "nan"})),
        (lambda: track(0.5, 1), points(2, 0.5)),
        (end, a_run(50, status="completed")),
        (lambda: write_labels(labelled, Labels(("best",))), a_run(1, tags=["best"])),
        (lambda: shutil.rmtree(labelled), lambda change: change["gone"]),
    ]

    async def follow() -> None:
        """Do one thing after the other, each when what came of the last was told."""
        with anyio.fail_after(60):
            place = 0
            async for change in Watcher(root, lambda _: True).changes():
                if place and (change is None or not steps[place - 1][1](change)):
                    continue
                if place == len(steps):
                    return
                await anyio.to_thread.run_sync(steps[place][0])
                place += 1

    anyio.run(follow)


def test_a_page_is_told_what_changed_since_the_table_that_it_shows(root: Path) -> None:
    """A run that ended, was lost or was labelled between the table and the first event."""
    from expt.archive.owner import owner_of_this_process
    from expt.archive.run_labels import Labels, write_labels

    async def first(version: int) -> dict[str, Any]:
        async for change in Watcher(root, lambda _: True).changes(known.stamps_of(version)):
            assert change is not None
            return change
        raise AssertionError

    begun = make_run(root, 50, status="running", owner=owner_of_this_process())
    known = KnownRuns(lambda _: list_runs(root, first=2000), root)
    table = json.loads(known.table({}))
    assert table["ids"][0] == id_of(50)
    news = anyio.run(first, table["version"])
    assert [(run["id"], run["status"]) for run in news["runs"]] == [(id_of(50), "running")]

    text = (begun / "run.json").read_text()
    (begun / "run.json").write_text(text.replace('"running"', '"completed"'))
    write_labels(find_runs(root)[1].path, Labels(("best",)))
    assert json.loads(known.table({}, as_known=True)) == table
    news = anyio.run(first, table["version"])
    assert {run["id"]: (run["status"], run["tags"]) for run in news["runs"]} == {
        id_of(50): ("completed", []),
        id_of(2): ("completed", ["best"]),
    }
    assert not news["gone"]

    shutil.rmtree(begun)
    assert anyio.run(first, table["version"])["gone"]
    now = json.loads(known.table({}))
    assert now["ids"] == [id_of(2), id_of(1), id_of(0)]
    nothing = {"runs": [], "gone": False, "points": {}, "pages": 1}
    assert anyio.run(first, now["version"]).items() >= nothing.items()
    assert len(anyio.run(first, 99)["runs"]) == 3, "of a table that nobody knows all is news"


def test_a_page_that_comes_soon_saves_the_watcher_a_look_and_misses_nothing(root: Path) -> None:
    from expt.archive.owner import owner_of_this_process

    make_run(root, 50, status="running", owner=owner_of_this_process())
    known = KnownRuns(lambda _: list_runs(root, first=2000), root)
    known.table({})
    assert known.just_seen() is not None
    make_run(root, 51, status="running", owner=owner_of_this_process())

    async def follow() -> set[str]:
        seen: set[str] = set()
        with anyio.fail_after(60):
            async for change in Watcher(root, lambda _: True, known.just_seen).changes():
                seen |= {run["id"] for run in change["runs"]} if change else set()
                if len(seen) == 2:
                    return seen
        return seen

    assert anyio.run(follow) == {id_of(50), id_of(51)}


def test_a_fifth_page_is_told_at_once_and_comes_again(client: Client) -> None:
    """A browser has six connections to a server, and those that listen are open for ever."""
    sent: list[bytes] = []
    answer: list[bytes] = []
    again: list[bytes] = []

    async def listen(told: anyio.Event) -> None:
        async def send(message: Any) -> None:
            if b"data: " in message.get("body", b""):
                sent.append(message["body"])
                told.set()

        await client.app(client.scope_of("GET", "/api/events", {}), anyio.sleep_forever, send)

    async def send_fifth(message: Any) -> None:
        answer.append(message.get("body", b""))

    async def send_again(message: Any) -> None:
        again.append(message.get("body", b""))

    async def follow() -> None:
        with anyio.fail_after(120):
            await fill_and_ask()

    async def fill_and_ask() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(4):
                told = anyio.Event()
                group.start_soon(listen, told)
                await told.wait()
            scope = client.scope_of("GET", "/api/events", {})
            await client.app(scope, anyio.sleep_forever, send_fifth)
            look = answer[1].decode().splitlines()[1].removeprefix("id: ")
            scope = client.scope_of("GET", "/api/events", {"Last-Event-ID": look})
            await client.app(scope, anyio.sleep_forever, send_again)
            group.cancel_scope.cancel()

    anyio.run(follow)
    retry, look, data, *_ = b"".join(answer).decode().splitlines()
    assert retry.startswith("retry: ")
    assert look.startswith("id: ")
    change = json.loads(data.removeprefix("data: "))
    assert change["pages"] == 4
    assert {run["id"] for run in change["runs"]} == {run["id"] for run in _runs_of(sent[0])}
    assert b"data: " not in b"".join(again), "what it knows is not told again"


def test_what_pages_listen_to_ends_with_the_server(root: Path) -> None:
    """So that Ctrl-C with a page open ends at once, and tells of no error."""
    served = serve(root)
    client = Client(served.app)

    async def listen() -> None:
        async def send(message: Any) -> None:
            if b"data: " in message.get("body", b""):
                served.end()

        with anyio.fail_after(60):
            scope = client.scope_of("GET", "/api/events", {})
            await client.app(scope, anyio.sleep_forever, send)

    anyio.run(listen)


def _runs_of(event: bytes) -> list[dict[str, Any]]:
    data = event.decode().strip().partition("data: ")[2]
    runs: list[dict[str, Any]] = json.loads(data)["runs"]
    return runs


def test_modules_of_the_front_end_share_no_name() -> None:
    """They become one script, in which two of one name are an error before anything is shown."""
    named = re.findall(r"^(?:async )?(?:const|let|function|class) (\w+)", front_end(), re.MULTILINE)
    assert named
    assert [name for name, times in Counter(named).items() if times > 1] == []


def test_a_browser_is_told_that_all_of_plotly_is_called_at_once() -> None:
    """By parentheses around the one function, and nothing else is another."""
    plotly = pytest.importorskip("plotly")
    kept = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    told = charts().rstrip()
    assert told.endswith("\n})));")
    told = told.removesuffix(")));").replace(": this, (() => {", ": this, () => {", 1) + "));"
    is_same = told == kept.read_text(encoding="utf-8").rstrip()
    assert is_same  # a comparison of the texts themselves would be shown for minutes
