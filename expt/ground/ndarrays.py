"""Arrays of every library as numpy's, and as what `.npy` holds without a loss.

numpy is looked up among the modules that are loaded and imported only for what offers
`__array__`: a value of numpy's cannot exist without it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from expt.ground.dataframes import is_tabular
from expt.ground.objects import ask, is_of, type_name

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_TO_NUMPY: Final = ("detach", "cpu", "resolve_conj", "resolve_neg")
"""What takes a tensor of torch from its gradient, its accelerator, its views of another's bits."""


def as_array(value: Any) -> Array | None:
    """`value` as a numpy array, through `__array__` where it is another library's; else None.

    Numbers, pictures, and what has names for its rows or columns, are none. Raises `TypeError`
    where the library refuses.
    """
    if is_of(value, "numpy", "ndarray"):
        array: Array = value
        return array
    if isinstance(value, type) or not callable(ask(type(value), "__array__")):
        return None
    if is_of(value, "numpy", "generic") or is_of(value, "PIL.Image", "Image"):
        return None
    if is_tabular(value):
        return None
    return _through_protocol(value)


def _through_protocol(value: Any) -> Array:
    import numpy  # only here: whoever offers `__array__` needs it anyway

    try:
        for method in _TO_NUMPY:
            if callable(ask(value, method)):
                value = getattr(value, method)()
        if ask(value, "__cuda_array_interface__") is not None and callable(ask(value, "get")):
            return numpy.asarray(value.get())  # CuPy's
        try:
            return numpy.asarray(value)
        except TypeError:  # bfloat16 and float8 of torch, each of which float32 holds
            if not callable(ask(value, "is_floating_point")) or not value.is_floating_point():
                raise
            return numpy.asarray(value.float())
    except Exception as error:  # another library's code
        raise TypeError(f"a '{type_name(value)}' that gives no array: {error}") from error


def is_masked(value: Any) -> bool:
    """Whether `value` is of numpy's masked kind: its `item` invents a number where none is."""
    return "numpy.ma" in sys.modules and is_of(value, "numpy.ma", "MaskedArray")


def storable_array(array: Array) -> tuple[Array, str | None]:
    """`array` as `.npy` holds it without pickle, and what a person should know of it.

    A type of another library (bfloat16, float8, int4) becomes the smallest of numpy's own that
    holds each of its values. Raises `TypeError` for objects, masks and whatever would come back
    as something else.
    """
    if array.dtype.hasobject:
        raise TypeError("an array of objects, which only pickle could store")
    reject_mask(array)
    if _comes_back(array.dtype):
        return array, None
    plain = _as_own_type(array)
    if plain is None:
        raise TypeError(f"an array of type '{array.dtype}', which no file of arrays holds")
    return plain, f"{array.dtype} is stored as {plain.dtype}, which holds it exactly"


def reject_mask(array: Array) -> None:
    """Raise `TypeError` for a masked array."""
    if is_masked(array):
        raise TypeError(
            "a masked array, whose mask would be lost; array.filled(…) has none, and "
            "archive.save('NAME.npz', array) keeps both"
        )


def _comes_back(dtype: np.dtype[Any]) -> bool:
    """Whether a header of `.npy` says what `dtype` is; of another library's it says raw bytes."""
    import numpy  # the caller has an array

    if dtype.names is not None:
        return all(_comes_back(dtype[name].base) for name in dtype.names)
    try:
        return bool(numpy.dtype(dtype.str) == dtype)
    except TypeError:
        return False


def _as_own_type(array: Array) -> Array | None:
    import numpy  # the caller has an array

    name = array.dtype.name
    wide = "i1" if name.startswith("int") else "u1" if name.startswith("uint") else "f4"
    try:
        plain = array.astype(wide)
        back = plain.astype(array.dtype)
        same = (back == array) | ((back != back) & (array != array))
        return plain if bool(numpy.all(same)) else None
    except Exception:  # another library's code
        return None
