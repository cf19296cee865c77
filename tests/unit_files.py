"""Reading and converting files of units without their warnings."""

from __future__ import annotations

import warnings

from talkinghead.units.convert import convert, read_csv


def quietly(*arguments, **options):
    """The warnings that a conversion gives."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        convert(*arguments, **options)
    return [str(one.message) for one in caught]


def read(path, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_csv(path, **options)
