"""Teach a trained voice model how far the tongue is raised, as one output more.

    python -m recipes.fit_tongue PACK.npz WEIGHTS [--examples 600]

What the output layer sees knows the phones well enough (training may name them); a logistic regression from it to
`audio2au.phones.TONGUE` takes a minute and changes no unit. WEIGHTS are written anew; PACK is what
`recipes.pack_speech` wrote. Prints how well frames of l, n, d, t, th are told from others on PACK's validation voices:
the area under the curve, and the mean in either and in th.
"""

from __future__ import annotations

from pathlib import Path

import torch
import typer
from torch.nn.functional import binary_cross_entropy_with_logits

from audio2au.data import Mixture
from audio2au.model import AudioToUnits, load
from audio2au.phones import PHONES, TONGUE
from recipes.parts.examples import batch_of
from recipes.parts.lip_reading import area
from recipes.parts.speech_pack import unpack
from recipes.parts.speech_training import whole
from talkinghead.units.names import TONGUE as NAME
from talkinghead.units.names import UNIT_NAMES

SHARES = {"clips": 0.2, "synthetic": 0.5, "natural": 0.3}
STEPS, RATE, DECAY = 400, 0.02, 1e-4
BETWEEN = 4.0  # times as much counts a frame of th, which is rare
UP = torch.tensor([TONGUE.get(name, 0.0) for name in PHONES])


@torch.inference_mode()
def seen(model: AudioToUnits, vectors: torch.Tensor, phones: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What the output layer sees where the phone is known, [N, width], and the phone [N]."""
    delay = model.config.delay
    hidden, _ = model.hidden(vectors)
    hidden, phones = hidden[:, delay:].flatten(0, 1), phones[:, : phones.shape[1] - delay].flatten()
    return hidden[phones >= 0], phones[phones >= 0]


def fit(hidden: torch.Tensor, up: torch.Tensor) -> torch.nn.Linear:
    torch.manual_seed(0)
    layer = torch.nn.Linear(hidden.shape[1], 1)
    optimiser = torch.optim.Adam(layer.parameters(), RATE, weight_decay=DECAY)
    hidden, up = hidden.clone(), up.clone()  # out of inference mode
    weight = torch.where(up == 1, BETWEEN, 1.0)
    for step in range(STEPS):
        for group in optimiser.param_groups:
            group["lr"] = RATE * (1 - step / STEPS)
        optimiser.zero_grad()
        binary_cross_entropy_with_logits(layer(hidden)[:, 0], up, weight).backward()
        optimiser.step()
    return layer


def main(pack: Path, weights: Path, examples: int = 600, threads: int = 1) -> None:
    torch.set_num_threads(threads)
    plain = load(weights)
    sound, units = plain.config.features, len(UNIT_NAMES)
    train, val = (unpack(pack, sound, split) for split in ("train", "val"))
    present = {r.source for r in train if r.phones is not None}
    mixture = Mixture(train, {s: share for s, share in SHARES.items() if s in present}, sound, 125)
    vectors, _, _, phones = batch_of(mixture, [[1, i] for i in range(examples)])
    hidden, said = seen(plain, vectors, phones)
    layer = fit(hidden, UP[said])
    model = AudioToUnits(plain.config, (*UNIT_NAMES, NAME)).eval()
    state = plain.state_dict()
    for name, row in (("output.weight", layer.weight), ("output.bias", layer.bias), ("knee", torch.zeros(1))):
        state[name] = torch.cat([state[name][:units], row.detach()])
    model.load_state_dict(state)
    with torch.inference_mode():
        vectors, _, _, phones = whole([r for r in val if r.phones is not None and r.source != "clips"], sound)
        hidden, said = seen(model, vectors, phones)
        guess = torch.sigmoid(layer(hidden)[:, 0])
    kinds = {"th": UP[said] == 1, "l, n, d, t": (UP[said] > 0) & (UP[said] < 1), "others": UP[said] == 0}
    for name, some in kinds.items():
        told = area(guess[some].tolist(), guess[kinds["others"]].tolist())
        shown = guess[some].quantile(torch.tensor([0.25, 0.5, 0.75])).tolist() if some.any() else ()
        print(f"{name}: told from others by {told:.3f}; quartiles", ", ".join(f"{value:.2f}" for value in shown))
    model.save(weights)
    print(f"wrote {weights}")


if __name__ == "__main__":
    typer.run(main)
