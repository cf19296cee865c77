"""What torch draws against what the processor does: on torch's own processor, and on a GPU where there is one."""

import cv2
import numpy as np
import pytest

from talkinghead.errors import ModelError
from talkinghead.face import sheets
from talkinghead.face.align import alignment
from talkinghead.face.head import Head
from talkinghead.face.mouth import Patch
from talkinghead.face.on_device import forks
from talkinghead.face.render import Renderer
from talkinghead.models import check_device
from talkinghead.pipeline import TalkingHead
from talkinghead.units.names import INDEX
from talkinghead.units.track import Motion

torch = pytest.importorskip("torch")
SIZE = 128
POSES = np.array([[6, -4, 5, 0.1, -0.08, 1.04], [-3, 5, -2, -0.1, 0.05, 0.97]], np.float32)
CUDA = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))


@pytest.fixture(scope="module")
def flow():
    """A face that moves, most about the mouth."""
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    bump = np.exp(-((x - 0.5) ** 2 + (y - 0.7) ** 2) / 0.02).astype(np.float32)
    return np.stack([0.01 * np.sin(9 * y) + 0.01 * bump, -0.05 * bump]).astype(np.float32)


def differ(a, b):
    return np.abs(a.astype(int) - b)


@pytest.mark.parametrize("device", ["cpu", CUDA])
@pytest.mark.parametrize("scale, large", [(0.7, False), (1.303, False), (1.303, True)])
def test_frames_equal_the_processors(astronaut, astronaut_face, flow, monkeypatch, device, scale, large):
    """Within one grey level, whether the head turns or not, whatever was drawn before on the same memory, and also
    where pictures are so large that they are read in blocks."""
    if large:
        monkeypatch.setattr(sheets, "FINER_PIXELS", 1)
    image = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    face = astronaut_face.landmarks * scale
    ours, theirs = (Renderer(image, alignment(face[:, :2], SIZE), SIZE, device=name) for name in (None, device))
    head = Head(image, face, astronaut_face.pose)
    patch = Patch(np.full((9, 7, 4), 90, np.uint8), int(face[13, 0]), int(face[13, 1]))
    elsewhere = Patch(np.full((9, 7, 4), 90, np.uint8), 3, 1)
    still, memory = ours(0 * flow, planar=True).copy(), np.empty_like(ours(flow, planar=True))
    for much, pose, patches in [(1, 0, [patch]), (0.5, None, [elsewhere]), (0, 1, []), (-0.7, 0, []), (0, None, [])]:
        posed = None if pose is None else head(POSES[pose])
        expected = ours(much * flow, posed=posed, patches=patches, planar=True)
        drawn = theirs(much * flow, posed=posed, patches=iter(patches), planar=True, onto=memory)
        assert np.shares_memory(drawn, memory) and differ(drawn, expected).max() <= 1
        assert (drawn != expected).mean() < 0.01
        assert not much and pose is None or differ(drawn, still).max() > 30
    assert np.array_equal(memory, still)


def test_a_speaking_portrait_is_the_same_with_a_device(astronaut):
    """Mouth and lids, which the processor draws, lie on what torch drew; pictures in RGB are the processor's own."""
    ours, theirs = (TalkingHead(device=name).prepare(astronaut) for name in ("auto", "cpu:0"))
    units = ours.rest.copy()
    units[[INDEX["JawOpen"], INDEX["LipsUpperOpen"], INDEX["EyeBlink_L"]]] = 0.5, 0.6, 0.9
    for pose in POSES:
        motion = ours.borne(Motion(units, pose, 0.0))
        assert differ(theirs.frame(motion, planar=True), ours.frame(motion, planar=True)).max() <= 1
        assert np.array_equal(theirs.frame(motion, planar=False), ours.frame(motion, planar=False))
    assert theirs.renderer.device == "cpu:0" and not theirs.forks and ours.forks


def test_which_devices_processes_can_share():
    assert not forks("cpu") and not forks("mps")
    assert forks("cuda") != torch.cuda.is_initialized()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there():
    with pytest.raises(ModelError, match="no device 'cuda:1' here"):
        check_device("cuda:1")
