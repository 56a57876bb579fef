"""How lines reach a person."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from expt.ground.errors import ExptError
from expt.ground.screen import Column, OneRow, Prose, Screen, aligned, linked, paragraph

if TYPE_CHECKING:
    from pathlib import Path


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "terminal", "colour", "live"),
    [
        ({}, True, True, True),
        ({}, False, False, False),
        ({"NO_COLOR": "1"}, True, False, True),
        ({"NO_COLOR": ""}, True, True, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False, True),
        ({"FORCE_COLOR": "1"}, False, True, False),
        ({"TERM": "dumb"}, True, False, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True, True, False),
        ({"CI": "true"}, True, True, False),
    ],
)
def test_what_a_stream_can_show(
    environ: dict[str, str], terminal: bool, colour: bool, live: bool
) -> None:
    stream = Terminal() if terminal else io.StringIO()
    screen = Screen(stream, environ)
    assert (screen.colour, screen.live) == (colour, live)
    screen.line(("x", "bold green"))
    assert stream.getvalue() == ("\x1b[1;32mx\x1b[0m\n" if colour else "x\n")


@pytest.mark.parametrize(
    ("environ", "terminal", "width"),
    [
        ({}, False, 100_000),
        ({"COLUMNS": "132"}, False, 132),
        ({"COLUMNS": "132"}, True, 132),
        ({"COLUMNS": "0"}, True, 80),
        ({"COLUMNS": "wide"}, True, 80),
        ({}, True, 80),
    ],
)
def test_the_width_is_that_of_columns_then_of_the_terminal(
    environ: dict[str, str], terminal: bool, width: int
) -> None:
    assert Screen(Terminal() if terminal else io.StringIO(), environ).size == (width, 24)


def test_no_stream_at_all_is_written_to_in_vain() -> None:
    screen = Screen(None, {})
    screen.write("text\n")
    assert (screen.colour, screen.size[1], screen.gone) == (False, 24, True)


def test_a_closed_stream_is_given_up() -> None:
    stream = io.StringIO()
    stream.close()
    screen = Screen(stream, {})
    screen.write("text\n")
    assert screen.gone


def test_a_pipe_whose_reader_left_is_given_up() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", closefd=False) as stream:
        screen = Screen(stream, {})
        screen.write("one\n")
        screen.write("two\n")
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, writer)  # what the stream still holds goes there when it is closed
        os.close(null)
    os.close(writer)


def test_what_the_encoding_lacks_is_written_in_other_signs(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with path.open("w", encoding="ascii") as stream:
        Screen(stream, {}).write("✓ naïve … 数\n")
    assert path.read_text("ascii") == "+ na\\xefve ~ \\u6570\n"


# What rich draws, and what a pipe gets


def terminal(**environ: str) -> tuple[Screen, Terminal]:
    stream = Terminal()
    return Screen(stream, {"TERM": "xterm", "COLUMNS": "40", **environ}), stream


NASTY = "[red]x[/nope]\x1b]52;c;aGk=\x07 \u202e"


def test_users_text_is_never_markup_and_never_obeyed() -> None:
    shown = "[red]x[/nope]\\x1b]52;c;aGk=\\x07 \\u202e"
    screen, stream = terminal(COLUMNS="80")
    screen.line((NASTY, "bold"))
    screen.table([Column(NASTY, [NASTY, [("a", "red"), NASTY]])])
    screen.tree(([NASTY], [([NASTY], [])]))
    left = re.sub(r"\x1b\[[\d;]*m", "", stream.getvalue())
    assert "\x1b" not in left
    assert left.count(shown) == 6


def test_markdown_is_drawn_and_never_obeyed() -> None:
    text = f"It **fits**.\n\n- one\n- {NASTY} [link](https://a.org)"
    screen, stream = terminal(COLUMNS="80")
    screen.markdown(text, indent=2)
    left = re.sub(r"\x1b\[[\d;]*m", "", stream.getvalue())
    assert "\x1b" not in left
    assert [line.rstrip() for line in left.splitlines()] == [
        "  It fits.",
        "",
        "   • one",
        "   • [red]x[/nope]\\x1b]52;c;aGk=\\x07 \\u202e link (https://a.org)",
    ]
    pipe = io.StringIO()
    Screen(pipe, {}).markdown("It **fits**.\n\n- one", indent=2)
    assert pipe.getvalue() == "  It **fits**.\n\n  - one\n"


def test_a_column_of_nothing_takes_no_room() -> None:
    screen, stream = terminal(NO_COLOR="1")
    columns = [Column("", ["a"]), Column("", ["b" * 30]), Column("", [""])]
    screen.table(columns)
    assert stream.getvalue() == f"a  {'b' * 30}\n"


def test_a_pipe_gets_plain_lines_and_rich_is_not_imported() -> None:
    code = """
        import sys
        from expt.ground.screen import Column, Screen, linked
        screen = Screen(sys.stdout, {})
        screen.line(("bold", "bold red"), " and ", linked("a file", "/tmp/a b"))
        screen.table([Column("id", ["ab", "c"]), Column("lr", ["0.1", "10"], right=True)], indent=2)
        screen.tree((["top"], [(["below"], [(["deeper"], [])])]))
        print("rich" in sys.modules)
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert done.stdout == (
        "bold and a file\n  id   lr\n  ab  0.1\n  c    10\ntop\n  below\n    deeper\nFalse\n"
    )


