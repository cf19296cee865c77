"""Settings of the training of speech to units."""

from __future__ import annotations

from dataclasses import dataclass

from audio2au.features import FeatureConfig
from audio2au.recurrent import ModelConfig


@dataclass(frozen=True)
class Config:
    """Settings of one training."""

    data: str = ""
    """Folder that recipes.prepare wrote."""
    corpus: str = ""
    """Folder of the corpus; needed for `facegood`."""
    sets: str = "grid"
    """Sets whose clips with sound train and validate, separated by commas."""
    out: str = "runs/audio2au"
    """Folder of this run."""
    kind: str = "logmel"
    """Sound features: logmel or pham2017 (audio2au/features.py)."""
    sample_rate: int = 16000
    """Samples per second of the sound."""
    steps_per_frame: int = 2
    """Spectra per video frame."""
    n_fft: int = 512
    """Samples per spectrum."""
    n_mels: int = 40
    """Mel bands."""
    fmin: float = 80.0
    """Lower edge of the bands, Hz."""
    fmax: float = 7600.0
    """Upper edge of the bands, Hz."""
    hidden: int = 256
    """Width of the LSTM's layers."""
    layers: int = 2
    """LSTM layers."""
    dropout: float = 0.1
    """In training, between layers and before the output."""
    delay: int = 2
    """Frames the LSTM hears beyond the one it describes."""
    both_ways: bool = False
    """Whether a second LSTM reads the sound backwards (for files)."""
    voices: str = ""
    """Folders of recipes.make_voices, separated by commas; needed for `synthetic` and `natural`."""
    pack: str = ""
    """File of recipes.pack_speech, instead of `corpus`, `data` and `voices`."""
    frames: int = 125
    """Frames per example."""
    batch: int = 16
    """Examples per step."""
    steps: int = 600
    """Optimiser steps."""
    learning_rate: float = 1.5e-3
    """Adam's peak, after `warmup`; falls to zero along a half cosine."""
    warmup: int = 60
    """Steps of linear warm-up."""
    weight_decay: float = 1e-4
    """As in Pham et al. 2018 (read)."""
    clip: float = 3.0
    """Largest norm of the gradient, as in Pham et al. 2018 (read)."""
    difference: float = 0.5
    """Weight of the squared error of frame-to-frame differences."""
    mouth: float = 3.0
    """Weight of the units that shape the mouth's opening, against 1 of the others."""
    rest: float = 2.0
    """Weight of frames in which nobody speaks."""
    closure: float = 6.0
    """Weight of the lips' opening in frames where p, b, m shut them: the eye sees a lost closure first."""
    knee: float = 0.15
    """Lip openings below it are drawn towards 0 in what is exported (audio2au.speech.firm)."""
    naming: float = 0.2
    """Weight of the cross entropy of naming the phone from what the output layer sees."""
    contrasts: float = 0.0
    """Weight of telling apart what a lip reader does (recipes.parts.speech_training.Contrasts)."""
    levels: float = 0.0
    """Weight of sounding the same at any level (recipes.parts.speech_training.Levels)."""
    output_only: bool = False
    """Whether the LSTM stays as it is in `start`, and the output layer alone learns: minutes on one core."""
    clips: float = 0.45
    """Share of examples from the clips of `sets`."""
    talkers: float = 0.0
    """Share of examples from styletalk_talk, but for HELD_OUT."""
    synthetic: float = 0.4
    """Share of examples from `voices` of espeak-ng, flite and festival."""
    natural: float = 0.0
    """Share of examples from `voices` of Piper, Kokoro and recorded prompts."""
    facegood: float = 0.15
    """Share of examples from the FACEGOOD rig weights."""
    without: str = ""
    """Sources whose examples are left out of what these shares gave, separated by commas."""
    start: str = ""
    """Weights of the same shape to begin from, instead of chance."""
    examples: int = 3000
    """Different examples, made one after the other, kept on disk in `kept` and drawn again and again."""
    fresh: int = 0
    """Examples that each step adds to those it draws from, until there are `examples`; 0: as many as it draws."""
    kept: str = ""
    """Folder of kept examples; runs that draw from the same sounds share them."""
    workers: int = 0
    """Processes that make examples ahead of the training."""
    device: str = "cpu"
    """Where the network is trained: cpu or cuda."""
    minutes: float = 0
    """Length of the training in minutes from the program's start, instead of `steps`. The rate falls with time, each
    step draws from all examples that have been made, and two such runs are never the same."""
    validate_every: int = 50
    """Steps between validations."""
    save_every: int = 50
    """Steps between checkpoints."""
    threads: int = 1
    """CPU threads; more than one may change the last digits from run to run."""
    seed: int = 0
    """Of everything random."""

    def features(self) -> FeatureConfig:
        return FeatureConfig(
            self.kind, self.sample_rate, steps=self.steps_per_frame, n_fft=self.n_fft, n_mels=self.n_mels,
            fmin=self.fmin, fmax=self.fmax,
        )  # fmt: skip

    def model(self) -> ModelConfig:
        return ModelConfig(self.features(), self.hidden, self.layers, self.dropout, self.delay, self.both_ways)
