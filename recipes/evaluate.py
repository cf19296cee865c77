"""The paper's evaluation (section 5) and what it leaves out: how good are the generators on people held out?

    python -m recipes.evaluate data=DATA out=OUT gath_dc=FILE gath_c=FILE gath=FILE [flow=FILE] [key=value ...]

Each FILE is a generator's weights.safetensors and becomes one row of every table, called GATH-DC, GATH-C, GATH or flow;
one that is not given is left out, but flow is then the one that ships (`flow=none` leaves it out, too). Beside them
stand the motionless source, the mean, and the real target, which shows how much the measure itself errs.

OUT receives tables.md, which says how each figure is measured, table1.csv to table3.csv and one CSV a further table;
the markdown is printed. The corpus's test split takes 925 frames of each generator; a frame takes 0.12 s of one core
with the paper's generator (0.06 s with bfloat16=true) and 0.007 s with `flow`, and to read a face takes 0.02 s.
Smaller `most`, `sequences` and `sweep` take less.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

import gath
from gath.data import Pack
from gath.metrics import PixelErrors, pixel_errors, pool, rmse
from recipes.parts import extras
from recipes.parts.config import parse
from recipes.parts.evaluate_config import Config
from recipes.parts.material import Protocol
from recipes.parts.protocol import Pair
from recipes.parts.reading import Reader, openface, openface_units
from recipes.parts.runs import replace
from recipes.parts.synthesis import SIDE, Synthesiser, equalised, hull
from recipes.parts.tables import Table, join, paper_tables
from talkinghead.units.names import UNIT_NAMES

MOTIONLESS, MEAN, REAL = "motionless source", "mean", "real target"
NAMES = {"gath_dc": "GATH-DC", "gath_c": "GATH-C", "gath": "GATH", "flow": "flow"}
ALL = "All"
LEAST = dict.fromkeys(("every", "most", "inter_most", "sequences", "sweep", "glides", "threads"), 1)
LEAST |= dict.fromkeys(("photos", "identities", "workers"), 0)

Frames = Callable[[Pair], np.ndarray]


def set_names(config: Config, pack: Pack) -> dict[int, str]:
    """Name of each number in `source.npy`: from pack.json, from the corpus's manifest, or the number itself."""
    about = config.data / config.split / "pack.json"
    names: list[str] = []
    if about.exists():
        names = json.loads(about.read_text())["sets"]
    elif config.corpus:
        with open(Path(config.corpus) / "manifest.csv", newline="") as file:
            names = sorted({row["set"] for row in csv.DictReader(file)})
    return {int(n): names[n] if names else f"set {n}" for n in np.unique(pack.source)}


def check(config: Config) -> None:
    """Ends the program with one line a mistake before anything is loaded."""
    errors = []
    for split in dict.fromkeys(("train", config.split)):
        if not (config.data / split / "units.npy").exists():
            errors.append(f"{config.data / split}: no pack there; run recipes.prepare first")
    for key in NAMES:
        path = getattr(config, key)
        if path and path not in ("none", "shipped") and not Path(path).is_file():
            errors.append(f"{key}: no file {path}")
    if config.corpus and not (Path(config.corpus) / "manifest.csv").exists():
        errors.append(f"corpus: no manifest.csv in {config.corpus}")
    for key, least in LEAST.items():
        if getattr(config, key) < least:
            errors.append(f"{key}: must be at least {least}")
    if (config.out / "tables.md").exists() and not config.force:
        errors.append(f"{config.out / 'tables.md'} exists; choose another out, or force=true")
    if errors:
        raise SystemExit("\n".join(errors))


def load_models(config: Config) -> dict[str, torch.nn.Module]:
    models = {}
    for key, name in NAMES.items():
        path = getattr(config, key)
        if path in ("", "none"):
            continue
        try:
            model = gath.load(None if path == "shipped" else path)
        except (OSError, ValueError) as error:
            raise SystemExit(f"{key}: {error}") from None
        if tuple(model.unit_names) != UNIT_NAMES:
            raise SystemExit(f"{path}: trained with other units than this version has")
        models[name] = model
    return models


def over_sets(values: dict[str, float]) -> dict[str, float]:
    """Figures a set, and All: the root of the mean square, as the paper's own figures pool (each set counts alike)."""
    return values | {ALL: float(np.sqrt(np.mean([v**2 for v in values.values()])))}


