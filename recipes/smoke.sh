#!/usr/bin/env bash
# Every stage on a slice of a few seconds, on a CPU in minutes: that they fit together, not that they learn.
#
#     recipes/smoke.sh CORPUS [OUT]
#
# The slice has the layouts of RAVDESS, VidTIMIT and LFW, with three broken files in it (recipes/slices.py). What the
# stages write goes to OUT, a new folder, or to a temporary one that is removed.
set -euo pipefail

corpus=$(realpath "$1")
if [ $# -gt 1 ]; then
    mkdir -p "$2"
    out=$(realpath "$2")
else
    out=$(mktemp -d)
    trap 'rm -rf "$out"' EXIT
fi
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-2}
data=$out/data

stage() {
    echo "== $*"
    python -m "recipes.$@"
}

stage slices "$corpus" "$out/sets" --corrupt
for set in ravdess vidtimit portraits; do
    stage prepare "$out/sets/$set" "$data"
done
stage fit_motion "$data" --steps 50 --warps 640

small="data=$data threads=$OMP_NUM_THREADS bfloat16=0 steps=6 batch=4 checkpoint_every=6"
estimator=$out/estimator/weights.safetensors
# shellcheck disable=SC2086
{
    stage train_estimator $small run="$out/estimator" width=8 hidden=32 check_every=6
    gath="$small sheet_every=6 width=8"
    stage train_gath $gath run="$out/flow"
    paper="recipes/configs/gath.json $gath estimator=$estimator blocks=1"
    stage train_gath $paper run="$out/gath"
    stage train_gath $paper recipes/configs/gath_c.json run="$out/gath_c"
    stage train_gath $paper recipes/configs/gath_dc.json run="$out/gath_dc"
    stage cut_closed_lips "$corpus" "$out/mouths" --limit 24
    stage train_closed_lips ${small/"$data"/"$out/mouths"} run="$out/closed_lips"
    stage cut_closed_lids "$data" "$out/eyes"
    stage train_closed_lids ${small/"$data"/"$out/eyes"} run="$out/closed_lids" adversary=0.05
}
stage train_audio2au data="$data" sets=ravdess,vidtimit facegood=0 out="$out/audio2au" hidden=16 batch=2 frames=25 \
    steps=4 warmup=1 validate_every=2 save_every=4
stage evaluate data="$data" out="$out/tables" flow="$out/flow/weights.safetensors" \
    gath="$out/gath/weights.safetensors" gath_c="$out/gath_c/weights.safetensors" \
    gath_dc="$out/gath_dc/weights.safetensors" every=16 sequences=1 photos=1 sweep=1 glides=1 threads="$OMP_NUM_THREADS"
echo "== every stage ran"
