"""Settings of recipes.train_gath: words of the command line in (recipes.parts.config.parse), one dataclass out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gath.data import ALONE_SHARE


@dataclass(frozen=True)
class Config:
    """Settings of one run; the defaults are those of `flow`."""

    data: Path  # folder made by recipes.prepare and recipes.fit_motion
    run: Path  # folder of this run
    init: str = ""  # weights that a new run starts from (an exported file, or shipped); a resumed one has its own
    generator: str = "flow"  # or paper
    max_minutes: float = 60.0  # stop cleanly, with a checkpoint, after this long
    steps: int = 0  # stop after this many steps in all; 0: only the clock counts
    batch: int = 16  # faces a step and process
    clip_share: float = 0.5  # share of pairs from clips in a batch
    back_share: float = 0.5  # share of back-translated photographs; what is left is unpaired (paper only)
    target_mix: float = 0.027  # paper: share of the source set that is frames of the target set's people
    least_photos: int = 1  # paper: people with fewer photographs are no sources
    alone: float = ALONE_SHARE  # share of the wishes that change a few units only
    estimator: str = ""  # file of recipes.train_estimator; paper: needed, flow: adds the two terms on units
    rate: float = 3e-4  # Adam's learning rate
    final_rate: float = 3e-4  # reached linearly at `steps` or, without, at the end of `max_minutes`
    beta1: float = 0.9  # Adam's momentum
    d_beta1: float = 0.5  # that of the discriminator
    beta2: float = 0.99
    size: int = 128  # side of the faces, pixels; flow: as in the packs
    width: int = 32  # channels of the first layer of generator and discriminator
    blocks: int = 2  # residual blocks
    flow: float = 0.2  # flow: weight of the distance to the landmarks' own flow
    adversarial: float = 0.0  # paper: weight of the least-squares adversary, (6); 0 leaves it out
    classification: float = 0.0  # paper: weight of (7); 0 leaves the classifier out
    au: float = 1.0  # weight of the AU loss, (4)
    units: float = 1.0  # flow: weight of the squared error of the units that the estimator sees
    carried: float = 0.0  # flow: weight of the units that faces show when a wish's flow has carried their landmarks
    reconstruction: float = 1.0  # paper: weight of (5)
    variation: float = 1.0  # paper: weight of total variation, (8)
    ema: float = 0.998  # decay of the generator's moving average; 0: none
    threads: int = 2
    bfloat16: bool = True
    compile: bool = False  # fuse the networks with torch.compile: two minutes at the start, a third less per step
    device: str = "cpu"
    seed: int = 0
    checkpoint_every: int = 250  # steps
    sheet_every: int = 500  # steps
    log_every: int = 50  # steps
