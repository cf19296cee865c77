"""Wide blurs of reduced copies are those of the whole picture."""

import cv2
import numpy as np
import pytest

from talkinghead.face.blur import blurred


@pytest.mark.parametrize("across, down", [(2.0, 2.0), (14.0, 14.0), (30.0, 12.0), (9.0, 3.0)])
def test_a_wide_blur_is_that_of_the_whole_picture(astronaut, across, down):
    for picture in (astronaut, astronaut[:301, :433, 0]):
        wanted = cv2.GaussianBlur(picture, (0, 0), sigmaX=across, sigmaY=down).astype(int)
        off = np.abs(blurred(picture, across, down).astype(int) - wanted)
        assert off.mean() < 1.2 and np.percentile(off, 99) < 9
        assert off.mean() < 0.05 * np.abs(wanted - picture).mean()


def test_one_number_blurs_alike_both_ways(astronaut):
    assert np.array_equal(blurred(astronaut, 11.0), blurred(astronaut, 11.0, 11.0))
