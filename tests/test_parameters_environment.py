"""Texts of a `params.toml` read the environment, and paths in them start at their file."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import attrs
import pytest

from expt.ground.errors import ParameterError
from expt.parameters.environment import Environment, FileText, place_path

WHERE = "experiments/params.toml:3"
CWD = Path("/project")
FOLDER = CWD / "experiments"
ENVIRON = {"NAME": "ada", "N": "3", "EMPTY": "", "ROOT": "/data", "NEAR": "near", "TRAP": "${N}"}


@attrs.frozen
class Optimizer:
    lr: float
    name: str = "adam"
    log: Path | None = None


@pytest.mark.parametrize(
    ("text", "expanded", "variables"),
    [
        ("plain", "plain", ()),
        ("$NAME", "$NAME", ()),
        ("$$", "$$", ()),
        ("$(NAME) {NAME}", "$(NAME) {NAME}", ()),
        ("${NAME}", "ada", ("NAME",)),
        ("hi ${NAME}!", "hi ada!", ("NAME",)),
        ("${NAME}${N}", "ada3", ("NAME", "N")),
        ("$${NAME}", "${NAME}", ()),
        ("$$${NAME}", "$${NAME}", ()),
        ("$${NAME} ${NAME}", "${NAME} ada", ("NAME",)),
        ("${NO:-there}", "there", ()),
        ("${NO:-}", "", ()),
        ("${NO:-a b: c}", "a b: c", ()),
        ("${NO:-{a = 1}}", "{a = 1}", ()),
        ("${NO:-${NAME}}", "ada", ("NAME",)),
        ("${NO:-$${NAME}}", "${NAME}", ()),
        ("${NAME:-there}", "ada", ("NAME",)),
        ("${EMPTY}", "", ("EMPTY",)),
        ("${EMPTY:-there}", "there", ()),
        ("${TRAP}", "${N}", ("TRAP",)),
    ],
)
def test_variables_are_read_and_only_one_escape_is_known(
    text: str, expanded: str, variables: Any
) -> None:
    result = Environment(ENVIRON, CWD).expand(text, WHERE)
    assert (result.text, result.variables) == (expanded, variables)


def test_a_variable_that_is_not_set_is_told_with_its_line() -> None:
    with pytest.raises(ParameterError) as caught:
        Environment(ENVIRON, CWD).expand("x ${LR}", WHERE)
    assert str(caught.value) == (
        "the environment has no variable 'LR'\n"
        "  at experiments/params.toml:3\n"
        "  set it, or write ${LR:-default}, or $${LR} for the text itself"
    )


@pytest.mark.parametrize("text", ["${", "${}", "${1A}", "${A-b}", "${A:b}", "${A B}", "a ${\\x} b"])
def test_braces_that_read_no_variable_are_told(text: str) -> None:
    with pytest.raises(ParameterError) as caught:
        Environment(ENVIRON, CWD).expand(text, WHERE)
    assert caught.value.what.endswith("reads no variable of the environment")
    assert caught.value.hint == ("write ${NAME} or ${NAME:-default}, or $${ for the text '${'")


def mark(text: str) -> FileText:
    return FileText.mark(text, WHERE, FOLDER)


@pytest.mark.parametrize(
    ("value", "annotation", "settled"),
    [
        (mark("x"), Any, "x"),
        (mark("${N}"), int, 3),
        (mark("${N}"), Any, 3),
        (mark("${N}"), str, "3"),
        (mark("${N} "), Any, "3 "),
        (mark("${N}${N}"), int, "33"),
        (mark("${NO:-null}"), float | None, None),
        (mark("${NO:-[1, 2]}"), list[int], [1, 2]),
        (mark("3"), int, "3"),
        (mark("$${N}"), int, "${N}"),
        (mark("x.csv"), Path, "experiments/x.csv"),
        (mark("../x.csv"), Path, "x.csv"),
        (mark("../../x.csv"), Path, "/x.csv"),
        (mark("."), Path, "experiments"),
        (mark("/abs/x.csv"), Path, "/abs/x.csv"),
        (mark("/project/x.csv"), Path, "/project/x.csv"),
        (mark("~/x.csv"), Path, "~/x.csv"),
        (mark("x.csv"), str, "x.csv"),
        (mark("x.csv"), Path | str, "x.csv"),
        (mark("x.csv"), Path | None, "experiments/x.csv"),
        (mark("${NEAR}"), Path, "near"),
        (mark("${NEAR}/x"), Path, "near/x"),
        (mark("${ROOT}/x"), Path, "/data/x"),
        (mark("${NO:-near}"), Path, "experiments/near"),
        (mark("sub/${NEAR}"), Path, "experiments/sub/near"),
        ([mark("a"), mark("${N}"), 1], list[Any], ["a", 3, 1]),
        ([mark("a")], list[Path], ["experiments/a"]),
        (
            {"lr": mark("${N}"), "name": mark("${N}"), "log": mark("x")},
            Optimizer,
            {"lr": 3, "name": "3", "log": "experiments/x"},
        ),
        ({"a": mark("x")}, dict[str, Path], {"a": "experiments/x"}),
        (3, int, 3),
        ("${N}", int, "${N}"),
    ],
)
def test_a_text_of_a_file_is_settled_by_its_annotation(
    value: Any, annotation: Any, settled: Any
) -> None:
    result, _ = Environment(ENVIRON, CWD).settle(value, annotation)
    assert result == settled
    assert not isinstance(result, FileText)


def test_what_needs_no_settling_is_the_very_object() -> None:
    value = {"a": [1, {"b": "x"}]}
    assert Environment(ENVIRON, CWD).settle(value, Any) == (value, ())
    assert Environment(ENVIRON, CWD).settle(value, Any)[0] is value


def test_the_variables_that_were_used_are_told() -> None:
    value = [mark("${NAME}"), mark("${N:-1}"), mark("${NO:-1}"), mark("${N}")]
    assert Environment(ENVIRON, CWD).settle(value, Any)[1] == ("NAME", "N")


def test_a_path_outside_the_working_directory_is_absolute() -> None:
    assert place_path("x", FOLDER, Path("/elsewhere")) == "/project/experiments/x"
    assert place_path("x", FOLDER, FOLDER) == "x"


def test_a_marked_text_leaves_the_process_as_text() -> None:
    copy = pickle.loads(pickle.dumps([mark("x")]))
    assert copy == ["x"]
    assert type(copy[0]) is str
