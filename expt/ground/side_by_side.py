"""Work on many items by this process and forks of it.

    numbers of portions ─► a pipe ─► whoever is free takes the next: this process and its forks
    what a fork made of them ─► this process, when nothing is left to take

A fork that fails leaves its items to the caller, which meets the failure itself and in its order.
"""

from __future__ import annotations

import contextlib
import marshal
import os
from typing import TYPE_CHECKING, Any, Final, TypeVar

from expt.ground.processes import beside, is_single

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_MOST_PROCESSES: Final = 8
_MOST_PORTIONS: Final = 256  # each is one byte in the pipe, which no two readers can share
_TORN: Final = (EOFError, ValueError, TypeError)  # of a fork that died

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def _as_it_is(value: Any) -> Any:
    return value


def work_side_by_side(
    work: Callable[[Item], Answer | None],
    items: Sequence[Item],
    *,
    fewest: int,
    portion: int = 1,
    first: Callable[[], object] = lambda: None,
    pack: Callable[[Answer], Any] = _as_it_is,
    unpack: Callable[[Any], Answer] = _as_it_is,
) -> list[Answer | None]:
    """What `work` makes of each item, in their order; None where the caller has to do it.

    `pack` makes plain values (those of `marshal`) of an answer that has others, to hand over. What
    `work` leaves behind besides its answer is lost where a fork did it. Less than twice the
    `fewest` items that are worth a process are all left to the caller, and so are those of one
    that must not fork. `portion` items are taken at a time, by this process after it did `first`,
    which otherwise is left to the caller too.
    """
    answers: list[Answer | None] = [None] * len(items)
    if len(items) < 2 * fewest or not is_single():
        return answers
    forks = min(len(os.sched_getaffinity(0)), len(items) // fewest, _MOST_PROCESSES) - 1
    size = max(portion, -(-len(items) // _MOST_PORTIONS))
    starts = range(0, len(items), size)
    if forks < 1:
        return answers
    with contextlib.ExitStack() as stack:
        take = stack.enter_context(_numbers(len(starts)))

        def done() -> Iterator[tuple[int, list[Answer | None]]]:
            for number in iter(take, None):
                start = starts[number]
                yield start, [work(item) for item in items[start : start + size]]

        def packed() -> bytes:
            portions = []
            for start, made in done():
                plain = [None if answer is None else (pack(answer),) for answer in made]
                with contextlib.suppress(ValueError):  # there is something that is not plain
                    portions.append(marshal.dumps((start, plain)))
            return marshal.dumps(portions)

        others = [stack.enter_context(beside(packed)) for _ in range(forks)]
        stack.callback(lambda: [*iter(take, None)])  # stopped, it leaves its forks nothing to do
        first()
        for start, made in done():
            answers[start : start + size] = made
        for answer in others:
            with contextlib.suppress(*_TORN):
                for start, plain in map(marshal.loads, marshal.loads(answer())):  # noqa: S302
                    answers[start : start + size] = [each and unpack(each[0]) for each in plain]
    return answers


@contextlib.contextmanager
def _numbers(count: int) -> Iterator[Callable[[], int | None]]:
    """Gives the numbers below `count`, at most 256, each to one of the processes that ask."""
    ours, feed = os.pipe()

    def take() -> int | None:
        number = os.read(ours, 1)
        return number[0] if number else None

    try:
        os.write(feed, bytes(range(count)))
        os.close(feed)
        yield take
    finally:
        os.close(ours)
