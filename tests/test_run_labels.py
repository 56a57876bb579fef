"""Labels are added to what a run says of itself, and never change it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from expt.archive.run_labels import Labels, change_labels, read_labels, write_labels
from expt.ground.errors import DamagedArchive

if TYPE_CHECKING:
    from pathlib import Path


def test_tags_are_added_once_and_taken_back(tmp_path: Path) -> None:
    labels = Labels().with_tags(["best", "old", "best"])
    assert labels.add_to(["own", "best"]) == ("own", "best", "old")
    labels = labels.without_tags(["own", "old"])
    assert labels.add_to(["own", "best"]) == ("best",)
    assert labels.with_tags(["own"]).add_to(["own", "best"]) == ("own", "best")


def test_labels_are_read_as_they_were_written(tmp_path: Path) -> None:
    assert read_labels(tmp_path) == Labels()
    labels = Labels(("a", "ü [red]"), ("b",), "two\nlines")
    write_labels(tmp_path, labels)
    assert read_labels(tmp_path) == labels


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", '{"tags": "best"}', '{"tags": [1]}', '{"note": 3}', "\xff", "[" * 9000],
)
def test_damaged_labels_are_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "labels.json").write_text(content, encoding="latin-1")
    with pytest.raises(DamagedArchive, match=r"labels\.json is not what expt writes"):
        read_labels(tmp_path)


def test_labels_that_are_a_link_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text('{"tags": ["x"]}')
    (tmp_path / "labels.json").symlink_to("elsewhere")
    with pytest.raises(DamagedArchive, match=r"labels\.json cannot be read"):
        read_labels(tmp_path)


def test_what_two_change_at_once_is_kept_of_both(tmp_path: Path) -> None:
    """The second waits for the first; it is given a while in which it could come between."""

    def add_second() -> None:
        change_labels(tmp_path, lambda labels: labels.with_tags(["second"]))

    second = threading.Thread(target=add_second)

    def add_first(labels: Labels) -> Labels:
        second.start()
        second.join(0.3)
        return labels.with_tags(["first"])

    change_labels(tmp_path, add_first)
    second.join()
    assert read_labels(tmp_path).tags == ("first", "second")
