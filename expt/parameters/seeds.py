"""What is drawn from a seed: words for numpy's generators, the seeds of repeats, random points.

Each thing that is drawn has a name, so that one more of them does not change the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from expt.ground.errors import ParameterError
from expt.ground.model import LAYER_DRAWN
from expt.parameters.coercion.plain import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from expt.ground.model import Origin

SEED: Final = "seed"
"""Every run has one, whoever asks for it."""


def is_drawn(chain: Iterable[Origin]) -> bool:
    """Whether nobody gave the seed whose origins these are."""
    return any(origin.layer == LAYER_DRAWN for origin in chain)


def seed_words(seed: int, name: str | None = None) -> list[int]:
    """A whole number of any size and sign, and a name, as what `SeedSequence` takes."""
    words = [abs(seed)] if seed >= 0 else [abs(seed), 1]
    if name is None:
        return words
    import hashlib  # slow to import, and this module is read to list a tree

    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    return words + [int.from_bytes(digest[start : start + 4], "little") for start in (0, 4, 8, 12)]


def repeat_seed(root_seed: int, index: int) -> int:
    """The seed of one repeat: the first word of `SeedSequence(root_seed).spawn(N)[index]`.

    It does not depend on how many repeats there are. Raises `ParameterError` for a negative seed.
    """
    if isinstance(root_seed, bool) or not isinstance(root_seed, int) or root_seed < 0:
        raise ParameterError(
            f"a seed to repeat from must be an int of 0 or more, not {shown(root_seed)}"
        )
    from numpy.random import SeedSequence  # slow, and few sessions repeat

    return int(SeedSequence(root_seed, spawn_key=(index,)).generate_state(1)[0])
