"""A Process Run Crate: valid to the community's validator, whole, with a page that opens."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from exchanged import make_everything

if TYPE_CHECKING:
    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

FAILING = "def experiment_bad(track):\n    track('x', 1)\n    raise ValueError('no luck')\n"


@pytest.fixture(scope="module")
def crate(shared_sandbox: Sandbox) -> Path:
    pytest.importorskip("plotly")
    make_everything(shared_sandbox, "-p", "name=ä b%c/#")
    shared_sandbox.write({"experiments/bad.py": FAILING})
    shared_sandbox.expt("experiments/bad.py")
    done = shared_sandbox.expt("export", "ro-crate", "-o", "crate.zip")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.lines == [
        "crate.zip  2 runs",
        "  not in it: a license, and who ran it: add 'author' and 'agent' to "
        "ro-crate-metadata.json",
    ]
    return shared_sandbox.root / "crate.zip"


def read(crate: Path) -> tuple[dict[str, Any], list[str]]:
    with zipfile.ZipFile(crate) as file:
        metadata = json.loads(file.read("ro-crate-metadata.json"))
        return {entity["@id"]: entity for entity in metadata["@graph"]}, file.namelist()


def references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [one for item in value for one in references(item)]
    return [value["@id"]] if isinstance(value, dict) else []


def test_every_file_is_described_and_every_reference_leads_somewhere(crate: Path) -> None:
    from urllib.parse import unquote

    graph, names = read(crate)
    files = {unquote(i) for i, entity in graph.items() if entity["@type"] == "File"}
    assert files == {name for name in names if name.startswith("runs/")}
    outside = {one for entity in graph.values() for v in entity.values() for one in references(v)}
    assert outside - graph.keys() == {"https://w3id.org/ro/crate/1.1"}


def test_a_run_is_an_action_with_its_values_results_and_end(crate: Path, request: Any) -> None:
    graph, _ = read(crate)
    actions = [one for one in graph.values() if one["@type"] == "CreateAction"]
    failed, completed = sorted(actions, key=lambda one: one["actionStatus"], reverse=True)
    assert failed["actionStatus"].endswith("/FailedActionStatus")
    assert failed["error"] == "ValueError: no luck"
    values = {graph[i]["name"]: graph[i]["value"] for i in references(completed["object"])
              if graph[i]["@type"] == "PropertyValue"}  # fmt: skip
    assert (values["lr"], values["name"]) == (0.1, "ä b%c/#")
    results = {graph[i]["name"]: graph[i].get("value") for i in references(completed["result"])}
    assert results["accuracy"] == 0.1 + 0.2
    assert results["deep.n"] == 3


def test_the_archives_in_it_are_whole(crate: Path, tmp_path: Path) -> None:
    from expt.archive.manifest import check_manifest

    with zipfile.ZipFile(crate) as file:
        file.extractall(tmp_path)
    found = [path.parent for path in (tmp_path / "runs").rglob("run.json")]
    assert len(found) == 2
    assert [check_manifest(path) for path in found] == [[], []]


def test_the_preview_is_the_page_of_its_runs(crate: Path, shared_sandbox: Sandbox) -> None:
    """Byte by byte what `expt report` writes, which the tests of the page open in a browser."""
    done = shared_sandbox.expt("report", "--title", "Research object", "-o", "page.html")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "  2 runs, " in done.stdout
    with zipfile.ZipFile(crate) as file:
        preview = file.read("ro-crate-preview.html")
    assert preview == (shared_sandbox.root / "page.html").read_bytes()
    assert preview.startswith(b"<!DOCTYPE html>")


@pytest.mark.filterwarnings("ignore")  # of rdflib and its kin
def test_it_validates_as_a_process_run_crate(
    crate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The validator fetches the context of RO-Crate; here it has that of the package rocrate, so
    that what it says of the network is the only thing that is passed over."""
    services = pytest.importorskip("rocrate_validator.services")
    rocrate = pytest.importorskip("rocrate")
    from rocrate_validator import models
    from rocrate_validator.utils import document_loader

    kept = Path(rocrate.__file__).parent / "data/ro-crate.jsonld"
    context = json.loads(kept.read_text())
    load = document_loader._original_source_to_json

    def load_here(source: Any, *rest: Any) -> Any:
        is_context = str(source).startswith("https://w3id.org/ro/crate/")
        return (context, None) if is_context else load(source, *rest)

    monkeypatch.setattr(document_loader, "_original_source_to_json", load_here)
    with zipfile.ZipFile(crate) as file:
        file.extractall(tmp_path / "crate")
    settings = services.ValidationSettings(
        rocrate_uri=str(tmp_path / "crate"),
        profile_identifier="process-run-crate",
        requirement_severity=models.Severity.RECOMMENDED,
        skip_availability_check=True,
    )
    result = services.validate(settings)
    assert len(result.executed_checks) > 30
    issues = {
        (issue.check.identifier, issue.severity.name, issue.message)
        for issue in result.get_issues(models.Severity.RECOMMENDED)
    }
    told = {
        (severity, message)
        for identifier, severity, message in issues
        if identifier not in ("ro-crate-1.1_3.1", "ro-crate-1.1_3.2")  # the network
    }
    assert {severity for severity, _ in told} <= {"RECOMMENDED"}, told
    left = ("agent", "author", "publisher", "absolute URI")  # the last: a urn is none to it
    assert all(any(word in message for word in left) for _, message in told), told
