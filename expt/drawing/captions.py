"""What stands around the frames of a video: the step below, the scale of colours beside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

from expt.drawing.arrays import bar_ticks
from expt.drawing.styles import LIGHT, fitted, text_width

if TYPE_CHECKING:
    from expt.drawing.frames import Frame, Palette

_SIZES: Final = (12, 28)  # pixels of the font
_BAR: Final = 14  # pixels of the scale of colours, at the least


class Captions:
    """Puts a frame of one size into a larger one, of even sides, with its texts."""

    def __init__(
        self, height: int, width: int, palette: Palette | None = None, unit: str = ""
    ) -> None:
        self._size = min(max(max(height, width) // 32, _SIZES[0]), _SIZES[1])
        path = font_manager.findfont(font_manager.FontProperties(family="DejaVu Sans"))
        self._font = ImageFont.truetype(path, self._size, layout_engine=ImageFont.Layout.BASIC)
        self._strip = (self._size * 9 // 5 + 1) // 2 * 2
        self._beside = None if palette is None else self._draw_scale(height, palette, unit)

    def add(self, frame: Frame, text: str) -> Frame:
        """The frame with `text` in a strip below it."""
        if self._beside is not None:
            frame = np.concatenate([frame, self._beside], axis=1)
        strip = Image.new("RGB", (frame.shape[1], self._strip), LIGHT.background)
        room = (frame.shape[1] - self._size) / 72
        place = (self._size // 2, self._strip // 2)
        ImageDraw.Draw(strip).text(
            place, fitted(text, room, self._size), LIGHT.muted, self._font, anchor="lm"
        )
        return np.concatenate([frame, np.asarray(strip)])

    def _draw_scale(self, height: int, palette: Palette, unit: str) -> Frame:
        size, above = self._size, self._size * 2
        tall = max(height - above - size // 2, 2)
        places, texts, power = bar_ticks(palette, max(min(tall // (2 * size), 6), 2))
        title = "  ".join(filter(None, [power, unit]))
        wide = max(_BAR, size)
        longest = max([text_width(text, size) * 72 for text in texts], default=0.0)
        room = round(max(wide + 1.5 * size + longest, text_width(title, size) * 72 + size)) + size
        scale = Image.new("RGB", ((room + 1) // 2 * 2, height), LIGHT.background)
        ramp = Image.fromarray(np.ascontiguousarray(palette.table[255::-1][:, np.newaxis, :]))
        scale.paste(ramp.resize((wide, tall)), (size, above))
        draw = ImageDraw.Draw(scale)
        draw.text((size, above - size // 2), title, LIGHT.muted, self._font, anchor="ls")
        for place, text in zip(places, texts, strict=True):
            row = above + round((1 - place) * (tall - 1))
            if row < height - size // 2:
                where = (size + wide + size // 2, row)
                draw.text(where, text, LIGHT.muted, self._font, anchor="lm")
        return np.asarray(scale)
