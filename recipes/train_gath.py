"""Train the `flow` generator: real targets from clips and from back-translated photographs.

    python -m recipes.train_gath data=DATA run=RUN [key=value ...]
    torchrun --nproc-per-node 2 -m recipes.train_gath data=DATA run=RUN [key=value ...]

Reads DATA/train, DATA/val and DATA/motion.pt (recipes.prepare, recipes.fit_motion). RUN receives the resolved settings
(config.json), metrics.csv, a sheet of faces every `sheet_every` steps, latest.pt to resume from, and
weights.safetensors (the moving average of the generator: what ships).

A run whose folder holds latest.pt goes on from it: models, optimisers, step, random state and data position come from
the checkpoint, every setting from the command line. Under torchrun every process draws `batch` faces of its own and
gradients are averaged; resume with as many processes as before.
"""

from __future__ import annotations

import csv
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.distributed as dist
from torch import nn

import gath
from gath.back_translation import back_translate
from gath.data import Batch, Pack, Sampler, to_tensor
from gath.discriminator import PatchDiscriminator
from gath.generator import FlowConfig, FlowGenerator, compose
from gath.motion import LandmarkEstimator, LandmarkMover, splat
from gath.training import Weights, discriminator_losses, generator_losses
from recipes.config import parse, save
from talkinghead.action_units import INDEX, UNIT_NAMES

LOG_EVERY = 50  # steps
SHEET_UNITS = (
    {},  # no expression at all
    {"JawOpen": 0.5, "LipsLowerOpen": 0.9, "LipsUpperOpen": 0.5},
    {"MouthSmile_L": 0.9, "MouthSmile_R": 0.9},
    {"EyeBlink_L": 0.9, "EyeBlink_R": 0.9},
    {"LipsPucker": 0.9},
    {"BrowsU_C": 0.9, "BrowsU_L": 0.9, "BrowsU_R": 0.9},
)


@dataclass(frozen=True)
class Config:
    """Settings of one run."""

    data: Path  # folder made by recipes.prepare and recipes.fit_motion
    run: Path  # folder of this run
    minutes: float = 60.0  # stop cleanly, with a checkpoint, after this long
    steps: int = 1_000_000  # or after this many steps in all
    batch: int = 16
    back_share: float = 0.5  # share of back-translated photographs in a batch, the rest are pairs from clips
    rate: float = 3e-4  # Adam's learning rate
    final_rate: float = 3e-4  # reached linearly at the end of `minutes`
    size: int = 128  # side of the faces in the packs, pixels
    width: int = 32  # channels of the encoder's first layer
    painter: int = 32  # channels of the painter
    flow: float = 0.2  # weight of the distance to the landmarks' own flow
    adversarial: float = 0.0  # weight of the least-squares adversary; zero leaves it out
    matching: float = 0.0  # weight of the distance in the discriminator's features
    ema: float = 0.998  # decay of the generator's moving average
    threads: int = 2
    bfloat16: bool = True
    compile: bool = False  # fuse the networks with torch.compile: two minutes at the start, a third less per step
    device: str = "cpu"
    seed: int = 0
    checkpoint_every: int = 250  # steps
    sheet_every: int = 500  # steps


def mean_basis(mover: LandmarkMover, size: int) -> torch.Tensor:
    """The average face's backward flow per unit, [K, 2, size, size]: where every portrait's basis starts."""
    points = mover.mean.view(1, -1, 2)
    return torch.cat([splat(points, -step[None], size) for step in mover.unit_map])


def load_motion(path: Path) -> tuple[LandmarkMover, LandmarkEstimator]:
    """What recipes.fit_motion left, ready for inference."""
    state = torch.load(path, map_location="cpu")
    mover = LandmarkMover(state["mover"]["unit_map"], state["mover"]["components"])
    units, points = state["mover"]["unit_map"].shape[:2]
    estimator = LandmarkEstimator(points, units)
    mover.load_state_dict(state["mover"])
    estimator.load_state_dict(state["estimator"])
    return mover.eval().requires_grad_(False), estimator.eval().requires_grad_(False)