def unit_row(protocol: Protocol, pairs: list[Pair], read: np.ndarray, true: np.ndarray) -> list[float]:
    """AU RMSE of each set and All; `read` [N, K] in the order of the pairs' targets."""
    labels = protocol.labels(pairs)
    return list(over_sets({n: float(rmse(read[labels == n], true[labels == n])) for n in protocol.sets}).values())


def pixel_rows(protocol: Protocol, name: str, frames: list[np.ndarray]) -> list[tuple[list, list]]:
    """Table 1's rows of one system, summed over the channels and a channel; `frames` of each intra-class pair.

    Full image and face, without and with CLAHE (on the synthesis alone).
    """
    sums: dict[tuple[str, str, str], list[tuple[PixelErrors, float]]] = {}
    for pair, made in zip(protocol.intra, frames):
        target = protocol.real(pair)
        faces = np.stack([hull(protocol.pack.landmarks[row]) for row in pair.targets])
        for clahe, picture in (("no", made), ("yes", np.stack([equalised(x) for x in made]))):
            for where, mask in (("full image", None), ("face", faces)):
                pixels = float(faces.size if mask is None else mask.sum())
                entry = pixel_errors(picture, target, mask), pixels
                sums.setdefault((where, clahe, protocol.set_of[pair.group]), []).append(entry)
    rows = []
    for where, clahe in dict.fromkeys(key[:2] for key in sums):
        sets = [pool(*zip(*sums[where, clahe, n])) for n in protocol.sets]
        errors = [*sets, pool(sets)]
        summed, one = ([getattr(e, f) for f in fs for e in errors] for fs in (("mae_sum", "rmse_sum"), ("mae", "rmse")))
        rows.append(([where, clahe, name, *summed], [where, clahe, name, *one]))
    return rows


def evaluate(
    config: Config, models: dict[str, torch.nn.Module], protocol: Protocol, reader: Reader
) -> dict[str, Table]:
    """All tables by the name of their CSV."""
    p, columns = protocol, [*protocol.sets, ALL]
    synthesisers = {name: Synthesiser(model, p.pack, config.bfloat16) for name, model in models.items()}
    systems: dict[str, Frames] = {**synthesisers, MOTIONLESS: p.motionless, MEAN: p.mean, REAL: p.real}
    figures = ["picture", "CLAHE", "system", *(f"{figure} {n}" for figure in ("MAE", "RMSE") for n in columns)]
    table1 = Table("Table 1: pixel errors, intra-class, summed over the channels", figures, digits=2)
    channel = Table("Table 1 a channel", figures, digits=2)
    table2 = Table("Table 2: AU RMSE, intra-class", ["system", *columns])
    table3 = Table("Table 3: AU RMSE, inter-class", ["system", *columns])
    kinds = {"intra": (p.intra, table2), "inter": (p.inter, table3)}
    program, ours, openface_read = openface(), {}, {}
    for name, frames in systems.items():
        start = time.monotonic()
        for kind, (pairs, table) in kinds.items():
            if not pairs:
                continue
            asked = p.pack.units[p.targets(pairs)]
            made = [frames(pair) for pair in pairs] if (name, kind) != (MEAN, "inter") else []
            if kind == "intra" and name != REAL:
                for summed, one in pixel_rows(p, name, made):
                    table1.rows.append(summed)
                    channel.rows.append(one)
            if name == MEAN:
                table.rows.append([name, *unit_row(p, pairs, np.broadcast_to(p.constant, asked.shape), asked)])
                continue
            pictures = np.concatenate(made)
            readings = reader.read(pictures)
            ours[name, kind] = extras.Made(pairs, pictures, readings)
            table.rows.append([name, *unit_row(p, pairs, readings.units, asked)])
            if program:
                openface_read[name, kind] = openface_units(program, pictures)
        print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    for table in (table1, channel):
        table.rows.sort(key=lambda row: (row[0] != "full image", row[1] != "no"))  # stable: systems keep their order
    tables = {"table1": table1, "table1_channel": channel, "table2": table2, "table3": table3}
    if program:
        tables |= openface_tables(p, kinds, openface_read, columns)
    tables["pictures"] = extras.picture_table(p.pack, ours, reader, config.identities)
    tables["jitter"] = extras.jitter_table(p, synthesisers, reader, config.glides)
    tables |= extras.sweep_tables(p, synthesisers, reader, config.sweep)
    if config.corpus:
        tables |= extras.speech_tables(Path(config.corpus), config.data)
    return tables


