"""`track` and `results` where the experiment has sent them to a process that it spawned.

They go there by pickle, and there they refuse, as in the child of a fork: only the process of the
run writes to its archive.
"""

from __future__ import annotations

from typing import Any, Final, NoReturn

_SEND: Final = "send it the value, through a queue or as what the function returns"


class Elsewhere:
    """Stands for `track` or `results`: whatever is done with it is a `RuntimeError`."""

    def __init__(self, what: str) -> None:
        self._what = what

    @property
    def track(self) -> Elsewhere:
        """What a bound `track` is unpickled as: the attribute of its owner."""
        return self

    def __call__(self, name: Any = "", *_: Any, **values: Any) -> NoReturn:
        self._refuse(name if isinstance(name, str) and name else ", ".join(values))

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):  # asked by whoever copies or looks at it
            raise AttributeError(name)
        self._refuse(name)

    def __getitem__(self, name: Any) -> NoReturn:
        self._refuse(name)

    def __setitem__(self, name: Any, value: Any) -> NoReturn:
        self._refuse(name)

    def __repr__(self) -> str:
        return f"<{self._what} of a run in another process>"

    def _refuse(self, name: Any) -> NoReturn:
        raise RuntimeError(
            f"only the process of the run has '{self._what}': {name!r} was not kept; {_SEND}"
        )


class Owner:
    """Whom `track` is bound to, so that it can be sent: a plain function inside another cannot."""

    def __reduce__(self) -> tuple[type[Elsewhere], tuple[str]]:
        return Elsewhere, ("track",)
