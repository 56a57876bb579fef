"""How pictures look: two styles of our own, and every style that matplotlib knows by name.

The line colours of `light` and `dark` are the same, of middle brightness, so that a picture keeps
its meaning on either ground.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.colors import to_hex, to_rgb
from matplotlib.ft2font import LoadFlags

from expt.ground.text import visible
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.ft2font import FT2Font

NEUTRAL: Final[dict[Any, Any]] = {
    "text.usetex": False,
    "path.sketch": None,
    "path.effects": [],
    "path.simplify": True,
    "text.hinting": "none",
}
"""What a user's own matplotlibrc may say and a picture of ours must not follow."""
_LONGEST: Final = 200  # characters of a text that are looked at


@frozen
class Style:
    """Colours, colour maps and the font families of one look."""

    name: str
    background: str
    face: str
    text: str
    muted: str
    grid: str
    colours: tuple[str, ...]
    colormap: str = "viridis"
    diverging: str = "RdBu_r"
    missing: str = "#9aa0a8"
    families: tuple[str, ...] = ("DejaVu Sans",)


_COLOURS: Final = (
    "#3f7fe0", "#e5752b", "#2fa574", "#cc4b84", "#8a68dc", "#b58f1f", "#1f9dbd", "#858c96",
)  # fmt: skip
LIGHT: Final = Style("light", "#ffffff", "#ffffff", "#1f2328", "#667080", "#e4e7eb", _COLOURS)
DARK: Final = Style("dark", "#15181d", "#15181d", "#e8eaed", "#98a2ae", "#2c323a", _COLOURS)


def find_style(name: str) -> Style:
    """The style of a name: "light", "dark" or one of matplotlib's. Raises `ValueError`."""
    if name in ("light", "dark"):
        return LIGHT if name == "light" else DARK
    from matplotlib import style as library  # reads the folder of styles

    if name not in library.library:
        known = ", ".join(["dark", "light", *sorted(library.available)])
        raise ValueError(f"there is no plot style {name!r}; styles: {known}")
    settings = {**mpl.rcParamsDefault, **library.library[name]}
    face, text = to_hex(settings["axes.facecolor"]), to_hex(settings["text.color"])
    cycle = settings["axes.prop_cycle"].by_key().get("color", list(_COLOURS))
    return Style(
        name,
        background=to_hex(settings["figure.facecolor"]),
        face=face,
        text=text,
        muted=to_hex(settings["xtick.color"]),
        grid=to_hex(settings["grid.color"]) if settings["axes.grid"] else mixed(face, text, 0.17),
        colours=tuple(to_hex(colour) for colour in cycle),
        colormap=settings["image.cmap"],
        families=(*settings["font.family"], "DejaVu Sans"),
    )


def is_dark(style: Style) -> bool:
    """Whether the ground is darker than what is drawn on it."""
    return sum(to_rgb(style.background)) < sum(to_rgb(style.text))


def mixed(ground: str, ink: str, share: float) -> str:
    """The colour of `ink` laid over `ground` with the opacity `share`."""
    pairs = zip(to_rgb(ground), to_rgb(ink), strict=True)
    red, green, blue = ((1 - share) * a + share * b for a, b in pairs)
    return to_hex((red, green, blue))


@contextlib.contextmanager
def neutral() -> Iterator[None]:
    """Settings of matplotlib that a picture of ours needs, for as long as it is made.

    `rc_context` copies all three hundred, twice a picture.
    """
    before = {name: mpl.rcParams[name] for name in NEUTRAL}
    mpl.rcParams.update(NEUTRAL)
    try:
        yield
    finally:
        mpl.rcParams.update(before)


def fitted(text: str, room: float, size: float, *, bold: bool = False) -> str:
    """`text` on one line of `room` inches, in plain characters that the font has.

    What hides, and what the font has no glyph for, is written as an escape. What is too long
    keeps its beginning and its end, where names differ.
    """
    font = _font(bold)
    shown = _printable(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…{text[-60:]}", font)
    widest = room * 72 / size  # in em; no character of the font is wider than 1.35 em
    if len(shown) * 1.35 <= widest:
        return shown
    font.set_size(size, 72)
    kept = len(shown)
    while kept > 3:
        candidate = shown if kept == len(shown) else _without_middle(shown, kept)
        width = _width(candidate, font)
        if width <= room * 72:
            return candidate
        kept = min(kept - 1, int(kept * room * 72 / width))
    return "…"


def wrapped(text: str, room: float, size: float) -> list[str]:
    """The whole of `text` on as many lines of `room` inches as it takes, in plain characters.

    Lines break after a space, a comma, a slash or a hyphen where there is one.
    """
    font = _font(False)
    font.set_size(size, 72)
    rest = _printable(text, font)
    lines = []
    while rest:
        kept = len(rest)
        while kept > 1 and (width := _width(rest[:kept], font)) > room * 72:
            kept = min(kept - 1, max(int(kept * room * 72 / width), 1))
        if kept < len(rest):
            breaks = [rest.rfind(mark, kept // 2, kept) for mark in (" ", ",", "/", "-")]
            kept = max(breaks) + 1 or kept
        lines.append(rest[:kept].strip())
        rest = rest[kept:]
    return lines


def text_width(text: str, size: float) -> float:
    """How wide `text` is, in inches."""
    font = _font(bold=False)
    font.set_size(size, 72)
    return _width(text, font) / 72


def _width(text: str, font: FT2Font) -> float:
    font.set_text(text, flags=LoadFlags.NO_HINTING)  # hinting rounds to pixels
    return float(font.get_width_height()[0]) / 64


def _printable(text: str, font: FT2Font) -> str:
    return "".join(
        character if font.get_char_index(ord(character)) else _escape(character)
        for character in visible(text)
    )


def _font(bold: bool) -> FT2Font:
    weight = "bold" if bold else "normal"
    wanted = font_manager.FontProperties(family="DejaVu Sans", weight=weight)
    return font_manager.get_font(font_manager.findfont(wanted))


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


def _without_middle(text: str, kept: int) -> str:
    tail = kept // 3
    return f"{text[: kept - tail - 1]}…{text[len(text) - tail :]}"
