"""What forks cover, at a hundredth of what a file of data for each of them costs.

    server, or process of tests ── fork ──► clear, trace on, os._exit ── what none had before ──┐
    `python tests/covered_forks.py` ──► .coverage ◄── one file for all forks of a process ◄─────┘

A command is a dozen forks, and a run of all tests thirty thousand. Each goes on with the tracer of
the process that it was forked from, and appends the arcs that no fork of that process has told
before: a table that all of them share says which, and forgets one in some hundreds.
"""

from __future__ import annotations

import atexit
import marshal
import mmap
import os
import sys
from pathlib import Path
from typing import Any, Final

_PLACES: Final = 1 << 24
_SPREAD: Final = 65521  # places of a file's arcs: near to each other, so that few pages are touched


def cover_forks() -> None:
    """Have the forks of this process tell what they cover, where it is measured."""
    if "coverage" not in sys.modules:
        return
    from coverage import Coverage

    current = Coverage.current()
    if current is None or current._collector is None:
        return
    data: dict[str, set[int]] = current._collector.data
    told = mmap.mmap(-1, _PLACES)
    folder = _folder_of(current)
    folder.mkdir(exist_ok=True)
    file = str(folder / str(os.getpid()))
    root, leave = os.getpid(), os._exit

    def forget() -> None:
        atexit.unregister(current._atexit)
        for arcs in data.values():
            arcs.clear()

    def tell_and_leave(status: int) -> Any:
        if os.getpid() != root:
            sys.settrace(None)
            try:
                _tell(data, told, file)
            except Exception as error:
                print(f"what a fork covered is not told: {error!r}", file=sys.__stderr__)
        leave(status)

    _tell(data, told, file)  # the server is killed, and tells nothing at its end
    os.register_at_fork(after_in_child=forget)
    os._exit = tell_and_leave


def _tell(data: dict[str, set[int]], told: mmap.mmap, file: str) -> None:
    news = {}
    for source, arcs in data.copy().items():
        start = hash(source)
        new = []
        for arc in arcs.copy():
            place = (start + arc % _SPREAD) % _PLACES
            if not told[place]:
                told[place] = 1
                new.append(arc)
        if new:
            news[source] = new
    if news:
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, marshal.dumps(news))
        finally:
            os.close(descriptor)


def add_to_data() -> None:
    """Add what forks have told to what was measured, and forget it."""
    from coverage import Coverage

    cover = Coverage()
    cover.load()
    measured = cover.get_data()
    for file in _folder_of(cover).iterdir():
        with file.open("rb") as opened:
            while True:
                try:
                    news = marshal.load(opened)
                except (EOFError, TypeError, ValueError):  # the last fork was killed at it
                    break
                measured.add_arcs({source: map(_unpacked, arcs) for source, arcs in news.items()})
        file.unlink()
    measured.write()


def _folder_of(cover: Any) -> Path:
    """What forks tell lies beside the file of data, whatever their working directories are."""
    return Path(cover.get_option("run:data_file")).resolve().parent / ".coverage-of-forks"


def _unpacked(arc: int) -> tuple[int, int]:
    """An arc as the tracer of coverage packs it: two lines of 28 bits, and their signs."""
    first, second = arc & 0xFFFFFFF, arc >> 28 & 0xFFFFFFF
    return -first if arc >> 56 & 1 else first, -second if arc >> 57 & 1 else second


if __name__ == "__main__":
    add_to_data()
