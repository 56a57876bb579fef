"""The version of expt, which archives in other formats and what goes to engines are marked with."""

__version__ = "0.1.0"