def openface_tables(protocol: Protocol, kinds: dict, read: dict, columns: list[str]) -> dict[str, Table]:
    """Tables 2 and 3 by OpenFace's intensities; the real target is what the others are compared with."""
    tables = {}
    for number, (kind, (pairs, ours)) in enumerate(kinds.items(), 2):
        if not pairs:
            continue
        true = read[REAL, kind]
        table = Table(f"{ours.title}, OpenFace's 17 intensities (0 to 5)", ["system", *columns])
        for name, *_ in ours.rows:
            if name != REAL:
                values = np.broadcast_to(true.mean(0), true.shape) if name == MEAN else read[name, kind]
                table.rows.append([name, *unit_row(protocol, pairs, values, true)])
        table.note = "The mean is that of the real targets' own intensities: the best that a constant can do."
        tables[f"table{number}_openface"] = table
    return tables


def describe(config: Config, protocol: Protocol, models: dict[str, torch.nn.Module], seen: int, people: int) -> str:
    """What every figure means, as the head of tables.md."""
    p = protocol
    sizes = ", ".join(f"{name} {model.config.size} px" for name, model in models.items())
    known = f"Of the {people} people in these sequences {seen} occur in the training split as well (other sequences)."

    def frames(pairs: list[Pair]) -> str:
        labels = p.labels(pairs)
        return f"{len(labels)} frames (" + ", ".join(f"{n} {(labels == n).sum()}" for n in p.sets) + ")"

    return f"""# Evaluation: {config.split} split

Section 5 of the paper. {len(p.clips)} sequences of {people} people ({", ".join(p.sets)}), at most {config.sequences} a
person; two source frames a person: the one nearest to zero units and the one with the largest JawOpen.
Targets are one packed frame in {config.every}, at most {config.most} a pair intra-class and {config.inter_most}
inter-class.
Intra-class: {len(p.intra)} pairs of source and sequence of one person, {frames(p.intra)}.
Inter-class: {len(p.inter)} pairs with other people's sequences, {frames(p.inter)};
{len(p.photos)} photographs are among the sources, and a column is a set of driving sequences. {known}

Generators work at their own size ({sizes}) and every picture is judged at {SIDE} px. `{ALL}` counts each data set alike
and pools squares, as the paper's own figures do. `{MOTIONLESS}` is the source frame unchanged. `{MEAN}` is, for
pictures, the mean of all frames of the person's sequences (it knows the answers: no still picture does much better),
and for units each unit's mean over the training split. `{REAL}` is the real frame, cut and judged like a synthesis:
the floor of the measure.

* Pixel errors are on the scale of 0 to 255: MAE and RMSE of the absolute errors' sum over the three channels, which is
  what the sizes of the paper's figures fit, and then of a channel. The face is the convex hull of the target's
  landmarks. CLAHE is applied to the synthesis alone, as the paper does, with the constants of `--enhance`.
* AU RMSE is over the {len(UNIT_NAMES)} units, 0 to 1: what the tracker reads in the synthesised face, cut to {SIDE} px,
  against what it read in the driving frame's full picture. A face it does not find reads as no expression.
"""


def write(out: Path, head: str, tables: dict[str, Table]) -> str:
    """All files of OUT; returns the markdown. tables.md comes last: with it the rest is there."""
    out.mkdir(parents=True, exist_ok=True)
    text = join([head, *(t.markdown() for t in tables.values()), "## The paper's figures\n"]) + "\n"
    text += join(t.markdown() for t in paper_tables())
    for name, table in tables.items():
        table.write_csv(out / f"{name}.csv")
    replace(out / "tables.md", lambda path: path.write_text(text))
    return text


def main(words: list[str]) -> None:
    config = parse(Config, words)
    check(config)
    cv2.setNumThreads(1)
    torch.set_num_threads(config.threads)
    pack, train = Pack(config.data / config.split), config.data / "train"
    protocol = Protocol(config, pack, set_names(config, pack), np.load(train / "units.npy").mean(0))
    people = np.unique([pack.person[rows[0]] for rows in protocol.clips.values()])
    seen = int(np.isin(people, np.load(train / "person.npy")).sum())
    models = load_models(config)
    with Reader(config.workers) as reader:
        tables = evaluate(config, models, protocol, reader)
    print(write(config.out, describe(config, protocol, models, seen, len(people)), tables))


if __name__ == "__main__":
    main(sys.argv[1:])
