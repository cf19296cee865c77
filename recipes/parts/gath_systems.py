"""What each of the two generators is trained with: networks, batches and losses, for recipes.train_gath."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

import gath
from gath.back_translation import back_translate
from gath.data import Batch, Pack, Sampler, Unpaired, UnpairedSampler, resize, with_pairs
from gath.discriminator import DiscriminatorClassifier
from gath.estimator import Estimator
from gath.generator import FlowConfig, FlowGenerator
from gath.motion import LandmarkEstimator, LandmarkMover, MotionJudge, WarpReader, splat
from gath.paper import PaperConfig, PaperGenerator
from gath.paper_training import PaperWeights, discriminator_losses, generator_losses
from gath.training import Weights
from gath.training import generator_losses as flow_generator_losses
from talkinghead.units.names import INDEX, UNIT_NAMES

if TYPE_CHECKING:
    from recipes.parts.gath_config import Config
    from recipes.parts.runs import Peers


EYES = torch.tensor([name.startswith("Eye") for name in UNIT_NAMES])


def mean_basis(mover: LandmarkMover, size: int) -> Tensor:
    """The average face's backward flow per unit, [K, 2, size, size]: where every portrait's basis starts."""
    points = mover.mean.view(1, -1, 2)
    return torch.cat([splat(points, -step[None], size) for step in mover.unit_map])


class LearnedMotion(NamedTuple):
    """What recipes.fit_motion left, ready for inference."""

    mover: LandmarkMover
    estimator: LandmarkEstimator
    judge: MotionJudge


def load_motion(path: Path) -> LearnedMotion:
    state = torch.load(path, map_location="cpu")
    mover = LandmarkMover(state["mover"]["unit_map"], state["mover"]["components"])
    units, points = state["mover"]["unit_map"].shape[:2]
    estimator = LandmarkEstimator(points, units)
    sizes = (state["reader"][name].shape[1] for name in ("motions", "looks"))
    reader = WarpReader(points, units, *sizes)
    for name, model in {"mover": mover, "estimator": estimator, "reader": reader}.items():
        model.load_state_dict(state[name])
    judge = MotionJudge(estimator, reader, EYES)
    return LearnedMotion(*(model.eval().requires_grad_(False) for model in (mover, estimator, judge)))


def load_estimator(config: Config) -> Estimator:
    estimator = gath.load_estimator(config.estimator, config.device)
    if estimator.unit_names != UNIT_NAMES:
        raise SystemExit(f"{config.estimator}: knows other units than this version")
    return estimator


class System:
    """A generator with its moving average, its opponents (None without any), and what to do with a batch."""

    generator: nn.Module
    average: nn.Module
    discriminator: nn.Module | None

    def __init__(self, config: Config, peers: Peers):
        self.config = config
        self.autocast = torch.autocast(config.device, torch.bfloat16, enabled=config.bfloat16)
        pack, share = Pack(config.data / "train"), config.clip_share + config.back_share
        back = config.back_share / share if share else 0.0
        self.pairs = Sampler(pack, UNIT_NAMES, config.seed, back, peers.rank, peers.count, config.alone, config.device)
        self.motion: LearnedMotion | None = None
        if config.generator == "flow" or config.back_share:
            self.motion = load_motion(config.data / "motion.pt")

    def place(self, *models: nn.Module | None) -> None:
        for model in models:
            if model is not None:
                model.to(self.config.device, memory_format=torch.channels_last)

    def draw_pairs(self, size: int) -> Batch:
        """Clip pairs and back-translated photographs."""
        batch = self.pairs.draw(size)
        return back_translate(batch, self.motion.mover, self.motion.estimator, INDEX) if self.motion else batch


class FlowSystem(System):
    """Ours: pairs only, the landmarks' own flow as a teacher, no opponent: every pixel is the photograph's own."""

    discriminator = None

    def __init__(self, config: Config, peers: Peers):
        if abs(config.clip_share + config.back_share - 1) > 1e-6:
            raise SystemExit("generator=flow learns from pairs alone: clip_share and back_share must add up to 1")
        super().__init__(config, peers)
        shape = FlowConfig(UNIT_NAMES, config.size, config.width, config.blocks)
        self.generator = FlowGenerator(shape, mean_basis(self.motion.mover, shape.size // 2))
        self.average = FlowGenerator(shape)
        self.estimator = load_estimator(config) if config.estimator else None
        names = "flow", "au", "units", "carried"
        self.weights = Weights(**{name: getattr(config, name) for name in names})
        self.place(*(self.motion or ()), self.generator, self.average)
        if config.compile:
            self.generator.encoder.compile()

    def draw(self) -> Batch:
        return self.draw_pairs(self.config.batch)

    def generator_losses(self, batch: Batch) -> tuple[dict[str, Tensor], None]:
        m, c = self.motion, self.config
        losses = flow_generator_losses(
            self.generator, m.mover, batch, self.weights, self.autocast, self.estimator, m.judge if c.carried else None
        )
        return losses, None


class PaperSystem(System):
    """The paper's: unpaired faces and the AU loss; pairs are an extra."""

    def __init__(self, config: Config, peers: Peers):
        if not config.estimator:
            raise SystemExit("generator=paper needs estimator=FILE, made by recipes.train_estimator: the AU loss (4)")
        super().__init__(config, peers)
        self.estimator = load_estimator(config)
        try:
            self.sampler = UnpairedSampler(self.pairs, config.target_mix, config.least_photos)
        except ValueError as error:
            raise SystemExit(f"{config.data / 'train'}: {error}; lower least_photos") from error
        shape = PaperConfig(UNIT_NAMES, config.size, config.width, config.blocks)
        self.generator, self.average = PaperGenerator(shape), PaperGenerator(shape).eval()
        self.weights = PaperWeights(
            config.au, config.reconstruction, config.adversarial, config.classification, config.variation
        )
        identities = self.sampler.identities if config.classification else 0
        self.discriminator = (
            DiscriminatorClassifier(config.width, identities, config.size) if self.weights.players else None
        )
        self.place(*(self.motion or ()), self.generator, self.average, self.discriminator)
        if config.compile:
            for model in self.generator.encoder, self.generator.decoder, self.estimator, self.discriminator:
                if model is not None:
                    model.compile()

    def draw(self) -> Unpaired:
        c = self.config
        paired = round(c.batch * (c.clip_share + c.back_share))
        batch = self.sampler.draw(c.batch - paired, c.batch)
        batch = Unpaired(*(x.to(c.device) for x in vars(batch).values()))
        if paired:
            batch = with_pairs(batch, self.draw_pairs(paired))
        for name in "source", "target", "real":
            small = resize(getattr(batch, name), c.size)
            setattr(batch, name, small.contiguous(memory_format=torch.channels_last))
        return batch

    def generator_losses(self, batch: Unpaired) -> tuple[dict[str, Tensor], Tensor]:
        return generator_losses(self.generator, self.estimator, self.discriminator, batch, self.weights, self.autocast)

    def discriminator_losses(self, batch: Unpaired, made: Tensor) -> dict[str, Tensor]:
        if self.discriminator is None:
            return {}
        return discriminator_losses(self.discriminator, batch, made, self.weights, self.autocast)


SYSTEMS = {"flow": FlowSystem, "paper": PaperSystem}
