"""What `track.configure` asked for, as far as a picture can follow it.

A value that means nothing is warned of and left out: an archive may hold any.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, Final, cast

import matplotlib as mpl

from expt.ground.spread import is_number
from expt.ground.value_classes import field_names, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

CHOICES: Final[dict[str, tuple[Any, ...]]] = {
    "scale": ("log", "linear"),
    "best": ("min", "max"),
    "smooth": (True, False),
    "origin": ("upper", "lower"),
}


@frozen
class Configured:
    """The options of one series; None for what was not asked for.

    `extent` is left, right, bottom and top of an array in the user's units.
    """

    unit: str | None = None
    title: str | None = None
    xlabel: str | None = None
    ylabel: str | None = None
    vmin: float | None = None
    vmax: float | None = None
    origin: str | None = None
    extent: tuple[float, float, float, float] | None = None
    scale: str | None = None
    smooth: bool | None = None
    best: str | None = None
    colormap: str | None = None

    def heading(self, name: str) -> str:
        """The title: the name where no other was given, with the unit where no axis has it."""
        title = self.title or name
        return f"{title} [{self.unit}]" if self.unit and not self.ylabel else title

    @property
    def upright(self) -> str:
        """What stands at the axis of the values."""
        if not self.ylabel:
            return ""
        return f"{self.ylabel} [{self.unit}]" if self.unit else self.ylabel


def read_options(options: Mapping[str, Any]) -> Configured:
    """What a picture can follow of `options`; warns of the rest."""
    known: dict[str, Any] = {}
    for name in field_names(Configured):
        asked = options.get(name)
        if asked is not None:
            known[name] = _READERS[name](name, asked)
    low, high = known.get("vmin"), known.get("vmax")
    if low is not None and high is not None and not low < high:
        warnings.warn(f"the option vmin is {low!r}, and vmax is {high!r}: not above", stacklevel=2)
        known["vmin"] = known["vmax"] = None
    return Configured(**known)


def _read_text(_: str, asked: Any) -> str:
    return str(asked)


def _read_choice(name: str, asked: Any) -> Any:
    choices = CHOICES[name]
    if isinstance(asked, (str, bool)) and asked in choices:
        return asked
    told = ", ".join(map(repr, choices))
    warnings.warn(f"the option {name} is {asked!r}; it can be {told}", stacklevel=2)
    return None


def _read_number(name: str, asked: Any) -> float | None:
    if is_number(asked) and math.isfinite(asked):
        return float(asked)
    warnings.warn(f"the option {name} is {asked!r}; it is a finite number", stacklevel=2)
    return None


def _read_extent(name: str, asked: Any) -> tuple[float, float, float, float] | None:
    if isinstance(asked, (list, tuple)) and len(asked) == 4:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            left, right, bottom, top = (_read_number(name, side) for side in asked)
        if None not in (left, right, bottom, top) and left != right and bottom != top:
            return cast("tuple[float, float, float, float]", (left, right, bottom, top))
    told = f"the option {name} is {asked!r}; it is left, right, bottom and top, none equal"
    warnings.warn(told, stacklevel=2)
    return None


def _read_colormap(_: str, asked: Any) -> str | None:
    if isinstance(asked, str) and asked in mpl.colormaps:
        return asked
    warnings.warn(f"there is no colour map {asked!r} in matplotlib", stacklevel=2)
    return None


_READERS: Final = {
    **dict.fromkeys(("unit", "title", "xlabel", "ylabel"), _read_text),
    **dict.fromkeys(("vmin", "vmax"), _read_number),
    **dict.fromkeys(CHOICES, _read_choice),
    "extent": _read_extent,
    "colormap": _read_colormap,
}
