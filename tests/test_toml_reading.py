"""A TOML file gives its values, or one error with path and line; nothing hangs or recurses."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from expt.ground.errors import ConfigurationError
from expt.ground.toml_reading import MAX_BYTES, parse_toml, read_toml


def error_of(content: bytes) -> str:
    with pytest.raises(ConfigurationError) as caught:
        parse_toml(content, "expt.toml", ConfigurationError)
    return str(caught.value)


def test_values_and_text_are_given() -> None:
    assert parse_toml(b'a = 1\r\n[b]\nc = "x"\n', "expt.toml", ConfigurationError) == (
        {"a": 1, "b": {"c": "x"}},
        'a = 1\r\n[b]\nc = "x"\n',
    )


def test_a_byte_order_mark_is_accepted() -> None:
    content = b"\xef\xbb\xbfa = 1"
    assert parse_toml(content, "expt.toml", ConfigurationError) == ({"a": 1}, "a = 1")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a = 1\nb = ", "this is not TOML: invalid value\n  at expt.toml:2"),
        (b"a = 1\n\na = 2\n", "this is not TOML: cannot overwrite a value\n  at expt.toml:3"),
        (
            "a = 1\nλ = 1\n".encode(),
            "this is not TOML: invalid statement\n  at expt.toml:2\n"
            '  a key outside ASCII needs quotes: "λ"',
        ),
        (
            "größe = 1\n".encode(),
            "this is not TOML: expected '=' after a key in a key/value pair\n  at expt.toml:1\n"
            '  a key outside ASCII needs quotes: "größe"',
        ),
        (
            "[sites.größe]\n".encode(),
            "this is not TOML: expected ']' at the end of a table declaration\n"
            '  at expt.toml:1\n  a key outside ASCII needs quotes: "größe"',
        ),
        ('a = "λ\n'.encode(), "this is not TOML: illegal character '\\n'\n  at expt.toml:1"),
        (b"[", "this is not TOML: invalid initial character for a key part\n  at expt.toml:1"),
        (
            b"a = 1\nb = '\xff'\n",
            "this file is not UTF-8: byte 0xff\n  at expt.toml:2\n  save it as UTF-8",
        ),
        (
            b"a = 1\nb = " + b"9" * 5000,
            "a number has more than 4300 digits\n  at expt.toml:2\n  write it as text, in quotes",
        ),
        (
            b"a = 1\n\nb = [0x" + b"F" * 5000 + b"]",
            "a number has more than 4300 digits\n  at expt.toml:3\n  write it as text, in quotes",
        ),
        (
            b"a = 1\nb = " + b"[" * 5000 + b"]" * 5000,
            "values are nested more than 100 deep\n  at expt.toml",
        ),
        (b"\na = " + b"[\n" * 5000, "values are nested more than 100 deep\n  at expt.toml"),
        (
            b"b = " + b"{a=" * 5000 + b"1" + b"}" * 5000,
            "values are nested more than 100 deep\n  at expt.toml",
        ),
        (
            b"\n[" + b"a." * 5000 + b"a]\nb = 1",
            "values are nested more than 100 deep\n  at expt.toml",
        ),
        (b"a." * 5000 + b"a = 1", "values are nested more than 100 deep\n  at expt.toml"),
        (
            b"#" * (MAX_BYTES + 1),
            (
                "this file is larger than 1 MiB\n  at expt.toml\n"
                "  keep data in a file of its own, and give its path as a parameter"
            ),
        ),
    ],
)
def test_what_is_not_good_toml_is_told_with_its_line(content: bytes, told: str) -> None:
    assert error_of(content) == told


def test_an_unclosed_text_is_told_with_a_line() -> None:
    assert error_of(b'a = 1\nb = "x').endswith("\n  at expt.toml:2")


@pytest.mark.parametrize(
    "content",
    [
        b'a = "' + b"[" * 5000 + b'"',
        b"a = '''" + b"{\n" * 5000 + b"'''",
        b'a = """' + b"a." * 5000 + b'\\""""',
        b"# " + b"[" * 5000,
        b"a = [" + b"1.5, " * 5000 + b"]",
        b"a = [" + b"[1.5], " * 5000 + b"]",
        b"a = '" + b"9" * 5000 + b"'",
    ],
)
def test_what_only_looks_deep_or_long_is_read(content: bytes) -> None:
    parse_toml(content, "expt.toml", ConfigurationError)


def read_error(path: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read_toml(path, "expt.toml", ConfigurationError)
    return str(caught.value)


def test_a_folder_is_told(tmp_path: Path) -> None:
    told = "this is a folder, where a TOML file is expected\n  at expt.toml"
    assert read_error(tmp_path) == told


def test_a_fifo_is_told_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    told = "this is no regular file, where a TOML file is expected\n  at expt.toml"
    assert read_error(tmp_path / "fifo") == told


def test_an_endless_device_is_told() -> None:
    told = "this is no regular file, where a TOML file is expected\n  at expt.toml"
    assert read_error(Path("/dev/zero")) == told


def test_a_socket_is_told(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        assert read_error(tmp_path / "s").startswith("this file cannot be read: ")


def test_a_dangling_link_is_told(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    told = "this file cannot be read: No such file or directory\n  at expt.toml"
    assert read_error(tmp_path / "link") == told


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("a = 1")
    (tmp_path / "a.toml").chmod(0)
    assert read_error(tmp_path / "a.toml") == (
        "this file cannot be read: Permission denied\n  at expt.toml"
    )


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("a = 1")
    values, text = read_toml(tmp_path / "a.toml", "a.toml", ConfigurationError)
    assert (values, text) == ({"a": 1}, "a = 1")
