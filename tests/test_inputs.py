"""A run as an input, and files that the archive keeps."""

from __future__ import annotations

import hashlib
import re
import shutil
from typing import TYPE_CHECKING

import pytest

from expt.planning.inputs import measure_input

if TYPE_CHECKING:
    from pathlib import Path

    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

TRAIN = """
def experiment_train(archive, lr: float = 0.1, fail: bool = False):
    archive.save("weights.json", {"w": lr * 2})
    assert not fail
    return {"w": lr * 2}
"""
EVALUATE = """
import expt

def experiment_evaluate(model: expt.Run, scale: int = 10):
    return {"score": model.results["w"] * scale, "kind": type(model).__name__}
"""
NODE_ID = "experiments/train.py::experiment_train"


def stages(sandbox: Sandbox) -> Sandbox:
    return sandbox.write(
        {
            "experiments/train.py": TRAIN,
            "experiments/evaluate.py": EVALUATE,
            "experiments/params.toml": f'seed = 1\n[experiment_evaluate]\nmodel = "{NODE_ID}"\n',
        }
    )


@pytest.fixture(scope="module")
def trained_once(shared_sandbox: Sandbox) -> Sandbox:
    assert stages(shared_sandbox).expt("-k", "train").exit_code == 0
    return shared_sandbox


@pytest.fixture
def trained(trained_once: Sandbox, sandbox: Sandbox) -> Sandbox:
    """Two stages, the first of which has run."""
    shutil.copytree(trained_once.root, sandbox.root, dirs_exist_ok=True)
    return sandbox


def test_a_folder_of_very_many_files_is_not_hashed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("expt.planning.inputs._LISTING_CAP", 2)
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(name)
        told = measure_input(tmp_path, {})
        assert (told["sha256"] is None) is (name == "c")


def test_a_node_id_is_its_newest_completed_run_pinned_by_id(sandbox: Sandbox) -> None:
    stages(sandbox)
    assert sandbox.expt("-k", "train", "-p", "lr=0.5").exit_code == 0
    older = sandbox.run().id
    assert sandbox.expt("-k", "train", "-p", "lr=2.0").exit_code == 0
    newest = sandbox.run().id
    assert sandbox.expt("-k", "train", "-p", "fail=true").exit_code == 1
    done = sandbox.expt("-k", "evaluate")
    assert done.exit_code == 0, done
    run, record = sandbox.run(), sandbox.record()
    assert dict(run.results) == {"score": 40.0, "kind": "Run"}
    assert record["params"]["model"] == newest
    assert record["lineage"]["inputs"] == {"model": newest}
    where = record["origins"]["model"][0]["where"]
    assert re.fullmatch(rf"experiments/params.toml:3 \(newest of {NODE_ID}, [-\d]+ [\d:]+\)", where)
    shown = sandbox.expt("show", "latest").stdout
    assert re.search(rf"model +{newest[:4]}\w*  {NODE_ID}", shown), shown

    fingerprint = record["lineage"]["fingerprint"]
    again = sandbox.expt("-k", "evaluate", "--params", run.path / "params.toml")
    assert again.exit_code == 0
    assert sandbox.record()["lineage"]["fingerprint"] == fingerprint
    assert sandbox.expt("-k", "evaluate", "-p", f"model={older[:6]}").exit_code == 0
    assert sandbox.record()["params"]["model"] == older
    assert sandbox.record()["lineage"]["fingerprint"] != fingerprint
    assert sandbox.run().results["score"] == 10.0


def test_the_plan_says_which_run_it_takes(trained: Sandbox) -> None:
    trained.environ["COLUMNS"] = "160"
    plan = trained.expt("-k", "evaluate", "--plan").stdout
    told = " ".join(plan.split())
    assert f"model '{trained.run().id}'" in told
    assert f"params.toml:3 (newest of {NODE_ID}, 20" in told


def test_without_a_completed_run_nothing_is_run(sandbox: Sandbox) -> None:
    stages(sandbox)
    assert sandbox.expt("-k", "train", "-p", "fail=true").exit_code == 1
    done = sandbox.expt("-k", "evaluate")
    assert done.exit_code == 4
    assert done.stderr.splitlines() == [
        f"error: 'model' must be a run: no run of '{NODE_ID}' is completed",
        "  at experiments/params.toml:3",
        f"  run it first: expt {NODE_ID}",
    ]
    assert len(sandbox.runs()) == 1