class Peers:
    """The processes of one run: alone, or those that torchrun started."""

    def __init__(self):
        self.count, self.rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
        if self.count > 1:
            dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")

    def average_gradients(self, model: nn.Module) -> None:
        if self.count == 1:
            return
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        flat = torch.cat([g.flatten() for g in gradients])
        dist.all_reduce(flat)
        flat /= self.count
        for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients])):
            gradient.copy_(part.view_as(gradient))

    def gather(self, value: object) -> list[object]:
        """`value` of every process, in order of rank."""
        if self.count == 1:
            return [value]
        values: list[object] = [None] * self.count
        dist.all_gather_object(values, value)
        return values

    def agree(self, value: float) -> float:
        """What the first process says: clocks differ, and all must stop at the same step."""
        if self.count == 1:
            return value
        said = torch.tensor([value])
        dist.broadcast(said, 0)
        return float(said)


class Run:
    """Everything that changes while training, and how it is saved and restored."""

    def __init__(self, config: Config, peers: Peers):
        self.config, self.peers = config, peers
        torch.manual_seed(config.seed)
        self.mover, self.estimator = load_motion(config.data / "motion.pt")
        shape = FlowConfig(UNIT_NAMES, config.size, config.width, painter=config.painter)
        self.generator = FlowGenerator(shape, mean_basis(self.mover, shape.size // 2))
        self.average = FlowGenerator(shape).requires_grad_(False)
        self.average.load_state_dict(self.generator.state_dict())
        self.discriminator = PatchDiscriminator(config.width)
        for model in (self.mover, self.estimator, self.generator, self.average, self.discriminator):
            model.to(config.device, memory_format=torch.channels_last)
        if config.compile:
            self.generator.encoder.compile()
            self.generator.painter.compile()
        self.optimiser = torch.optim.Adam(self.generator.parameters(), config.rate, betas=(0.9, 0.99))
        self.d_optimiser = torch.optim.Adam(self.discriminator.parameters(), config.rate, betas=(0.5, 0.99))
        self.sampler = Sampler(Pack(config.data / "train"), UNIT_NAMES, config.seed + peers.rank, config.back_share)
        torch.manual_seed(config.seed + peers.rank)  # from here on every process draws its own
        self.step = 0
        self.parts = {
            "generator": self.generator, "average": self.average, "discriminator": self.discriminator,
            "optimiser": self.optimiser, "d_optimiser": self.d_optimiser,
        }  # fmt: skip

    def save(self) -> None:
        random = self.peers.gather((torch.get_rng_state(), self.sampler.rng.bit_generator.state))
        if self.peers.rank:
            return
        state = {name: part.state_dict() for name, part in self.parts.items()} | {"step": self.step, "random": random}
        partial = self.config.run / "latest.part"
        torch.save(state, partial)
        os.replace(partial, self.config.run / "latest.pt")
        gath.save(self.average, self.config.run / "weights.safetensors", steps=self.step)

    def restore(self) -> None:
        path = self.config.run / "latest.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=self.config.device, weights_only=False)
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        self.step = state["step"]
        if len(state["random"]) != self.peers.count:
            raise SystemExit(f"{path} is of {len(state['random'])} processes; resume with as many")
        torch_state, self.sampler.rng.bit_generator.state = state["random"][self.peers.rank]
        torch.set_rng_state(torch_state.cpu())

    def train_step(self, rate: float) -> dict[str, float]:
        c = self.config
        for group in self.optimiser.param_groups + self.d_optimiser.param_groups:
            group["lr"] = rate
        batch = self.sampler.draw(c.batch)
        batch = Batch(*(x.to(c.device) for x in vars(batch).values()))
        batch = back_translate(batch, self.mover, self.estimator, INDEX)
        autocast = torch.autocast(c.device, torch.bfloat16, enabled=c.bfloat16)
        weights = Weights(flow=c.flow, adversarial=c.adversarial, matching=c.matching)
        self.discriminator.requires_grad_(False)
        losses, frames, wishes = generator_losses(
            self.generator, self.mover, self.discriminator, batch, weights, autocast
        )
        for name, value in losses.items():
            if not torch.isfinite(value):
                raise SystemExit(f"step {self.step}: loss {name!r} is {float(value)}")
        total = sum(losses.values())
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        self.peers.average_gradients(self.generator)
        nn.utils.clip_grad_norm_(self.generator.parameters(), 1.0)
        self.optimiser.step()
        decay = min(c.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for a, b in zip(self.average.parameters(), self.generator.parameters()):
                a.lerp_(b, 1 - decay)
        out = {name: float(v.detach()) for name, v in losses.items()}
        if c.adversarial or c.matching:
            self.discriminator.requires_grad_(True)
            real = batch.target
            loss = discriminator_losses(self.discriminator, real, [frames, wishes], autocast)
            self.d_optimiser.zero_grad(set_to_none=True)
            loss.backward()
            self.peers.average_gradients(self.discriminator)
            self.d_optimiser.step()
            out["discriminator"] = float(loss.detach())
        self.step += 1
        return out


class Log:
    """Means of every loss over LOG_EVERY steps, to metrics.csv and the terminal; the settings beside them."""

    def __init__(self, config: Config):
        save(config, config.run / "config.json")
        self.batch, self.start, self.steps, self.sums = config.batch, time.monotonic(), 0, {}
        self.file = open(config.run / "metrics.csv", "a", newline="")

    def __call__(self, step: int, values: dict[str, float], processes: int) -> None:
        self.steps += 1
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        if step % LOG_EVERY:
            return
        rate = self.steps * self.batch * processes / (time.monotonic() - self.start)
        means = {name: round(total / LOG_EVERY, 5) for name, total in self.sums.items()}
        csv.writer(self.file).writerow([step, round(rate, 2), *(f"{k}={v}" for k, v in means.items())])
        self.file.flush()
        print(f"step {step}  {rate:.1f} faces/s  {means}", flush=True)
        self.sums = {}


@torch.inference_mode()
def sheet(generator: FlowGenerator, pack: Pack, path: Path) -> None:
    """A PNG of validation portraits: the photograph, its neutral face, then a few units."""
    photos = np.flatnonzero((pack.group < 0) & (np.abs(pack.pose[:, 0]) < 20))
    photos = photos[:: max(1, len(photos) // 10)][:10]
    device = next(generator.parameters()).device
    rows = []
    for i in photos:
        picture = to_tensor(pack.images[i : i + 1]).to(device)
        own = torch.from_numpy(pack.units[i : i + 1]).to(device)
        wishes = own.repeat(len(SHEET_UNITS), 1)
        wishes[0] = 0
        for row, units in zip(wishes[1:], SHEET_UNITS[1:]):
            for name, value in units.items():
                row[INDEX[name]] = value
        motion = generator.decode(generator.encode(picture, own), wishes)
        frames = torch.cat([picture, compose(picture, motion)])
        rows.append(torch.cat(list(frames), 2))
    image = ((torch.cat(rows, 1).permute(1, 2, 0) + 1) * 127.5).clamp(0, 255).byte().cpu().numpy()
    cv2.imwrite(str(path), image[..., ::-1])


def main(words: list[str]) -> None:
    config = parse(Config, words)
    config.run.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(config.threads)
    peers = Peers()
    run = Run(config, peers)
    run.restore()
    log = Log(config) if peers.rank == 0 else None
    val = Pack(config.data / "val")
    start = time.monotonic()
    while run.step < config.steps:
        done = peers.agree((time.monotonic() - start) / 60 / config.minutes)
        if done >= 1:
            break
        values = run.train_step(config.rate + (config.final_rate - config.rate) * done)
        if log:
            log(run.step, values, peers.count)
        if run.step % config.checkpoint_every == 0:
            run.save()
        if log and run.step % config.sheet_every == 0:
            sheet(run.average, val, config.run / f"sheet_{run.step:07d}.png")
    run.save()
    if log:
        sheet(run.average, val, config.run / f"sheet_{run.step:07d}.png")


if __name__ == "__main__":
    main(sys.argv[1:])
