"""What is behind a person: a picture and the person's matte in, the picture without the person's outline out.

The background is continued inwards, shell by shell, along the lines that end at the outline (coherence transport,
Bornemann and Maerz 2007): a door frame that passes behind a head goes on where the head uncovers it. Shells alone would
widen what runs along the outline, for a line's ends lie farther off than what is beside it; so where lines are clear,
they are drawn through from end to end first. Where there are no lines, what is finer than all that, leaves or noise, is
a reflection of what is outside.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from talkinghead.face.blur import blurred, largest, shrunk
from talkinghead.media.yuv import STRIP

AROUND = 0.05  # inter-ocular distances outside the matte that are continued as well
# Single hairs are farther outside, up to HAIRS: what is thinner than half of THIN and by that many grey levels unlike
# what is on either side, and more, by so many times what is thin in the background, which may be leaves.
HAIRS, THIN, UNLIKE, TIMES = 0.12, 0.09, 8, 2
LONG = 0.25  # inter-ocular distances outside: what is thin and hangs together with that is no hair
DEEP = 0.5  # inter-ocular distances of the person that lines are continued; only the widest motions uncover more
PLAIN = 0.1  # inter-ocular distances, standard deviation: further inside is the nearest colour, blurred
FINEST = 80  # pixels of an inter-ocular distance: finer pictures are continued in a reduced copy
REACH = 5  # pixels from which a new one is made
ALONG = 40.0  # how much nearer those along a line count than those across it, where there is a line
NEAR, FAR = 0.06, 0.35  # inter-ocular distances, standard deviations: lines are looked for near by, or else farther off
GRAIN = 0.1  # inter-ocular distances, standard deviation: what is finer is taken from the other side of the outline
# Grain is alike all over; a star of a flag is not, and half of it in a mirror is a shard. So what is more than USUAL
# times what is usual near by, and EVEN grey levels, is left out, with all within STAR inter-ocular distances.
USUAL, EVEN, STAR = 1.5, 1.0, 0.04
CLEAR, FARTHEST = 0.55, 3.0  # strength of lines that are drawn through; inter-ocular distances at most
FEW = 1e-3  # of a neighbourhood known, for its lines to count
ENDS = 2  # pixels at which lines end that are drawn through; at those of 1 they go on


def plate(image: np.ndarray, opacity: np.ndarray, unit: float) -> np.ndarray:
    """RGB uint8 [H, W, 3] like `image`, its background continued to where `opacity` uint8 [H, W] is.

    `unit` is the inter-ocular distance in pixels.
    """
    scale = min(1.0, FINEST / unit)
    size = [max(1, round(side * scale)) for side in image.shape[1::-1]]
    small = shrunk(image, size)
    unit *= scale
    hidden = (shrunk(cv2.threshold(opacity, 0, 255, cv2.THRESH_BINARY)[1], size) > 0).astype(np.uint8)
    far, near, hidden = (_wider(hidden, reach * unit) for reach in (LONG, HAIRS, AROUND))
    bare, hairs = _bare(small, near, far, hidden, unit)
    filled = (_continued(bare.astype(np.float32), hidden, unit) + 0.5).clip(0, 255).astype(np.uint8)
    # The copy's pixels at the rim of what is hidden are the picture's own: there it changes over.
    weight = 255 * cv2.max(cv2.erode(hidden, np.ones((3, 3), np.uint8)), hairs)
    whole = image.shape[1::-1]
    out, weight = cv2.resize(filled, whole, interpolation=cv2.INTER_CUBIC), cv2.resize(weight, whole)
    for tile in tiles(image.shape):
        least, most = extremes(weight[tile])
        if most == 0:
            out[tile] = image[tile]
        elif least < 255:
            share = weight[tile].astype(np.float32) / 255
            cv2.blendLinear(out[tile], image[tile], share, 1 - share, dst=out[tile])
    return out


def tiles(shape: Sequence[int]) -> Iterator[tuple[slice, slice]]:
    """Parts of a picture of this shape: of many nothing needs be done, and of the others what lies between is small."""
    for y, x in itertools.product(*(range(0, side, STRIP) for side in shape[:2])):
        yield slice(y, y + STRIP), slice(x, x + STRIP)


def extremes(part: np.ndarray) -> tuple[float, float]:
    """The least and the largest number of a picture [h, w]."""
    return cv2.minMaxLoc(part)[:2]


def _wider(mask: np.ndarray, by: float) -> np.ndarray:
    reach = 2 * max(1, round(by)) + 1
    return cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))


def _bare(
    image: np.ndarray, near: np.ndarray, far: np.ndarray, hidden: np.ndarray, unit: float
) -> tuple[np.ndarray, np.ndarray]:
    """The image uint8 [h, w, 3] without thin things `near` the person that hang together with what is `hidden`, uint8
    [h, w], and with nothing thin as far off as is not in `far`; and where those were."""
    without = cv2.medianBlur(image, 2 * max(1, round(THIN / 2 * unit)) + 1)
    change, away = largest(cv2.absdiff(image, without)).astype(np.float32), 1 - near.astype(np.float32)
    usual = blurred(np.dstack([change**2, np.ones_like(away)]) * away[..., None], FAR * unit)
    usual = np.sqrt(usual[..., 0] / np.maximum(usual[..., 1], 1e-3))
    thin = (change > UNLIKE + TIMES * usual).astype(np.uint8)
    # What goes on farther off is a line of the background, such as mortar.
    lines, around = thin & (1 - far), np.ones((3, 3), np.uint8)
    for _ in range(round(LONG * unit)):
        lines = cv2.dilate(lines, around) & thin
    thin = cv2.dilate(thin & near & (1 - lines), around)
    count, parts = cv2.connectedComponents(thin | hidden)
    own = np.zeros(count, np.uint8)
    own[parts[hidden > 0]] = 1
    hairs = thin & own[parts]
    return np.where(hairs[..., None] > 0, without, image), hairs


def _continued(image: np.ndarray, hidden: np.ndarray, unit: float) -> np.ndarray:
    """float32 [h, w, 3] with what is `hidden` uint8 [h, w] made from what is not, its lines DEEP from the outline."""
    if hidden.all() or not hidden.any():
        return image
    depth = np.ceil(cv2.distanceTransform(hidden, cv2.DIST_L2, cv2.DIST_MASK_PRECISE))
    across, strength = _lines(image, hidden == 0, unit)
    sought = (hidden > 0) & (depth <= DEEP * unit) & (strength > CLEAR)
    seen, person = image, hidden
    image, hidden = _drawn_through(image, hidden, across, sought, round(FARTHEST * unit))
    y, x = np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1].reshape(2, -1)
    disc = (x**2 + y**2 <= REACH**2) & ((x != 0) | (y != 0))
    x, y = x[disc], y[disc]
    edged = [cv2.copyMakeBorder(a, *[REACH] * 4, cv2.BORDER_CONSTANT) for a in (image, 1 - hidden)]
    width = image.shape[1] + 2 * REACH
    colour, known = edged[0].reshape(-1, 3), edged[1].ravel().astype(np.float32)
    distant = np.hypot(x, y).astype(np.float32)
    for at_y, at_x in _shells(depth, int(DEEP * unit)):
        here = (at_y + REACH) * width + at_x + REACH
        near = here[:, None] + (y * width + x)
        aside = across[at_y, at_x] @ np.stack([x, y]).astype(np.float32)
        aside *= (1 + ALONG * strength[at_y, at_x, None]) / REACH
        weight = (np.exp(-0.5 * aside * aside) + np.float32(1e-4)) * (known.take(near) / distant)
        total = weight.sum(1)
        made = total > 0
        light = np.matmul(weight[:, None], colour.take(near, axis=0))[:, 0]
        colour[here[made]] = light[made] / total[made, None]
        known[here[made]] = 1
    made, left = (a.reshape(edged[1].shape + a.shape[1:])[REACH:-REACH, REACH:-REACH] for a in (colour, known))
    made = _plain(made, (left == 0).astype(np.uint8), PLAIN * unit)
    return made + _grain(seen, person, 1 - (strength / CLEAR).clip(0, 1) ** 2, unit)


def _grain(image: np.ndarray, hidden: np.ndarray, share: np.ndarray, unit: float) -> np.ndarray:
    """What is finer than GRAIN in the image [h, w, 3], reflected in the outline of what is `hidden` uint8 [h, w] into
    it, less and less until DEEP, times `share` [h, w]: leaves and noise, where there are no lines to go on with."""
    known = (hidden == 0).astype(np.float32)
    mean = blurred(np.dstack([image, known]) * known[..., None], GRAIN * unit)
    fine = (image - mean[..., :3] / np.maximum(mean[..., 3:], 1e-3)) * known[..., None]
    much = largest(np.abs(fine))
    usual = blurred(np.dstack([np.log1p(much), known]), FAR * unit)  # the geometric mean: what is odd hardly counts
    usual = EVEN + USUAL * np.expm1(usual[..., 0] / np.maximum(usual[..., 1], 1e-3))
    fine /= 1 + (blurred(much**2, STAR * unit) / usual**2)[..., None]
    far, labels = cv2.distanceTransformWithLabels(hidden, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    outside, nearest = np.flatnonzero(known), np.zeros(labels.max() + 1, np.int32)
    nearest[labels.take(outside)] = outside
    (height, wide), reach, out = hidden.shape, DEEP * unit, np.zeros_like(image)
    inside = np.flatnonzero((far > 0) & (far < reach)).astype(np.int32)
    (y, x), (there_y, there_x) = (divmod(at, np.int32(wide)) for at in (inside, nearest[labels.take(inside)]))
    beyond = (2 * there_y - y).clip(0, height - 1) * wide + (2 * there_x - x).clip(0, wide - 1)
    much = share.take(inside) * np.sqrt(1 - far.take(inside) / reach)
    out.reshape(-1, 3)[inside] = fine.reshape(-1, 3).take(beyond, axis=0) * much[:, None]
    return out


def _shells(depth: np.ndarray, most: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows and columns of the pixels with `depth` [h, w] 1, of those with 2, and so on to `most`."""
    order = np.argsort(depth, axis=None, kind="stable")
    ends = np.searchsorted(depth.ravel()[order], np.arange(1, most + 2))
    for first, end in itertools.pairwise(ends):
        if end > first:
            yield np.unravel_index(order[first:end], depth.shape)


