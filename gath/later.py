"""Modules that are imported for nothing: stand-ins for them, so that what drags them in starts sooner.

MediaPipe imports matplotlib's plots and sounddevice, OpenVINO its converter of other models: half of the time from a
command to its first frame. Whatever is called in a stand-in loads the real module and calls that.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

_lock = threading.RLock()  # stand-ins of one block must not be taken away, or for real, by another


class _StandIn(ModuleType):
    def __getattr__(self, attribute: str) -> Callable[..., Any]:
        if attribute.startswith("__"):
            raise AttributeError(attribute)

        def call(*arguments: Any, **named: Any) -> Any:
            return getattr(importlib.import_module(self.__name__), attribute)(*arguments, **named)

        return call


@contextmanager
def later(*names: str) -> Iterator[None]:
    """While inside, importing modules of these names, parents named as well, gives stand-ins of those that nobody has
    imported yet. What is imported inside keeps them; for all others the modules are there to be imported as ever."""
    with _lock:
        stand_ins = {name: _StandIn(name) for name in names if name not in sys.modules}
        for name, module in stand_ins.items():
            parent, _, child = name.rpartition(".")
            if parent in stand_ins:
                setattr(stand_ins[parent], child, module)
        sys.modules.update(stand_ins)
        try:
            yield
        finally:
            for name, module in stand_ins.items():
                if sys.modules.get(name) is module:
                    del sys.modules[name]
