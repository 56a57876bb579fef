"""What hangs on `track`: one method for each kind that a value may be called, and the options."""

from __future__ import annotations

import time
import types
from typing import TYPE_CHECKING, Any, cast

from expt.tracking.elsewhere import Owner

if TYPE_CHECKING:
    from collections.abc import Callable

    from expt.ground.model import Track


def with_methods(
    track: Callable[..., None],
    store: Callable[..., None],
    set_options: Callable[[Any, dict[str, Any]], None],
) -> Track:
    """Hang `track.image` … on `track` and bind it: a method of Python's is called faster than an
    object with a `__call__`, and can be sent to another process, where it refuses."""

    def image(name: str, value: Any, /, step: float | None = None) -> None:
        """Track a picture: PIL, or HxW, HxWx1, 2, 3 or 4 of uint8, bool, ints 0–255, uint16 (HxW).

        Floats are taken as 0–1: clipped, rounded to 8 bits, NaN black, with a notice.
        """
        store(name, value, step, time.time(), ("image", False))

    def array(name: str, value: Any, /, step: float | None = None) -> None:
        """Track anything that numpy makes an array of, whole; no objects."""
        store(name, value, step, time.time(), ("array", False))

    def figure(name: str, value: Any, /, step: float | None = None) -> None:
        """Track a matplotlib figure, or the figure of some axes, as a picture; pyplot closes it."""
        store(name, value, step, time.time(), ("figure", False))

    def text(name: str, value: Any, /, step: float | None = None) -> None:
        """Track a text as it is."""
        store(name, value, step, time.time(), ("text", False))

    def table(name: str, value: Any, /, step: float | None = None) -> None:
        """Track rows (a list of dicts), columns (a dict of lists), a data frame, a record array."""
        store(name, value, step, time.time(), ("structured", True))

    def configure(name: str, /, **options: Any) -> None:
        """Set how a series is drawn: `unit`, `title`, `fps`, `colormap`, `vmin` … (`OPTIONS`)."""
        set_options(name, options)

    for method in (image, array, figure, text, table, configure):
        method.__qualname__ = f"track.{method.__name__}"
        setattr(track, method.__name__, method)
    return cast("Track", types.MethodType(track, Owner()))