def _drawn_through(
    image: np.ndarray, hidden: np.ndarray, across: np.ndarray, sought: np.ndarray, farthest: int
) -> tuple[np.ndarray, np.ndarray]:
    """Picture and `hidden` once lines are drawn through what is `sought` bool [h, w]: both ways from each of its
    pixels at most `farthest` along the line, to the first pixels that are not hidden."""
    # Places and directions are complex numbers, x + iy. Of each pixel, with one more all round: whether a line that
    # comes there ends, goes on or is given up, and in which direction it goes on, and what it ends in.
    kinds = np.pad(np.where(hidden == 0, ENDS, sought), 1)
    ways = np.pad(across[..., 1] - 1j * across[..., 0], 1)
    colours = np.pad(image, ((1, 1), (1, 1), (0, 0))).reshape(-1, 3)
    first, wide = np.flatnonzero(kinds == 1), kinds.shape[1]
    kinds, ways = kinds.ravel(), ways.ravel()
    way = np.concatenate([ways[first], -ways[first]])
    at, going = np.tile(first % wide + 1j * (first // wide), 2).astype(np.complex64), np.arange(len(way))
    total, weight = np.zeros((len(way), 3), np.float32), np.zeros((len(way), 1), np.float32)
    for step in range(1, farthest + 1):
        at += way
        pixel = np.rint(at)
        seen = pixel.imag.astype(np.intp) * wide + pixel.real.astype(np.intp)
        kind = kinds[seen]
        end = np.flatnonzero(kind == ENDS)
        near = np.float32(step * step)
        total[going[end]], weight[going[end]] = colours[seen[end]] / near, 1 / near
        more = np.flatnonzero(kind == 1)
        if not len(more):
            break
        ahead = ways[seen[more]]
        way = ahead * np.sign((ahead * way[more].conj()).real)
        at, going = at[more], going[more]
    total, weight = (part[: len(first)] + part[len(first) :] for part in (total, weight))
    made = weight[:, 0] > 0
    image, hidden = image.copy(), hidden.copy()
    ys, xs = first[made] // wide - 1, first[made] % wide - 1
    image[ys, xs] = total[made] / weight[made]
    hidden[ys, xs] = 0
    return image, hidden


def _plain(image: np.ndarray, unknown: np.ndarray, blur: float) -> np.ndarray:
    """float32 [h, w, 3] with what is `unknown` uint8 [h, w] in the nearest known colour, blurred."""
    if not unknown.any():
        return image
    _, labels = cv2.distanceTransformWithLabels(unknown, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    colours = np.zeros((labels.max() + 1, 3), np.float32)
    colours[labels[unknown == 0]] = image[unknown == 0]
    return np.where(unknown[..., None], blurred(colours[labels], blur), image)


def _lines(image: np.ndarray, known: np.ndarray, unit: float) -> tuple[np.ndarray, np.ndarray]:
    """The direction [h, w, 2] across lines near each pixel and, [h, w] in [0, 1], how clearly there are any: the
    structure tensor of what is known."""
    # A gradient counts where all it is made from is known; at the border it is not.
    sure = cv2.erode(known.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0).astype(np.float32)
    gx, gy = (cv2.Sobel(image, cv2.CV_32F, *order, ksize=3, scale=1 / 8) for order in ((1, 0), (0, 1)))
    tensor = np.dstack([(gx * gx).sum(-1), (gx * gy).sum(-1), (gy * gy).sum(-1), np.ones_like(sure)]) * sure[..., None]
    near, far = (cv2.GaussianBlur(tensor, (0, 0), s * unit, borderType=cv2.BORDER_REPLICATE) for s in (NEAR, FAR))
    tensor = near + FEW * far
    xx, xy, yy = (tensor[..., i] / np.maximum(tensor[..., 3], 1e-12) for i in range(3))
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)
    return np.stack([np.cos(angle), np.sin(angle)], -1), np.hypot(xx - yy, 2 * xy) / (xx + yy + 1.0)
