"""A pack for a blind review: no byte of it tells who, where, on what machine; it is still whole."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import shutil
import subprocess
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest

from expt.exchange import anonymous
from expt.exchange.anonymous import copy_anonymous
from expt.exchange.identities import find_identities

if TYPE_CHECKING:
    from pathlib import Path

    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

EXPERIMENT = '''
    """By Johanna Quillhurst <jo.quill@example.edu>."""

    import os
    from pathlib import Path

    __author__ = "J. Quillhurst"

    def experiment_quillhurst_net(track, archive, data=Path("data.txt"), max_steps=3):
        """The net of Johanna Quillhurst."""
        for step in range(max_steps):
            track("loss", 1 / (step + 1))
        track("says", "trained by jquillh on " + os.getcwd())
        archive.save("notes-of-jquillh.txt", "Quillhurst, Jo; johanna_quillhurst")
        archive.save("model.bin", bytes(range(256)))
        archive.save("named.bin", b"\\x00\\xff" + "Johanna Quillhurst".encode("utf-16-le"))
        print(Path.home(), os.environ["USER"])
        raise ValueError("jquillh was here")
'''
NAMES = (
    *("quillhurst", "jquillh", "johanna", "jo.quill", "example.edu", "ql-laptop", "lab.test"),
    *("secret-group", "net-of-ours"),
)


@pytest.fixture(scope="module")
def packed(shared_sandbox: Sandbox) -> Sandbox:
    box = shared_sandbox
    home = box.root.parent / "home/jquillh"
    home.mkdir(parents=True)
    box.environ |= {"USER": "jquillh", "LOGNAME": "jquillh", "HOME": str(home)}
    box.write({"experiments/net.py": EXPERIMENT, "data.txt": "1", "expt.toml": ""})

    def git(*words: str) -> None:
        identity = ["-c", "user.name=Johanna Quillhurst", "-c", "user.email=jo.quill@example.edu"]
        subprocess.run(["git", *identity, *words], cwd=box.root, check=True, capture_output=True)

    git("init", "-q")
    git("remote", "add", "origin", "git@git.lab.test:secret-group/net-of-ours.git")
    git("add", "-A")
    git("commit", "-qm", "all")
    box.write({"experiments/net.py": EXPERIMENT + "    # jquillh changed it\n"})
    assert box.expt("experiments", "--note", "run by Johanna Quillhurst").exit_code == 1
    run = box.run()
    record = json.loads((run.path / "run.json").read_text())
    record["host"] = record["owner"]["host"] = "ql-laptop.lab.test"
    record["error"]["traceback"] += "on ql-laptop"
    (run.path / "run.json").write_text(json.dumps(record))
    done = box.expt("pack", "latest", "-o", "review.zip", "--anonymous")
    assert (done.exit_code, done.stderr) == (0, "")
    left_out = [line for line in done.lines if "left out" in line]
    assert left_out == ["  left out, for it names somebody: artifacts/named.bin"]
    assert box.expt("unpack", "review.zip", "--runs", "review").exit_code == 0
    return box


def test_no_byte_of_the_zip_names_anybody(packed: Sandbox) -> None:
    needles = [*NAMES, str(packed.root), str(packed.root.parent)]
    with zipfile.ZipFile(packed.root / "review.zip") as file:
        assert len(file.namelist()) > 10
        for name in file.namelist():
            content = file.read(name).lower()
            for needle in needles:
                assert needle.lower() not in name.lower()
                for encoding in ("utf-8", "utf-16-le"):
                    assert needle.lower().encode(encoding) not in content, (name, needle)
        about = file.read(next(n for n in file.namelist() if n.endswith("environment.json")))
    assert json.loads(about)["git"]["remote"] is None
    assert json.loads(about)["git"]["commit"]


def test_it_is_an_archive_like_any_other_and_whole(packed: Sandbox) -> None:
    assert packed.expt("verify", "--runs", "review").lines[-1] == "1 whole"
    from expt.reading.finding import find_runs

    (run,) = find_runs(packed.root / "review")
    old = packed.run()
    assert (run.id, run.status) == (old.id, "failed")
    assert run.experiment == "experiments/net.py::experiment_anonymous_net"
    assert run.params == old.params
    assert run.series["loss"].values.tolist() == old.series["loss"].values.tolist()
    assert run.series["says"].values[0] == "trained by anonymous on /project"
    assert run.host == "host"
    assert run.artifacts["model.bin"].load() == bytes(range(256))
    assert run.artifacts["notes-of-anonymous.txt"].load().startswith("anonymous, Jo; anonymous")
    assert "def experiment_anonymous_net(" in run.code["experiments/net.py"]
    assert compile(run.code["experiments/net.py"], "net.py", "exec")
    assert run.error is not None
    assert run.error.message == "anonymous was here"
    assert packed.expt("show", "latest", "--runs", "review").exit_code == 0


def test_what_was_changed_is_listed_with_both_hashes(packed: Sandbox) -> None:
    from expt.reading.finding import find_runs

    (run,) = find_runs(packed.root / "review")
    about = json.loads((run.path / "anonymous.json").read_text())
    old = json.loads((packed.run().path / "manifest.json").read_text())["files"]
    new = json.loads((run.path / "manifest.json").read_text())["files"]
    changed = about["files"]["code/experiments/net.py"]
    assert changed["was"] == old["code/experiments/net.py"]["sha256"]
    assert changed["is"] == new["code/experiments/net.py"]["sha256"]
    assert run.record.sources["experiments/net.py"][1] == changed["is"]
    assert about["left_out"] == ["artifacts/named.bin"]
    assert "artifacts/model.bin" not in about["files"]
    assert new["artifacts/model.bin"] == old["artifacts/model.bin"]


def test_the_archive_itself_is_not_touched(packed: Sandbox) -> None:
    text = (packed.run().path / "code/experiments/net.py").read_text()
    assert "Quillhurst" in text


def test_a_file_that_is_too_large_to_rewrite_is_copied_or_left_out(
    packed: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anonymous, "_LARGEST_TEXT", 100)
    identities = find_identities([packed.run()], packed.root, ["anonym"])
    run = packed.run()
    large = run.path / "artifacts/large.csv"
    large.write_text("1,2\n" * 100)
    try:
        copied = copy_anonymous(run, tmp_path / "one", identities)
        assert "artifacts/large.csv" not in copied.left_out
        assert (tmp_path / "one/artifacts/large.csv").read_text() == "1,2\n" * 100
        large.write_text("1,2\n" * 100 + "Quillhurst")
        copied = copy_anonymous(run, tmp_path / "two", identities)
        assert "artifacts/large.csv" in copied.left_out
        assert not (tmp_path / "two/artifacts/large.csv").exists()
    finally:
        large.unlink()


def test_a_name_that_is_compressed_or_drawn_is_left_out_with_what_holds_it(
    packed: Sandbox, tmp_path: Path
) -> None:
    run, somebody = packed.run(), b"by Johanna Quillhurst " * 9
    plots, inner = run.path / "plots", io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x.txt", somebody)
    named = {
        "a.gz": gzip.compress(somebody),
        "a.xz": lzma.compress(somebody),
        "a.npz": inner.getvalue(),
        "a.png": b"\x89PNG\r\n\x1a\n....zTXtAuthor\0\0" + zlib.compress(somebody) + b"IEND",
        "a.npy": b"\x93NUMPY" + somebody.decode().encode("utf-32-le"),
        "b.gz": gzip.compress(inner.getvalue()),
    }
    plots.mkdir(exist_ok=True)
    try:
        for name, content in (named | {"z.gz": gzip.compress(b"nobody")}).items():
            (run.path / "artifacts" / name).write_bytes(content)
        (plots / "loss.png").write_bytes(b"\x89PNG with the title quillhurst")
        identities = find_identities([run], packed.root)
        copied = copy_anonymous(run, tmp_path / "copy", identities)
    finally:
        shutil.rmtree(plots)
        for name in (*named, "z.gz"):
            (run.path / "artifacts" / name).unlink()
    assert copied.left_out == [
        *(f"artifacts/{name}" for name in sorted([*named, "named.bin"])),
        "plots/",
    ]
    assert (tmp_path / "copy/artifacts/z.gz").exists()


def test_another_text_can_be_named(packed: Sandbox) -> None:
    words = ("--anonymous", "--also", "weights of the lab", "--also", "loss")
    done = packed.expt("pack", "latest", "-o", "more.zip", *words)
    assert done.exit_code == 0, done
    with zipfile.ZipFile(packed.root / "more.zip") as file:
        names = next(n for n in file.namelist() if n.endswith("series/names.jsonl"))
        assert b'"anonymous"' in file.read(names)
    done = packed.expt("pack", "latest", "-o", "more.zip", "--also", "x")
    assert done.exit_code == 4


def test_a_name_that_is_a_word_of_the_format_stays_and_is_told(packed: Sandbox) -> None:
    done = packed.expt("pack", "latest", "-o", "max.zip", "--anonymous", "--also", "max")
    assert done.exit_code == 0
    assert "  a name is a word of the format, and stays: max" in done.lines
    packed.expt("unpack", "max.zip", "--runs", "max")
    assert packed.expt("verify", "--runs", "max").lines[-1] == "1 whole"


def test_a_short_name_is_a_whole_word_and_no_word_of_a_program(packed: Sandbox) -> None:
    identities = find_identities([packed.run()], packed.root, ["Ida"])
    scrub = identities.scrubber()
    assert scrub("Ida and validation, ida.") == "anonymous and validation, anonymous."
