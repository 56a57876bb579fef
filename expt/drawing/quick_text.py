"""Texts on stills: drawn by Pillow, which takes a fifth of the time of matplotlib's own layout.

A still has a dozen short, upright texts of plain characters, and they were half of its cost.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from matplotlib import font_manager
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from PIL import Image, ImageDraw, ImageFont

_BASELINE: Final = {"top": 0.8, "center_baseline": 0.36, "bottom": -0.22, "baseline": 0.0}
"""From the place of a text down to its baseline, in em."""

_ANCHORS: Final = {"left": "ls", "center": "ms", "right": "rs"}


class QuickText(Text):
    """A text of one line. On other canvases than Agg's it is drawn as any text of matplotlib."""

    def __init__(self, *args: Any, **properties: Any) -> None:
        super().__init__(*args, **properties)
        self._fonts: dict[tuple[str, float], ImageFont.FreeTypeFont] = {}

    def draw(self, renderer: Any) -> None:
        if not isinstance(renderer, RendererAgg):
            super().draw(renderer)
            return
        text = self.get_text()
        if not text or not self.get_visible():
            return
        size = self.get_fontsize() * renderer.dpi / 72
        font, anchor = self._font_for(text, size), _ANCHORS[self.get_horizontalalignment()]
        left, top, right, bottom = font.getbbox(text, anchor=anchor)
        mask = Image.new("L", (max(round(right - left), 1), max(round(bottom - top), 1)))
        ImageDraw.Draw(mask).text((-left, -top), text, fill=255, font=font, anchor=anchor)
        pixels = np.empty((mask.height, mask.width, 4), np.uint8)
        pixels[:, :, :3] = np.rint(np.array(to_rgb(self.get_color())) * 255)
        pixels[:, :, 3] = np.asarray(mask)
        x, y = self.get_transform().transform(self.get_unitless_position())
        y -= _BASELINE[self.get_verticalalignment()] * size
        context = renderer.new_gc()
        renderer.draw_image(context, round(x + left), round(y - bottom), pixels[::-1])
        context.restore()

    def _font_for(self, text: str, size: float) -> ImageFont.FreeTypeFont:
        """The first of the families that has all of the text, else the last one."""
        path = ""
        for family in self.get_fontfamily():
            wanted = font_manager.FontProperties(family=family, weight=self.get_fontweight())
            path = str(font_manager.findfont(wanted))
            known = font_manager.get_font(path)
            if text.isascii() or all(known.get_char_index(ord(one)) for one in text):
                break
        if (path, size) not in self._fonts:
            basic = ImageFont.Layout.BASIC
            self._fonts[path, size] = ImageFont.truetype(path, size, layout_engine=basic)
        return self._fonts[path, size]
