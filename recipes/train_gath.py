"""Train a generator: the paper's GATH with its ablations, or ours.

    python -m recipes.train_gath [FILE.json ...] data=DATA run=RUN [key=value ...]
    torchrun --nproc-per-node 2 -m recipes.train_gath [FILE.json ...] data=DATA run=RUN [key=value ...]

Override files in recipes/configs: gath.json is the paper's own setting, which needs estimator=FILE
(recipes.train_estimator); gath_c.json after it takes the classifier away (GATH-C), gath_dc.json discriminator and
classifier (GATH-DC).

Reads DATA/train, DATA/val and, for ours or back-translated pairs, DATA/motion.pt (recipes.prepare, recipes.fit_motion).
RUN receives the resolved settings (config.json), metrics.csv, and every `sheet_every` steps a sheet of faces and a line
in val.csv; latest.pt to resume from; weights.safetensors, the moving average of the generator; best.safetensors, the
same when its figure in val.csv was lowest: the weighted L1 distance to the real frame on a fixed batch of validation
pairs, as a share of the motionless source's (recipes/parts/gath_validation.py).

A run whose folder holds latest.pt goes on from it: models, optimisers, step, random state and data position come from
the checkpoint, every setting from the command line, and those that changed are printed. With `steps` given (or
final_rate equal to rate) a run that was stopped and resumed equals one that was not, bit for bit on a CPU with one
thread; without, the learning rate follows the clock. Under torchrun every process takes its share, `batch` faces, of
what one process would draw with as many times the batch, and gradients are averaged; what is normalised over a batch
(batch norm in the paper's generator, face weights in ours) stays each process's own. Resume with as many processes.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import sys
import time

import torch
from torch import Tensor, nn

import gath
from gath.data import Pack
from recipes.parts.config import parse
from recipes.parts.gath_config import Config
from recipes.parts.gath_systems import SYSTEMS
from recipes.parts.gath_validation import Validation, sheet
from recipes.parts.runs import Log, Peers, move_average, replace

LARGEST_GRADIENT = 1.0  # norm of the generator's


class Run:
    """Everything that changes while training, and how it is saved and restored."""

    def __init__(self, config: Config, peers: Peers):
        self.config, self.peers = config, peers
        if config.generator not in SYSTEMS:
            raise SystemExit(f"generator: {config.generator!r} is none of {', '.join(SYSTEMS)}")
        torch.manual_seed(config.seed)
        self.system = s = SYSTEMS[config.generator](config, peers)
        if config.init:
            start(s.generator, config)
        s.average.requires_grad_(False).load_state_dict(s.generator.state_dict())
        self.rng = s.pairs.rng  # the data position
        self.step, self.best = 0, math.inf
        self.optimiser = torch.optim.Adam(s.generator.parameters(), config.rate, betas=(config.beta1, config.beta2))
        self.parts = {"generator": s.generator, "average": s.average, "optimiser": self.optimiser}
        self.d_optimiser = None
        if s.discriminator is not None:
            betas = (config.d_beta1, config.beta2)
            self.d_optimiser = torch.optim.Adam(s.discriminator.parameters(), config.rate, betas=betas)
            self.parts |= {"discriminator": s.discriminator, "d_optimiser": self.d_optimiser}
        torch.manual_seed(config.seed + peers.rank)  # what a process adds to its faces is its own

    def save(self) -> None:
        random = self.peers.gather((torch.get_rng_state(), self.rng.bit_generator.state))
        if self.peers.rank:
            return
        state = {name: part.state_dict() for name, part in self.parts.items()}
        state |= {"step": self.step, "best": self.best, "random": random, "config": settings(self.config)}
        replace(self.config.run / "latest.pt", lambda path: torch.save(state, path))
        self.export("weights.safetensors")

    def export(self, name: str) -> None:
        replace(self.config.run / name, lambda path: gath.save(self.system.average, path, steps=self.step))

    def restore(self) -> None:
        """Go on from latest.pt if there is one. Which value wins is printed: the present setting, but for the seed."""
        path, c = self.config.run / "latest.pt", self.config
        if not path.exists():
            return
        state = torch.load(path, map_location=c.device, weights_only=False)
        before = state.get("config") or json.loads((c.run / "config.json").read_text())
        changed = [f"{k}={before[k]}" for k, v in settings(c).items() if k != "run" and before.get(k, v) != v]
        if len(state["random"]) != self.peers.count:
            raise SystemExit(f"{path} is of {len(state['random'])} processes; resume with as many")
        try:
            for name, part in self.parts.items():
                part.load_state_dict(state[name])
        except (KeyError, RuntimeError, ValueError) as error:
            remedy = f"resume with {' '.join(changed)}, as it was made" if changed else "was the data replaced?"
            raise SystemExit(f"{path} does not fit these settings ({type(error).__name__}); {remedy}") from error
        for key in (word.split("=")[0] for word in changed if self.peers.rank == 0):
            winner = "the checkpoint's random state goes on" if key == "seed" else f"{settings(c)[key]} wins"
            print(f"{key}: {before[key]} in the run so far, {settings(c)[key]} now; {winner}", flush=True)
        for optimiser, beta1 in (self.optimiser, c.beta1), (self.d_optimiser, c.d_beta1):
            for group in optimiser.param_groups if optimiser else []:
                group["betas"] = (beta1, c.beta2)
        self.step, self.best = state["step"], state.get("best", math.inf)
        torch_state, self.rng.bit_generator.state = state["random"][self.peers.rank]
        torch.set_rng_state(torch_state.cpu())

    def train_step(self, rate: float) -> dict[str, float]:
        """One step of the generator, then one of its opponents; the mean losses of all processes."""
        s = self.system
        batch = s.draw()
        if s.discriminator is not None:
            s.discriminator.requires_grad_(False)
        losses, made = s.generator_losses(batch)
        self.update(s.generator, self.optimiser, losses, rate, LARGEST_GRADIENT)
        move_average(s.average, s.generator, self.config.ema, self.step)
        if s.discriminator is not None:
            s.discriminator.requires_grad_(True)
            if against := s.discriminator_losses(batch, made):
                self.update(s.discriminator, self.d_optimiser, against, rate, math.inf)
                losses |= against
        self.step += 1
        values = torch.stack([value.detach() for value in losses.values()]).tolist()  # one wait for the device
        return self.peers.mean(dict(zip(losses, values)))

    def update(
        self, model: nn.Module, optimiser: torch.optim.Optimizer, losses: dict[str, Tensor], rate: float, clip: float
    ) -> None:
        """One step of `model` down the sum of `losses`. Ends the program, naming the term, if one is not finite."""
        total = sum(losses.values())
        if not torch.isfinite(total):
            wrong = next((n for n, value in losses.items() if not torch.isfinite(value)), "their sum")
            raise SystemExit(f"step {self.step}: loss {wrong!r} is {float(losses.get(wrong, total).detach())}")
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        self.peers.average_gradients(model)
        if math.isfinite(clip):
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimiser.step()

    def look(self, validation: Validation, pack: Pack) -> None:
        """A sheet, a line in val.csv, and the best weights so far."""
        sheet(self.system.average, pack, self.config.run / f"sheet_{self.step:07d}.png")
        error = validation(self.system.average)
        print(f"step {self.step}  validation: {error:.4f} of the motionless source's distance", flush=True)
        with open(self.config.run / "val.csv", "a", newline="") as file:
            rows = [[self.step, f"{error:.5f}"]]
            csv.writer(file).writerows(rows if file.tell() else [["step", "relative_error"], *rows])
        if error < self.best:
            self.best = error
            self.export("best.safetensors")


def start(generator: nn.Module, config: Config) -> None:
    """Give a new generator the weights of `init`."""
    given = gath.load(None if config.init == "shipped" else config.init)
    try:
        generator.load_state_dict(given.state_dict())
    except RuntimeError as error:
        shape = ", ".join(f"{key}={value}" for key, value in given.metadata().items() if key != "unit_names")
        raise SystemExit(f"init={config.init}: made with {shape}; give the run the same") from error


def settings(config: Config) -> dict[str, object]:
    """The settings as config.json has them."""
    return json.loads(json.dumps(dataclasses.asdict(config), default=str))


def main(words: list[str]) -> None:
    config = parse(Config, words)
    config.run.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(config.threads)
    peers = Peers()
    run = Run(config, peers)
    run.restore()
    first = peers.rank == 0
    if first:
        log = Log(config, config.batch, config.log_every)
        val = Pack(config.data / "val")
        validation = Validation(val, config.size, config.device)
    start = time.monotonic()
    while not config.steps or run.step < config.steps:
        past = peers.agree((time.monotonic() - start) / 60 / config.max_minutes)
        if past >= 1:
            break
        done = run.step / config.steps if config.steps else past
        values = run.train_step(config.rate + (config.final_rate - config.rate) * done)
        if first:
            log(run.step, values, peers.count)
            if run.step % config.sheet_every == 0:
                run.look(validation, val)
        if run.step % config.checkpoint_every == 0:
            run.save()
    if first and run.step % config.sheet_every:
        run.look(validation, val)
    run.save()
    peers.close()


if __name__ == "__main__":
    main(sys.argv[1:])
