"""Finish a trained voice model at its output layer: what else it hears, and lips that were tracked.

    python -m recipes.fit_outputs PACK.npz WEIGHTS [--examples 600] [--refit LipsPucker] [--pucker 1] [--less 0.2]

What the output layer sees knows the phones well enough (training may name them), so all of this takes minutes on a
processor. Outputs that WEIGHTS lack are added: by logistic regression how far the tongue is raised
(`audio2au.phones.TONGUE`), and whether the lower lip lies at the upper teeth, as in f and v; and as they are the units
that drawn lips need otherwise than people's (names.DRAWN). Then the units themselves become more like people's. Those
in `refit`, which contrasts drew away from them, are fitted anew to the tracked lips of PACK's clips, and held to what
they were on all other voices. LipsLowerOpen is fitted anew to itself less what rounds the lips, `less` times: so free
talkers have it whom no training heard. WEIGHTS are written anew, with other knees (audio2au.recurrent.firm) if they are
given; PACK is what `recipes.pack_speech` wrote.

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
from recipes.parts.examples import batch_of
from recipes.parts.lip_reading import area
from recipes.parts.speech_pack import unpack
from recipes.parts.speech_training import whole
from talkinghead.units.names import DRAWN, HEARD, INDEX, UNIT_NAMES

SHARES = {"clips": 0.2, "synthetic": 0.5, "natural": 0.3}
STEPS, RATE, DECAY = 400, 0.02, 1e-4
RARE = 4.0  # times as much counts a frame of th, f or v
RAISED = torch.tensor([[TONGUE.get(name, 0.0), float(name in LABIAL)] for name in PHONES])  # as HEARD has them
REFIT = ("LipsPucker", "LipsLowerClose")
HELD = 0.5  # times as much counts what they were on other voices, if nothing else is said
REFIT_STEPS, REFIT_RATE, FRAMES = 800, 0.01, 6000  # of either, drawn for each step
MOST = 0.99  # of a unit's values are below what counts as most: beyond it the tracker has slipped
LEAST_STD = 1e-3  # of a unit that hardly moves, as LipsLowerClose in s1
KNEED = ("LipsUpperOpen", "LipsLowerOpen", "LipsPucker")
LOWER, ROUNDING = INDEX["LipsLowerOpen"], [INDEX["LipsPucker"], INDEX["LipsFunnel"]]


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
    """From [N, width] to the tongue and the tuck, [N, 2]."""
    torch.manual_seed(0)
    layer, weight = torch.nn.Linear(hidden.shape[1], raised.shape[1]), torch.where(raised == 1, RARE, 1.0)
    minimise(
        [*layer.parameters()],
        lambda: binary_cross_entropy_with_logits(layer(hidden), raised, weight),
        STEPS, RATE, DECAY,
    )  # fmt: skip
    return layer


def firm(units: torch.Tensor, knee: torch.Tensor) -> torch.Tensor:
    """As audio2au.recurrent.firm."""
    return torch.where(units < knee, units * units / knee.clamp_min(1e-6), units)


def before_knee(units: torch.Tensor, knee: torch.Tensor) -> torch.Tensor:
    """What `firm` makes `units` of."""
    return torch.where(units < knee, (units * knee).sqrt(), units)


def refitted(
    output: torch.nn.Linear,
    tracked: tuple[torch.Tensor, ...],
    others: torch.Tensor,
    names: Sequence[str] = REFIT,
    knees: tuple[torch.Tensor, torch.Tensor] | None = None,
    held: float = HELD,
    decay: float = 0.0,
) -> torch.nn.Linear:
    """An output layer for `names` from that of all units. `tracked` are what it sees in clips, [N, width], and the
    units there, [N, U]; `others` is what it sees of other voices; `knees` are those of all units before and after;
    `held` and `decay` weigh what they were on other voices, and squared weights."""
    columns = [INDEX[name] for name in names]
    hidden, wanted = tracked[0], tracked[1][:, columns]
    layer = torch.nn.Linear(hidden.shape[1], len(columns))
    with torch.no_grad():
        layer.weight.copy_(output.weight[columns])
        layer.bias.copy_(output.bias[columns])
        before = torch.sigmoid(layer(others))
    wanted = torch.minimum(wanted, wanted.quantile(MOST, dim=0))
    if knees is not None:
        old, new = (knee[columns] for knee in knees)
        wanted, before = before_knee(wanted, new), before_knee(firm(before, old), new)
    generator = torch.Generator().manual_seed(0)

    def missed(heard: torch.Tensor, asked: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        drawn = torch.randint(len(heard), (min(FRAMES, len(heard)),), generator=generator)
        return ((((torch.sigmoid(layer(heard[drawn])) - asked[drawn]) / scale) ** 2).mean(0)).sum()

    scales = [values.std(0).clamp_min(LEAST_STD) for values in (wanted, before)]

    def loss() -> torch.Tensor:
        kept = missed(hidden, wanted, scales[0]) + held * missed(others, before, scales[1])
        return kept + decay * (layer.weight**2).sum()

    minimise([*layer.parameters()], loss, REFIT_STEPS, REFIT_RATE)
    return layer


def narrowed(model: AudioToUnits, heard: torch.Tensor, less: float, knee: torch.Tensor) -> torch.nn.Linear:
    """An output layer for LipsLowerOpen from a model's and what it sees, [N, width]: firm under another `knee` it is as
    it is drawn, but less `less` times what rounds the lips."""
    layer, generator = torch.nn.Linear(heard.shape[1], 1), torch.Generator().manual_seed(0)
    column = model.unit_names.index(DRAWN["LipsLowerOpen"])
    with torch.no_grad():
        layer.weight.copy_(model.output.weight[[column]])
        layer.bias.copy_(model.output.bias[[column]])
        units = torch.sigmoid(model.output(heard))
        wanted = (firm(units[:, column], knee) - less * units[:, ROUNDING].sum(1)).clamp_min(0)

    def loss() -> torch.Tensor:
        drawn = torch.randint(len(heard), (min(FRAMES, len(heard)),), generator=generator)
        missed = firm(torch.sigmoid(layer(heard[drawn]))[:, 0], knee) - wanted[drawn]
        return (missed**2).mean() / wanted.var().clamp_min(LEAST_STD**2)

    minimise([*layer.parameters()], loss, REFIT_STEPS, REFIT_RATE)
    return layer


def clips_of(model: AudioToUnits, recordings: list[Recording]) -> tuple[torch.Tensor, torch.Tensor]:
    """What the output layer sees in the clips as they are, and their units."""
    vectors, units, weight, _ = whole([r for r in recordings if r.source == "clips"], model.config.features)
    hidden, units, weight = seen(model, vectors, units, weight)
    known = weight.all(1)
    return hidden[known], units[known]


def whole_of(model: AudioToUnits, heard: torch.Tensor, said: torch.Tensor) -> AudioToUnits:
    """The model with the HEARD that it lacks, from what it sees, [N, width], and the phones said, [N]."""
    state, names = model.state_dict(), list(model.unit_names)
    parts = {name: [state[name]] for name in ("output.weight", "output.bias", "knee")}
    if len(names) == len(UNIT_NAMES):
        more = added(heard[said >= 0], RAISED[said[said >= 0]])
        for name, rows in zip(parts, (more.weight, more.bias, torch.zeros(len(more.bias)))):
            parts[name].append(rows.detach())
        names += HEARD[: len(more.bias)]
    for name, drawn in DRAWN.items():
        if drawn not in names:
            for rows in parts.values():
                rows.append(rows[0][[INDEX[name]]])
            names.append(drawn)
    out = AudioToUnits(model.config, tuple(names)).eval()
    out.load_state_dict(state | {name: torch.cat(rows) for name, rows in parts.items()})
    return out


def finished(
    model: AudioToUnits,
    train: list[Recording],
    examples: int,
    refit: Sequence[str] = REFIT,
    less: float = 0.0,
    knees: dict[str, float] | None = None,
    held: float = HELD,
    decay: float = 0.0,
) -> AudioToUnits:
    """The model with HEARD added, the units `refit` and, where there is `less` of it, LipsLowerOpen fitted anew, and
    other `knees`; `held` and `decay` as in `refitted`."""
    present = {r.source for r in train if r.phones is not None}
    shares = {s: share for s, share in SHARES.items() if s in present}
    mixture = Mixture(train, shares, model.config.features, 125)
    seeds = [[1, i] for i in range(examples)]
    vectors, _, _, phones = batch_of(mixture, seeds)
    clips = torch.tensor([mixture.source(np.random.default_rng(seed)) == "clips" for seed in seeds])
    hidden, said, clips = seen(model, vectors, phones, clips[:, None].expand(-1, phones.shape[1]))
    out = whole_of(model, hidden, said)
    old = out.knee.clone()
    for name, knee in (knees or {}).items():
        out.knee[INDEX[name]] = knee
    layers = {(LOWER,): narrowed(out, hidden, less, out.knee[LOWER])} if less else {}
    if "clips" in present and refit and not clips.all():
        tracked, columns = clips_of(model, train), tuple(INDEX[name] for name in refit)
        layers[columns] = refitted(out.output, tracked, hidden[~clips], refit, (old, out.knee), held, decay)
    with torch.no_grad():
        for rows, layer in layers.items():
            out.output.weight[list(rows)], out.output.bias[list(rows)] = layer.weight, layer.bias
    return out


def report(before: AudioToUnits, after: AudioToUnits, val: list[Recording]) -> None:
    vectors, _, _, phones = whole(
        [r for r in val if r.phones is not None and r.source != "clips"], after.config.features
    )
    hidden, said = seen(after, vectors, phones)
    heard = torch.sigmoid(after.output(hidden[said >= 0]))[:, len(UNIT_NAMES) :].detach()
    up = RAISED[said[said >= 0]]
    for k, name in enumerate(HEARD[: up.shape[1]]):
        for height in up[:, k].unique().tolist():
            some, others = heard[up[:, k] == height, k], heard[up[:, k] == 0, k]
            quartiles = ", ".join(f"{value:.2f}" for value in np.quantile(some, (0.25, 0.5, 0.75)))
            print(f"{name} {height:.1f}: told by {area(some.tolist(), others.tolist()):.3f}; quartiles {quartiles}")
    if any(r.source == "clips" for r in val):
        for name in REFIT:
            hidden, units = clips_of(before, val)
            given = [
                firm(torch.sigmoid(m.output(hidden)), m.knee)[:, INDEX[name]].detach().numpy() for m in (before, after)
            ]
            was, now = (np.corrcoef(ours, units[:, INDEX[name]])[0, 1] for ours in given)
            print(f"{name}: r on clips {was:.3f} before, {now:.3f} now")


def main(
    pack: Path,
    weights: Path,
    examples: int = 600,
    refit: Annotated[list[str], typer.Option(help="Units; '' for none.")] = [*REFIT],
    less: Annotated[float, typer.Option(help="LipsLowerOpen for each of what rounds; 0 leaves it.")] = 0.0,
    upper: Annotated[float | None, typer.Option(help="Knee of LipsUpperOpen.")] = None,
    lower: Annotated[float | None, typer.Option(help="Knee of LipsLowerOpen.")] = None,
    pucker: Annotated[float | None, typer.Option(help="Knee of LipsPucker.")] = None,
    held: Annotated[float, typer.Option(help="How much it counts what `refit` were on other voices.")] = HELD,
    decay: Annotated[float, typer.Option(help="How much the squared weights of `refit` count.")] = 0.0,
    threads: int = 1,
) -> None:
    torch.set_num_threads(threads)
    before = load(weights)
    train, val = (unpack(pack, before.config.features, split) for split in ("train", "val"))
    knees = {name: knee for name, knee in zip(KNEED, (upper, lower, pucker)) if knee is not None}
    after = finished(before, train, examples, [name for name in refit if name], less, knees, held, decay)
    report(before, after, val)
    after.save(weights)
    print(f"wrote {weights}")


if __name__ == "__main__":
    typer.run(main)
