"""Finish a trained voice model at its output layer: what else it hears, and lips that were tracked.

    python -m recipes.fit_outputs PACK.npz WEIGHTS [--examples 600] [--refit LipsLowerClose] [--lower 0.2] [--purse]

What the output layer sees knows the phones well enough (training may name them), so all of this takes minutes on a
processor. Outputs are added by logistic regression: how far the tongue is raised (`audio2au.phones.TONGUE`), and
whether the lower lip lies at the upper teeth, as in f and v. The units in REFIT, which contrasts drew away from them,
are fitted anew to the tracked lips of PACK's clips, and held to what they were on all other voices. With `--purse`
LipsPucker stays for drawn faces what it was, as an output of its own (audio2au.speech.PURSE). WEIGHTS are written anew,
with other knees (audio2au.recurrent.firm) if they are given; PACK is what `recipes.pack_speech` wrote.

Prints, for PACK's validation voices, how well frames with a raised tongue or lip are told from others (the area under
the curve) and what is given there, and r of REFIT on its clips before and after.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from torch.nn.functional import binary_cross_entropy_with_logits

from audio2au.data import Mixture, Recording
from audio2au.model import AudioToUnits, load
from audio2au.phones import LABIAL, PHONES, TONGUE
from audio2au.speech import PURSE
from recipes.parts.examples import batch_of
from recipes.parts.lip_reading import area
from recipes.parts.speech_pack import unpack
from recipes.parts.speech_training import whole
from talkinghead.units.names import HEARD, INDEX, UNIT_NAMES

SHARES = {"clips": 0.2, "synthetic": 0.5, "natural": 0.3}
STEPS, RATE, DECAY = 400, 0.02, 1e-4
RARE = 4.0  # times as much counts a frame of th, f or v
TAUGHT = HEARD[:2]
RAISED = torch.tensor([[TONGUE.get(name, 0.0), float(name in LABIAL)] for name in PHONES])  # as TAUGHT has them
REFIT = ("LipsPucker", "LipsLowerClose")
HELD = 0.5  # times as much counts what they were on other voices
REFIT_STEPS, REFIT_RATE, FRAMES = 800, 0.01, 6000  # of either, drawn for each step
MOST = 0.99  # of a unit's values are below what counts as most: beyond it the tracker has slipped
ROOTED = ("LipsPucker",)  # fitted as their roots, and squared at work (a knee of 1): rare high values count less
FADING = 0.03  # times the square of the weights of ROOTED counts as well
LEAST_STD = 1e-3  # of a unit that hardly moves, as LipsLowerClose in s1


def seen(model: AudioToUnits, vectors: torch.Tensor, *others: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """What the output layer sees, [N, width], and the same frames of the others."""
    delay = model.config.delay
    with torch.no_grad():
        hidden, _ = model.hidden(vectors)
    frames = vectors.shape[1] - delay
    return hidden[:, delay:].flatten(0, 1), *(other[:, :frames].flatten(0, 1) for other in others)


def minimise(parameters: list[torch.Tensor], loss, steps: int, rate: float, decay: float = 0.0) -> None:
    optimiser = torch.optim.Adam(parameters, rate, weight_decay=decay)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = rate * (1 - step / steps)
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()


def added(hidden: torch.Tensor, raised: torch.Tensor) -> torch.nn.Linear:
    """From [N, width] to TAUGHT, [N, 2]."""
    torch.manual_seed(0)
    layer, weight = torch.nn.Linear(hidden.shape[1], raised.shape[1]), torch.where(raised == 1, RARE, 1.0)
    minimise(
        [*layer.parameters()],
        lambda: binary_cross_entropy_with_logits(layer(hidden), raised, weight),
        STEPS, RATE, DECAY,
    )  # fmt: skip
    return layer


def refitted(
    model: AudioToUnits, tracked: tuple[torch.Tensor, ...], others: torch.Tensor, names: Sequence[str] = REFIT
) -> torch.nn.Linear:
    """An output layer for `names` from the model's of all units. `tracked` are what it sees in clips, [N, width], and
    the units there, [N, U]; `others` is what it sees of other voices."""
    columns = [INDEX[name] for name in names]
    hidden, wanted = tracked[0], tracked[1][:, columns]
    power = torch.tensor([0.5 if name in ROOTED else 1.0 for name in names])
    layer = torch.nn.Linear(hidden.shape[1], len(columns))
    with torch.no_grad():
        layer.weight.copy_(model.output.weight[columns])
        layer.bias.copy_(model.output.bias[columns])
        before = torch.sigmoid(layer(others))
        before = torch.where(model.knee[columns] == 1, before**2, before) ** power
    wanted = torch.minimum(wanted, wanted.quantile(MOST, dim=0)) ** power
    generator = torch.Generator().manual_seed(0)

    def missed(heard: torch.Tensor, asked: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        drawn = torch.randint(len(heard), (min(FRAMES, len(heard)),), generator=generator)
        return ((((torch.sigmoid(layer(heard[drawn])) - asked[drawn]) / scale) ** 2).mean(0)).sum()

    scales = [values.std(0).clamp_min(LEAST_STD) for values in (wanted, before)]

    def loss() -> torch.Tensor:
        faded = FADING * (layer.weight[power < 1] ** 2).sum()
        return missed(hidden, wanted, scales[0]) + HELD * missed(others, before, scales[1]) + faded

    minimise([*layer.parameters()], loss, REFIT_STEPS, REFIT_RATE)
    return layer


def clips_of(model: AudioToUnits, recordings: list[Recording]) -> tuple[torch.Tensor, torch.Tensor]:
    """What the output layer sees in the clips as they are, and their units."""
    vectors, units, weight, _ = whole([r for r in recordings if r.source == "clips"], model.config.features)
    hidden, units, weight = seen(model, vectors, units, weight)
    known = weight.all(1)
    return hidden[known], units[known]


def finished(model: AudioToUnits, train: list[Recording], examples: int, refit: Sequence[str]) -> AudioToUnits:
    """The model with TAUGHT added and the units `refit` fitted anew."""
    sound, units = model.config.features, len(UNIT_NAMES)
    present = {r.source for r in train if r.phones is not None}
    mixture = Mixture(train, {s: share for s, share in SHARES.items() if s in present}, sound, 125)
    seeds = [[1, i] for i in range(examples)]
    vectors, _, _, phones = batch_of(mixture, seeds)
    clips = torch.tensor([mixture.source(np.random.default_rng(seed)) == "clips" for seed in seeds])
    hidden, said, clips = seen(model, vectors, phones, clips[:, None].expand(-1, phones.shape[1]))
    more = added(hidden[said >= 0], RAISED[said[said >= 0]])
    out = AudioToUnits(model.config, (*UNIT_NAMES, *TAUGHT)).eval()
    state = model.state_dict()
    none = torch.zeros(len(TAUGHT))
    for name, rows in (("output.weight", more.weight), ("output.bias", more.bias), ("knee", none), ("shut", none)):
        state[name] = torch.cat([state[name][:units], rows.detach()])
    state["less"] = torch.cat([state["less"][:, :units], torch.zeros(2, len(TAUGHT))], 1)
    out.load_state_dict(state)
    if "clips" in present and not clips.all():
        layer = refitted(out, clips_of(model, train), hidden[~clips], refit)
        with torch.no_grad():
            columns = [INDEX[name] for name in refit]
            out.output.weight[columns], out.output.bias[columns] = layer.weight, layer.bias
            out.knee[[INDEX[name] for name in refit if name in ROOTED]] = 1.0
            out.shut[[INDEX[name] for name in refit if name in ROOTED]] = 1.0
    return out


def with_purse(model: AudioToUnits, before: AudioToUnits) -> AudioToUnits:
    """The model with an output for how far a drawn face purses, which is what `before` has for that."""
    column, pucker = before.unit_names.index(purse_of(before)), INDEX["LipsPucker"]
    out, state, kept = AudioToUnits(model.config, (*model.unit_names, PURSE)), model.state_dict(), before.state_dict()
    for name in ("output.weight", "output.bias", "knee", "shut"):
        state[name] = torch.cat([state[name], kept[name][[column]]])
    state["less"] = torch.cat([state["less"], kept["less"][:, [column]]], 1)
    state["less"][1, pucker] = 0
    out.load_state_dict(state)
    return out.eval()


def purse_of(model: AudioToUnits) -> str:
    return PURSE if PURSE in model.unit_names else "LipsPucker"


def settle(model: AudioToUnits, upper: float | None, lower: float | None, shut: float | None, less: float | None):
    """Sets what audio2au.recurrent.Settled reads."""
    for name, knee, drawn in (("LipsUpperOpen", upper, None), ("LipsLowerOpen", lower, shut)):
        if knee is not None:
            model.knee[INDEX[name]], model.shut[INDEX[name]] = knee, knee if drawn is None else drawn
    if less is not None:
        model.less[0, INDEX["LipsLowerOpen"]] = 1.0
        model.less[1, model.unit_names.index(purse_of(model))], model.less[1, INDEX["LipsFunnel"]] = less, less / 2


def report(before: AudioToUnits, after: AudioToUnits, val: list[Recording]) -> None:
    vectors, _, _, phones = whole(
        [r for r in val if r.phones is not None and r.source != "clips"], after.config.features
    )
    hidden, said = seen(after, vectors, phones)
    heard = torch.sigmoid(after.output(hidden[said >= 0]))[:, len(UNIT_NAMES) :].detach()
    up = RAISED[said[said >= 0]]
    for k, name in enumerate(TAUGHT):
        for height in up[:, k].unique().tolist():
            some, others = heard[up[:, k] == height, k], heard[up[:, k] == 0, k]
            quartiles = ", ".join(f"{value:.2f}" for value in np.quantile(some, (0.25, 0.5, 0.75)))
            print(f"{name} {height:.1f}: told by {area(some.tolist(), others.tolist()):.3f}; quartiles {quartiles}")
    if any(r.source == "clips" for r in val):
        for name in REFIT:
            hidden, units = clips_of(before, val)
            given = [m.units(hidden)[:, INDEX[name]].detach().numpy() for m in (before, after)]
            was, now = (np.corrcoef(ours, units[:, INDEX[name]])[0, 1] for ours in given)
            print(f"{name}: r on clips {was:.3f} before, {now:.3f} now")


def main(
    pack: Path,
    weights: Path,
    examples: int = 600,
    refit: list[str] = [*REFIT],
    upper: Annotated[float | None, typer.Option(help="Knee of LipsUpperOpen.")] = None,
    lower: Annotated[float | None, typer.Option(help="Knee of LipsLowerOpen.")] = None,
    shut: Annotated[float | None, typer.Option(help="Knee of LipsLowerOpen as it is drawn, if another.")] = None,
    less: Annotated[float | None, typer.Option(help="How much less LipsLowerOpen is for purses.")] = None,
    purse: Annotated[bool, typer.Option("--purse", help="Faces are drawn as pursed as before.")] = False,
    threads: int = 1,
) -> None:
    torch.set_num_threads(threads)
    before = load(weights)
    train, val = (unpack(pack, before.config.features, split) for split in ("train", "val"))
    after = finished(before, train, examples, refit)
    if purse or purse_of(before) == PURSE:
        after = with_purse(after, before)
    settle(after, upper, lower, shut, less)
    report(before, after, val)
    after.save(weights)
    print(f"wrote {weights}")


if __name__ == "__main__":
    typer.run(main)