def test_a_terminal_opens_what_is_linked() -> None:
    screen, stream = terminal()
    screen.line(linked("loss.png", "/tmp/a b/loss.png", "cyan"))
    assert re.fullmatch(
        r"\x1b\]8;id=\d+;file:///tmp/a%20b/loss\.png\x1b\\\x1b\[36mloss\.png\x1b\[0m"
        r"\x1b\]8;;\x1b\\\n",
        stream.getvalue(),
    )


def test_a_path_is_broken_by_the_terminal_alone_and_a_row_is_cut() -> None:
    screen, stream = terminal(NO_COLOR="1")
    screen.lines([["p" * 60], OneRow(["q" * 60])])
    assert stream.getvalue() == "p" * 60 + "\n" + "q" * 39 + "…\n"


def test_prose_is_broken_between_words() -> None:
    screen, stream = terminal(NO_COLOR="1")
    screen.lines([Prose(["the same in all: lr=0.1 hidden=64×32 epochs=30"])])
    assert stream.getvalue() == "the same in all: lr=0.1 hidden=64×32 \nepochs=30\n"


def test_what_is_said_is_broken_between_words_but_where_it_holds_something_to_paste() -> None:
    screen, stream = terminal(COLUMNS="20", NO_COLOR="1")
    told = "'lr' is no path; swept\n  at experiments/first.py:12 here"
    screen.lines(paragraph(told, "error: "))
    assert [line.rstrip() for line in stream.getvalue().splitlines()] == [
        "error: 'lr' is no",
        "path; swept",
        "  at experiments/first.py:12 here",
    ]
    screen.lines(paragraph("as it was printed, or code"))
    assert stream.getvalue().splitlines()[3:] == ["as it was printed, or code"]


def test_a_table_without_a_row_is_nothing() -> None:
    for screen, stream in (terminal(), terminal(TERM="dumb")):
        screen.table([Column("provider", []), Column("size", [], right=True)])
        assert stream.getvalue() == ""


def test_a_text_among_numbers_is_cut_and_leaves_no_column_out() -> None:
    screen, stream = terminal(NO_COLOR="1")
    columns = [
        Column("", ["text", "lr"], whole=True),
        Column("abcd", ["x" * 10_000, "0.123456789"], right=True),
        Column("efgh", ["-", "0.2"], right=True),
    ]
    screen.table(columns)
    assert stream.getvalue().splitlines()[2:] == [
        "text  xxxxxxxxxxxxxxxxxxxxxxxxxxx…     -",
        "lr                     0.123456789   0.2",
    ]


def test_columns_without_room_are_left_out_and_no_number_is_cut() -> None:
    screen, stream = terminal(NO_COLOR="1")
    columns = [
        Column("id", ["abcdefghij"], whole=True),
        Column("name", ["a long name that may be cut"]),
        Column("accuracy", ["0.97781234"], right=True),
        Column("val_loss", ["0.0963"], right=True),
    ]
    screen.table(columns, else_by="elsewhere")
    assert stream.getvalue().splitlines() == [
        "id          name                accuracy",
        "─" * 40,
        "abcdefghij  a long name tha…  0.97781234",
        "no room for val_loss: elsewhere",
    ]


def test_what_is_cut_is_cut_until_all_that_is_not_has_its_room() -> None:
    screen, stream = terminal(NO_COLOR="1", COLUMNS="36")
    columns = [
        Column("name", ["an/experiment.py::name"]),
        Column("run", ["a/long.py::name"], right=True),
        Column("y", ["▁" * 12]),
        Column("took", ["16ms"], right=True),
    ]
    screen.table(columns)
    assert stream.getvalue().splitlines()[2:] == ["an/exper…  a/long.p…  ▁▁▁▁▁▁▁…  16ms"]


@pytest.mark.parametrize("columns", ["1", "2", "5", "20"])
def test_the_narrowest_terminals_get_something(columns: str) -> None:
    screen, _ = terminal(COLUMNS=columns)
    screen.table([Column("id", ["ab"], whole=True), Column("数数", ["数e\u0301" * 5])])
    screen.line("数" * 30)
    screen.tree((["数"], [(["b" * 30], [])]))


def test_a_plain_table_counts_what_a_terminal_counts() -> None:
    assert aligned([["数e\u0301", "long"], ["7", "10"]], [False, True]) == [
        "数e\u0301    7",
        "long  10",
    ]


def test_a_strict_screen_says_that_its_output_is_lost() -> None:
    """case: stdout-full"""
    with open("/dev/full", "w") as full:
        with pytest.raises(ExptError, match="No space left on device"):
            Screen(full, {}, strict=True).line("text")
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, full.fileno())  # what the stream still holds goes there when it is closed
        os.close(null)
    with pytest.raises(ExptError, match="it is closed"):
        Screen(None, {}, strict=True).line("text")
