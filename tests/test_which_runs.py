"""The verbs that work on archives: what they do, and that no archive makes them do more."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import zipfile
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from made_runs import id_of, make_run

from expt.archive.manifest import write_manifest
from expt.archive.owner import owner_of_this_process
from expt.archive.run_labels import read_labels
from expt.cli.main import main
from expt.ground.processes import start_of
from expt.reading.finding import find_runs

if TYPE_CHECKING:
    from pathlib import Path

NASTY = "[red]x[/nope]\x1b[31m\n<b>"
NAMED = {
    "diff": ["REF", "REF"],
    "tag": ["REF", "best"],
    "note": ["REF", "words"],
    "requirements": ["REF"],
    "open": ["REF", "--folder"],
    "verify": ["REF"],
    "du": ["REF"],
    "rm": ["REF", "--dry-run"],
    "pack": ["REF", "-o", "x.zip"],
    "analyze": ["REF", "-o", "x.py"],
    "table": ["REF", "--pivot", "lr,seed", "--value", "acc"],
    "rerun": ["REF"],
}
"""Every verb that reads an archive that is named."""
CHOOSING = ("verify", "du", "rm", "pack", "analyze", "table")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two whole archives, one whose `run.json` is cut, and one of a newer format."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("shutil.which", lambda *_: None)  # 'open' opens nothing here
    root = tmp_path / "runs"
    for number in range(4):
        path = make_run(
            root,
            number,
            params={"lr": 0.1, "seed": number, "name": NASTY},
            results={"acc": number / 10},
            status="failed" if number == 1 else "completed",
            tags=(NASTY,),
            note=NASTY,
        )
        (path / "environment.json").write_text('{"python": "3.11", "packages": {"numpy": "2.0"}}')
        (path / "output.log").write_text("hello\n")
        if number == 2:
            (path / "run.json").write_text('{"format": 1, "id')
        if number == 3:
            record = json.loads((path / "run.json").read_text())
            (path / "run.json").write_text(json.dumps({**record, "format": 99}))
        else:
            write_manifest(path)
    return root


def path_of(root: Path, number: int) -> Path:
    return next(root.rglob(f"*_{id_of(number)}"))


def run(verb: str, *words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main([verb, *words])
    out, err = capsys.readouterr()
    return code, out, err


def words_for(verb: str, reference: str) -> list[str]:
    return [reference if word == "REF" else word for word in NAMED[verb]]


@pytest.mark.parametrize("number", [2, 3])
@pytest.mark.parametrize("verb", NAMED)
def test_a_bad_archive_that_is_named_is_an_error_that_names_it(
    root: Path, capsys: Any, verb: str, number: int
) -> None:
    bad = path_of(root, number)
    code, _, err = run(verb, *words_for(verb, str(bad)), capsys=capsys)
    assert code == 4
    assert err.startswith("error: ")
    assert bad.name in err
    assert "internal error" not in err
    assert bad.is_dir()
    assert not (root.parent / "x.zip").exists()


@pytest.mark.parametrize("verb", CHOOSING)
def test_a_bad_archive_among_others_is_named_and_the_rest_is_done(
    root: Path, capsys: Any, verb: str
) -> None:
    words = [word for word in NAMED[verb] if word != "REF"]
    code, out, err = run(verb, *words, "--where", "lr == 0.1", capsys=capsys)
    assert code == (1 if verb == "verify" else 0), err
    for number in (2, 3):
        assert path_of(root, number).name in (out if verb == "verify" else err)


@pytest.mark.parametrize("verb", NAMED)
def test_texts_of_users_are_shown_as_text(root: Path, capsys: Any, verb: str) -> None:
    if verb == "rerun":
        pytest.skip("it has no code")
    code, out, err = run(verb, *words_for(verb, id_of(0)), capsys=capsys)
    assert code == 0, err
    assert "\x1b" not in out + err


@pytest.mark.parametrize("verb", NAMED)
def test_a_reference_that_is_no_run_is_an_error(root: Path, capsys: Any, verb: str) -> None:
    code, _, err = run(verb, *words_for(verb, NASTY), capsys=capsys)
    assert code == 4
    assert "\x1b" not in err
    assert "no run answers to" in err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("verb", ["tag", "note", "rm"])
def test_what_cannot_be_written_is_an_error(root: Path, capsys: Any, verb: str) -> None:
    path = path_of(root, 0)
    path.chmod(0o555)
    path.parent.chmod(0o555)
    try:
        words = [word for word in words_for(verb, id_of(0)) if word != "--dry-run"]
        code, _, err = run(verb, *words, *(["--yes"] if verb == "rm" else []), capsys=capsys)
    finally:
        path.parent.chmod(0o755)
        path.chmod(0o755)
    assert code == 4
    assert err.startswith("error: the ")
    assert (path / "run.json").is_file()


def test_rm_never_says_deleted_of_what_is_still_there(root: Path, capsys: Any) -> None:
    """A name that leaves no room for the one under which it is put aside, for root too."""
    path = path_of(root, 0).rename(path_of(root, 0).with_name("x" * 250))
    code, out, err = run("rm", str(path), "--yes", capsys=capsys)
    assert code == 4
    assert err.startswith("error: the archive cannot be deleted: File name too long\n")
    assert "deleted" not in out
    assert (path / "run.json").is_file()


def test_rm_deletes_what_a_killed_one_had_put_aside(root: Path, capsys: Any) -> None:
    path = path_of(root, 0)
    left = path.with_name(f".deleted-{path.name}")
    (left / "series").mkdir(parents=True)
    assert run("rm", id_of(0), "--yes", capsys=capsys)[0] == 0
    assert not left.exists()
    assert not path.exists()


def test_rm_asks_tells_sizes_and_removes_exactly_what_was_named(root: Path, capsys: Any) -> None:
    code, out, err = run("rm", "--where", "status == 'failed'", capsys=capsys)
    assert code == 4
    assert "error: nobody can be asked here\n  '--yes' deletes without asking\n" in err
    assert id_of(1)[:4] in out
    assert path_of(root, 1).is_dir()
    code, out, _ = run("rm", "--where", "status == 'failed'", "--yes", capsys=capsys)
    assert code == 0
    assert out.splitlines()[-1].startswith("deleted 1 archive, ")
    left = sorted(path.name.rpartition("_")[2] for path in root.rglob("2026*"))
    assert left == [id_of(number) for number in (0, 2, 3)]


def test_rm_leaves_what_is_running_unless_it_is_forced(root: Path, capsys: Any) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, it is inherited
    owner = subprocess.Popen(["sleep", "300"])
    signal.signal(signal.SIGINT, before)
    try:
        told = {**owner_of_this_process(), "pid": owner.pid, "started": start_of(owner.pid)}
        path = make_run(root, 9, status="running", owner=told, pid=owner.pid)
        check_what_runs(root, path, capsys)
        assert owner.wait(60) == -signal.SIGINT
    finally:
        owner.kill()
        owner.wait(60)


def check_what_runs(root: Path, path: Path, capsys: Any) -> None:
    ended = path_of(root, 0)
    code, out, _ = run("rm", id_of(9), id_of(0), "--yes", capsys=capsys)
    assert code == 0
    assert "is running, and stays: --force deletes it too" in out
    assert (path.exists(), ended.exists()) == (True, False)
    told = run("rm", id_of(9), "--yes", capsys=capsys)[1].splitlines()
    assert told[0].endswith("is running, and stays: --force deletes it too")
    assert told[1:] == ["nothing is deleted"]
    for verb in (["pack"], ["export", "csv"]):
        told = run(*verb, id_of(9), "-o", str(root / verb[0]), capsys=capsys)[1].splitlines()
        assert told[1].endswith("is running: it is as it was a moment ago")
    assert run("rm", id_of(9), "--yes", "--force", capsys=capsys)[0] == 0
    assert not path.exists()


def test_rm_follows_no_link_out_of_an_archive(root: Path, capsys: Any) -> None:
    outside = root.parent / "precious"
    outside.mkdir()
    (outside / "file").write_text("keep")
    (path_of(root, 0) / "link").symlink_to(outside)
    linked = root / "walk/experiment_walk/2026-11-23_10-00-00_linked"
    linked.symlink_to(outside)
    assert run("rm", id_of(0), "--yes", capsys=capsys)[0] == 0
    assert (outside / "file").read_text() == "keep"


def test_rm_without_words_deletes_nothing(root: Path, capsys: Any) -> None:
    code, _, err = run("rm", "--yes", capsys=capsys)
    assert (code, err.splitlines()[0]) == (4, "error: expt rm needs to be told which runs")
    assert len(find_runs(root)) == 2


def test_one_flipped_bit_is_found_and_named_after_a_journey(root: Path, capsys: Any) -> None:
    assert run("pack", id_of(0), id_of(1), "-o", "x.zip", capsys=capsys)[0] == 0
    assert run("unpack", "x.zip", "--runs", "there", capsys=capsys)[0] == 0
    assert run("verify", "--runs", "there", capsys=capsys)[:2] == (0, "2 whole\n")
    log = next((root.parent / "there").rglob(f"*_{id_of(0)}/output.log"))
    content = bytearray(log.read_bytes())
    content[0] ^= 1
    log.write_bytes(content)
    code, out, _ = run("verify", "--runs", "there", capsys=capsys)
    assert code == 1
    assert "  changed   output.log" in out.splitlines()
    assert out.splitlines()[-1] == "1 whole, 1 not as they were"


def test_unpack_refuses_a_zip_that_leads_outside(root: Path, capsys: Any) -> None:
    with zipfile.ZipFile(root.parent / "evil.zip", "w") as packed:
        packed.writestr("a/run.json", "{}")
        packed.writestr("../evil", "x")
    code, _, err = run("unpack", "evil.zip", "--runs", "there", capsys=capsys)
    assert code == 4
    assert "leads outside" in err
    assert not (root.parent / "evil").exists()


def test_labels_are_added_taken_away_and_found(root: Path, capsys: Any) -> None:
    run("tag", id_of(0), id_of(1), "best", "old", capsys=capsys)
    run("tag", id_of(1), "old", "--remove", capsys=capsys)
    run("note", id_of(0), "look", capsys=capsys)
    assert read_labels(path_of(root, 1)).removed == ("old",)
    _, out, _ = run("show", "--tag", "old", "--json", capsys=capsys)
    (found,) = json.loads(out)
    assert (found["id"], found["note"]) == (id_of(0), "look")
    assert {"best", "old"} < set(found["tags"])
    assert run("verify", id_of(0), capsys=capsys)[:2] == (0, "1 whole\n"), "labels are no evidence"


def test_requirements_are_pins(root: Path, capsys: Any) -> None:
    (path_of(root, 0) / "environment.json").write_text(
        json.dumps({"python": "3.11", "packages": {"numpy": "2.0", "a b": "1", "x": "--evil"}})
    )
    _, out, _ = run("requirements", id_of(0), capsys=capsys)
    pins = [line for line in out.splitlines() if not line.startswith("#")]
    assert pins == ["numpy==2.0"]


def test_every_verb_of_the_table_is_a_verb() -> None:
    for verb in NAMED:
        assert callable(import_module(f"expt.cli.{verb}").main)


@pytest.mark.parametrize(
    "words", [["--folder", "--page"], ["loss", "--folder"], ["loss", "--page"]]
)
def test_open_opens_one_thing(
    words: list[str], root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["open", find_runs(root)[0].id, *words, "--runs", str(root)]) == 4
    assert words[-1] in capsys.readouterr().err
