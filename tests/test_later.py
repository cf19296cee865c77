"""Modules that are not imported until something of them is used."""

import subprocess
import sys

import pytest

from gath.later import later


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The name of a package with a module in it, which nobody has imported."""
    package = tmp_path / "heavy_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "part.py").write_text("def double(x):\n    return 2 * x\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "heavy_package.part"
    for name in "heavy_package.part", "heavy_package":
        sys.modules.pop(name, None)


def test_a_stand_in_loads_the_real_module_when_something_is_called(module):
    with later("heavy_package", module):
        import heavy_package.part as part
        from heavy_package.part import double
    assert not any(name.startswith("heavy_package") for name in sys.modules)
    assert part.double(3) == 6 and double(4) == 8
    assert sys.modules[module].double is not part.double


def test_others_import_the_real_module_afterwards_and_one_that_was_there_stays(module):
    with later("heavy_package", module):
        pass
    import heavy_package.part as part

    with later("heavy_package", module):
        import heavy_package.part as inside
    assert inside is part and sys.modules[module] is part


def test_a_stand_in_goes_with_an_import_that_fails(module):
    with pytest.raises(ImportError), later("heavy_package", module):
        import heavy_package.part  # noqa: F401
        import no_such_package_at_all  # noqa: F401
    assert not any(name.startswith("heavy_package") for name in sys.modules)


def test_a_face_is_found_without_plots_and_converters_which_can_be_had_still():
    """In a process of its own; matplotlib comes with MediaPipe."""
    program = """
import sys
import numpy as np
from talkinghead.face.matte import described
from talkinghead.face.tracker import Tracker
Tracker()(np.zeros((64, 64, 3), np.uint8))
assert not {"matplotlib", "matplotlib.pyplot", "openvino.tools.ovc"} & set(sys.modules)
import matplotlib.pyplot, openvino
assert matplotlib.pyplot.figure.__module__.startswith("matplotlib")
try:
    openvino.convert_model("no such model")
except Exception as error:
    assert type(error).__module__ != "builtins", error
assert "openvino.tools.ovc" in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
