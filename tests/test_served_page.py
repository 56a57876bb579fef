"""The address of a page that is served, beside the runs that it shows."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

import pytest

from expt.archive.served_page import find_addresses, told_of_page

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS = "http://127.0.0.1:8777/?token=abc-_1"


def test_the_address_is_known_while_the_page_is_served(tmp_path: Path) -> None:
    assert find_addresses(tmp_path) is None
    with told_of_page(tmp_path, ADDRESS):
        address_of = find_addresses(tmp_path)
        assert address_of is not None
        assert address_of("abcd") == f"{ADDRESS}#view=run&open=abcd"
    assert find_addresses(tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_only_its_user_reads_the_token(tmp_path: Path) -> None:
    with told_of_page(tmp_path, ADDRESS):
        assert stat.S_IMODE((tmp_path / ".page.json").stat().st_mode) == 0o600


def test_the_newest_page_is_told_and_the_older_one_leaves_it(tmp_path: Path) -> None:
    newer = ADDRESS.replace("8777", "8778")
    first = told_of_page(tmp_path, ADDRESS)
    first.__enter__()
    with told_of_page(tmp_path, newer):
        first.__exit__(None, None, None)
        address_of = find_addresses(tmp_path)
        assert address_of is not None
        assert address_of("a").startswith(newer)


@pytest.mark.parametrize(
    "change",
    [
        {"pid": 2**22 + 1},
        {"pid": "1"},
        {"boot": "another"},
        {"started": "never"},
        {"host": "elsewhere"},
        {"address": "http://example.org/?token=a"},
        {"address": "http://127.0.0.1:80/?token=a#\x1b]8;;http://example.org"},
        {"address": None},
    ],
    ids=str,
)
def test_what_is_no_page_of_this_machine_is_none(tmp_path: Path, change: dict[str, object]) -> None:
    with told_of_page(tmp_path, ADDRESS):
        told = json.loads((tmp_path / ".page.json").read_text())
        (tmp_path / ".page.json").write_text(json.dumps({**told, **change}))
        assert find_addresses(tmp_path) is None


@pytest.mark.parametrize("content", ["", "{", "[]", "x" * 5000, "\xff"], ids=len)
def test_a_damaged_file_is_no_page(tmp_path: Path, content: str) -> None:
    (tmp_path / ".page.json").write_text(content, encoding="latin-1")
    assert find_addresses(tmp_path) is None


def test_no_link_is_followed_and_none_is_written_through(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    root.mkdir()
    (tmp_path / "secret").write_text("kept")
    os.symlink(tmp_path / "secret", root / ".page.json")
    assert find_addresses(root) is None
    with told_of_page(root, ADDRESS):
        assert find_addresses(root) is not None
    assert (tmp_path / "secret").read_text() == "kept"


def test_where_nothing_may_be_written_the_page_is_served_without_a_word(tmp_path: Path) -> None:
    with told_of_page(tmp_path / "none", ADDRESS):
        assert find_addresses(tmp_path / "none") is None