def test_a_run_older_than_the_session_is_never_taken_silently(trained: Sandbox) -> None:
    """Two stages with two workers, the first of which fails."""
    sandbox = trained
    older = sandbox.run().id
    plan = sandbox.expt("-n", "2", "-p", "fail=true", "--plan")
    done = sandbox.expt("-n", "2", "-p", "fail=true")
    assert done.exit_code == 1
    for told in (plan.stdout, done.stdout + done.stderr):
        text = " ".join(told.split())
        assert f"'model' of experiments/evaluate.py::experiment_evaluate is the run {older}" in text
        assert "is older than this session" in text
    named = sandbox.expt("-p", f"model={older}", "--plan")
    assert "older than this session" not in named.stdout


@pytest.mark.parametrize("given", ["latest", "PATH", "7"])
def test_any_reference_names_a_run(trained: Sandbox, given: str) -> None:
    sandbox, run = trained, trained.run()
    word = str(run.path.relative_to(sandbox.root)) if given == "PATH" else given
    done = sandbox.expt("-k", "evaluate", "-p", f"model={word}")
    if given == "7" and not run.id.startswith("7"):
        assert done.exit_code == 4
        assert "error: 'model' must be a run: no run answers to '7'" in done.stderr
        return
    assert done.exit_code == 0, done
    assert sandbox.record()["params"]["model"] == run.id


def test_a_default_a_list_and_a_provider_may_name_runs(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/train.py": TRAIN,
            "experiments/more.py": f"""
            import expt

            @expt.provider
            def weights(model: expt.Run = "{NODE_ID}"):
                return model.results["w"]

            def experiment_more(weights, others: list[expt.Run] = (), none: expt.Run | None = None):
                return [weights, [one.results["w"] for one in others], none]
            """,
        }
    )
    assert sandbox.expt("-k", "train", "--sweep", "lr=1.0,2.0", "-p", "seed=1").exit_code == 0
    second, first = sandbox.runs()
    done = sandbox.expt(
        "-k", "more", "-p", f'others=["{first.id}", "latest"]', "-p", f"model={first.id}"
    )
    assert done.exit_code == 0, done
    assert sandbox.record()["results"] == {"value": [2.0, [2.0, 4.0], None]}
    assert sandbox.record()["lineage"]["inputs"] == {
        "model": first.id,
        "others[0]": first.id,
        "others[1]": second.id,
    }
    assert sandbox.expt("-k", "more").exit_code == 0
    assert sandbox.record()["results"] == {"value": [4.0, [], None]}
    assert sandbox.record()["params"]["model"] == second.id


def test_a_kept_file_is_copied_into_the_archive(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/read.py": """
            from pathlib import Path
            import expt

            def experiment_read(data: expt.Kept[Path], more: expt.Kept[Path] | None = None):
                return len(data.read_bytes())
            """,
            "experiments/params.toml": 'data = "data.csv"\nseed = 1\n',
            "experiments/data.csv": "1,2,3\n",
            "folder/a.txt": "a",
            "folder/sub/b.txt": "b",
        }
    )
    assert sandbox.expt("-p", "more=folder").exit_code == 0
    run, inputs = sandbox.run(), sandbox.record()["inputs"]
    assert inputs["data"]["kept"] == "inputs/data/data.csv"
    assert inputs["data"]["sha256"] == hashlib.sha256(b"1,2,3\n").hexdigest()
    assert (run.path / "inputs/data/data.csv").read_bytes() == b"1,2,3\n"
    assert (run.path / "inputs/more/folder/sub/b.txt").read_text() == "b"
    assert sandbox.expt("verify", "latest").exit_code == 0
    assert "kept as inputs/data/data.csv" in sandbox.expt("show", "latest").stdout


def test_what_is_too_large_is_hashed_and_not_kept(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/read.py": """
            from pathlib import Path
            import expt

            def experiment_read(data: expt.Kept[Path]):
                pass
            """
        }
    )
    with (sandbox.root / "large").open("wb") as file:
        file.truncate((256 << 20) + 1)
    assert sandbox.expt("-p", "data=large").exit_code == 0
    assert not (sandbox.run().path / "inputs").exists()
    (notice,) = sandbox.run().notices
    assert notice.startswith("'data' is not kept: it is ")
