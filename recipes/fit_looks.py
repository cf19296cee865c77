"""Learn how mouths that speak look like turns of the head: what talkinghead/face/looks.py begins from.

    python -m recipes.fit_looks CORPUS [--out talkinghead/assets/looks.json] [--portraits 100]

Portraits of the train split, half of LFW, half sharp, speak with recordings of RAVDESS, heads and eyes still; the
product's own tracker looks at FRAMES of each. Of every face a map from what the mouth does to degrees is fitted (ridge
regression); written are their mean, the WAYS in which they differ most (principal components), and the LOOKS mouths
that narrow down best which face it is, chosen one after the other. Printed is how much of what is seen is left with the
map that those few looks give, on faces that were left out.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import typer

from recipes.parts.manifest import portraits_of
from talkinghead.face.looks import NOISE, Common, features, mouth, own_map
from talkinghead.face.puppet import Puppet
from talkinghead.face.steady import seen
from talkinghead.media.audio import decode
from talkinghead.options import FrameOptions
from talkinghead.pipeline import TalkingHead
from talkinghead.units.names import UNIT_NAMES

VOICES = 8  # so many of the recordings, none of those that `judge_head speak` takes
FRAMES = 120
WAYS, LOOKS = 30, 10
RIDGE = 1.0  # in standard deviations of a feature
STILL = [k for k, name in enumerate(UNIT_NAMES) if name.startswith(("Eye", "Brows"))]

Face = tuple[np.ndarray, np.ndarray]  # mouths [FRAMES, 10], degrees beyond those seen at rest [FRAMES, 3]


def spoken(head: TalkingHead, puppet: Puppet, voice: Path) -> np.ndarray:
    """Units [T, 46] of a portrait that says this with nothing but its mouth."""
    stream = head.listen(puppet, FrameOptions(head=0, still=True, blink=False))
    motions = [motion for block in decode(voice, stream.sample_rate) for motion in stream.push(block)]
    units = np.stack([motion.units for motion in motions + stream.finish()])
    units[:, STILL] = puppet.rest[STILL]
    return units


def look(head: TalkingHead, picture: np.ndarray, voices: list[Path], random: np.random.Generator) -> Face | None:
    puppet = head.prepare(picture)
    units = np.concatenate([spoken(head, puppet, voices[k]) for k in random.choice(len(voices), 2, replace=False)])
    chosen = np.sort(random.permutation(len(units))[:FRAMES])
    found, angles, _ = seen(np.concatenate([puppet.rest[None], units[chosen]]), puppet, head.tracker)
    if len(found) <= len(chosen):
        return None
    return mouth(found[1:] - found[0], puppet.parting.drawn), angles[1:] - angles[0]


def in_common(faces: list[Face], ways: int = WAYS, looks: int = LOOKS) -> Common:
    """What these faces have in common."""
    done = [features(mouths) for mouths, _ in faces]
    size = np.concatenate(done).std(0).clip(1e-6)
    ridge = RIDGE * np.eye(len(size))
    maps = np.stack(
        [np.linalg.solve((f / size).T @ (f / size) + ridge, (f / size).T @ a) for f, (_, a) in zip(done, faces)]
    )
    mean, flat = maps.mean(0), (maps - maps.mean(0)).reshape(len(maps), -1)
    values, axes = np.linalg.svd(flat, full_matrices=False)[1:]
    main = (values[:ways, None] / np.sqrt(max(len(maps) - 1, 1)) * axes[:ways]).reshape(-1, *mean.shape)
    mouths = np.concatenate([mouths[::6] for mouths, _ in faces])
    common = Common(mean / size[:, None], main / size[:, None], mouths)
    return Common(common.mean, common.ways, mouths[telling(common, looks)])


def telling(faces: Common, count: int) -> list[int]:
    """The `count` of the mouths after whose looks the least is in doubt of all of them."""
    seen = np.einsum("nk,rkc->ncr", features(faces.mouths), faces.ways)
    weight = np.einsum("ncr,ncs->rs", seen, seen) / len(seen)
    doubt, chosen = np.eye(len(faces.ways)), []
    for _ in range(count):
        gain = doubt @ seen.transpose(0, 2, 1)
        after = doubt - gain @ np.linalg.solve(seen @ gain + NOISE**2 * np.eye(3), gain.transpose(0, 2, 1))
        chosen.append(int(np.einsum("nrs,sr->n", after, weight).argmin()))
        doubt = after[chosen[-1]]
    return chosen


def left_over(faces: list[Face]) -> np.ndarray:
    """For every face, from what the others have in common and its own frames most like their mouths: the standard
    deviation [3] of what is seen, and of what is left of it, [2, 3]."""
    out = []
    for k, (mouths, angles) in enumerate(faces):
        others = in_common(faces[:k] + faces[k + 1 :])
        near = [int(((mouths - one) ** 2).sum(1).argmin()) for one in others.mouths]
        left = angles - features(mouths) @ own_map(mouths[near], angles[near], others)
        out.append([angles.std(0), left.std(0)])
    return np.array(out)


def main(corpus: Path, out: Path = Path("talkinghead/assets/looks.json"), portraits: int = 100) -> None:
    head, random, faces = TalkingHead(), np.random.default_rng(0), []
    recordings = sorted((corpus / "ravdess_audio").rglob("*.wav"))
    voices = recordings[1 : 1 + VOICES]  # judge_head takes the first and the last
    for _, picture in portraits_of(corpus, "train", portraits):
        if face := look(head, picture, voices, random):
            faces.append(face)
    still, left = left_over(faces).transpose(1, 0, 2)
    print(f"{len(faces)} faces seem to turn by {still.mean(0).round(2)} degrees, less what few looks tell", end="")
    print(f" {left.mean(0).round(2)}; the worst tenth in pitch {np.quantile(still[:, 1], 0.9):.2f}", end="")
    print(f", then {np.quantile(left[:, 1], 0.9):.2f}")
    common = in_common(faces)
    found = {name: np.round(getattr(common, name), 4).tolist() for name in ("mean", "ways", "mouths")}
    out.write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    typer.run(main)
