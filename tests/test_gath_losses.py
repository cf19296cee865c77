"""Losses by hand: equations (4) to (10) of the paper, and ours."""

import math

import pytest
import torch

from gath.data import (
    Unpaired,
)
from gath.discriminator import DiscriminatorClassifier
from gath.estimator import Estimator, EstimatorConfig
from gath.losses import (
    NOBODY,
    adversarial_loss,
    au_loss,
    classification_loss,
    discriminator_loss,
    flow_loss,
    reconstruction_loss,
    total_variation,
    weighted_l1,
)
from gath.paper import PaperConfig, PaperGenerator
from gath.paper_training import PaperWeights
from gath.paper_training import discriminator_losses as discriminator_losses_9
from gath.paper_training import generator_losses as generator_losses_10

NAMES = ("EyeBlink_L", "EyeBlink_R", "JawLeft", "JawOpen", "JawRight", "LipsLowerDown", "LipsLowerOpen", "LipsPucker",
         "LipsUpperOpen", "LipsUpperUp")  # fmt: skip
K = len(NAMES)
NO_CAST = torch.autocast("cpu", torch.bfloat16, enabled=False)


def test_discriminator_loss_is_equation_6():
    even = torch.ones(1)
    real, fakes = (torch.tensor([1.0, 0.5]), even), [(torch.tensor([0.0, 0.2]), even), (torch.tensor([0.4, 0.4]), even)]
    assert discriminator_loss(real, fakes).item() == pytest.approx(0.25 / 2 + (0.04 / 2 + 0.16) / 2)
    only_first = (torch.tensor([0.6, 9.0]), torch.tensor([2.0, 0.0]))
    assert discriminator_loss(only_first, fakes).item() == pytest.approx(0.16 + (0.04 / 2 + 0.16) / 2)


def test_adversarial_loss_pulls_toward_one():
    fakes = [(torch.tensor([0.0, 0.5]), torch.tensor([1.0, 3.0]))]
    assert adversarial_loss(fakes).item() == pytest.approx((1 + 3 * 0.25) / 4)


def test_total_variation_is_equation_8_per_pixel():
    image = torch.tensor([[[[0.0, 1.0], [2.0, 5.0]]]])
    assert total_variation(image).item() == pytest.approx((1 + 9) / 2 + (4 + 16) / 2)


def test_weighted_l1_ignores_what_has_no_weight():
    target, output = torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)
    output[..., 3] = 9.0
    weight = torch.ones(1, 1, 4, 4)
    weight[..., 3] = 0
    assert weighted_l1(output, target, weight).item() == 0
    assert weighted_l1(output, target, torch.ones(1, 1, 4, 4)).item() == pytest.approx(9 / 4 + 0.5 * 9 / 3)


def test_flow_loss_is_a_percentage_of_the_side():
    flow, teacher = torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 4)
    flow[:, 0], flow[:, 1] = 0.03, 0.04
    assert flow_loss(flow, teacher, torch.ones(1, 1, 4, 4)).item() == pytest.approx(5.0, rel=1e-3)


# The paper's own setting


class Doubler(torch.nn.Module):
    """Stands in for generator, estimator or players: what comes out can be computed in the head."""

    def __init__(self):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.tensor(2.0))

    def features(self, picture):
        return picture * self.gain

    def forward(self, picture, own=None, units=None):
        return picture * self.gain


class Players(Doubler):
    def forward(self, picture):
        score = picture.mean((1, 2, 3)) * self.gain
        return score, torch.stack([score, torch.zeros_like(score)], 1)


def flat_batch(**values) -> Unpaired:
    """Two 2x2 faces of one colour each."""

    def faces(a, b):
        return torch.tensor([a, b]).view(2, 1, 1, 1).expand(2, 3, 2, 2)

    fields = dict(
        source=faces(0.25, 0.5), identity=torch.tensor([0, NOBODY]), target=faces(0.25, 0.0),
        target_units=torch.zeros(2, K), real=faces(0.5, 0.1), real_identity=torch.tensor([1, 0]),
        paired=torch.tensor([False, True]),
    )  # fmt: skip
    return Unpaired(**(fields | values))


def test_au_loss_is_equation_4():
    made, target = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 4.0]])
    assert au_loss(made, target).item() == pytest.approx((1 + 4) / 2)


def test_reconstruction_loss_is_equation_5():
    assert reconstruction_loss(torch.tensor([0.5, -1.0]), torch.tensor([0.0, 1.0])).item() == pytest.approx(2.5 / 2)


def test_classification_loss_is_equation_7():
    logits = torch.tensor([[1.0, 0.0], [0.0, 3.0], [9.0, 9.0]])
    expected = (math.log(1 + math.exp(-1)) + math.log(1 + math.exp(3))) / 2
    assert classification_loss(logits, torch.tensor([0, 0, NOBODY])).item() == pytest.approx(expected, rel=1e-6)
    assert classification_loss(logits, torch.full((3,), NOBODY)).item() == 0


def test_generator_minimises_equation_10():
    """Everything doubles: faces 0.25, 0.5 become 0.5, 1; their features 1, 2 against 0.5, 0; their scores 1, 2."""
    weights = PaperWeights(au=1.0, reconstruction=3.0, adversarial=0.5, classification=0.25, variation=1.0)
    losses, made = generator_losses_10(Doubler(), Doubler(), Players(), flat_batch(), weights, NO_CAST)
    expected = {
        "au": (0.25 + 4) / 2,
        "reconstruction": 3 * (0.25 + 1.0) / 2,  # from its source; the pair from its target
        "variation": 0.0,
        "adversarial": 0.5 * ((1 - 1) ** 2 + (1 - 2) ** 2) / 2,
        "classification": 0.25 * math.log(1 + math.exp(-1)),  # the pair has no class
    }
    assert {name: value.item() for name, value in losses.items()} == pytest.approx(expected)
    assert made.mean((1, 2, 3)).tolist() == [0.5, 1.0]


def test_players_minimise_equation_9():
    """Real faces 0.5 and 0.1 score 1 and 0.2; the made ones, 0.5 and 1, score 1 and 2."""
    weights = PaperWeights(adversarial=0.5, classification=0.25)
    made = flat_batch().source * 2
    losses = discriminator_losses_9(Players(), flat_batch(), made, weights, NO_CAST)
    cross_entropy = (math.log(1 + math.exp(1)) + math.log(1 + math.exp(-0.2))) / 2
    expected = {
        "discriminator": 0.5 * ((0 + 0.8**2) / 2 + (1 + 4) / 2),
        "classifier": 0.25 * cross_entropy,
    }
    assert {name: value.item() for name, value in losses.items()} == pytest.approx(expected)


@pytest.mark.parametrize(
    "weights, terms, against",
    [
        (PaperWeights(), {"adversarial", "classification"}, {"discriminator", "classifier"}),
        (PaperWeights(classification=0.0), {"adversarial"}, {"discriminator"}),
    ],
)
def test_generator_players_and_estimator_learn_apart(weights, terms, against):
    torch.manual_seed(0)
    generator = PaperGenerator(PaperConfig(NAMES, size=32, width=4, blocks=1))
    estimator = Estimator(EstimatorConfig(NAMES, size=32, width=4, hidden=8)).eval().requires_grad_(False)
    players = DiscriminatorClassifier(4, 2 if weights.classification else 0, 32)
    before = {n: p.clone() for n, p in estimator.state_dict().items()}
    batch = flat_batch(**{n: torch.rand(2, 3, 32, 32) for n in ("source", "target", "real")})
    players.requires_grad_(False)
    losses, made = generator_losses_10(generator, estimator, players, batch, weights, NO_CAST)
    assert set(losses) == {"au", "reconstruction", "variation"} | terms
    sum(losses.values()).backward()
    assert all(p.grad is None for m in (players, estimator) for p in m.parameters())
    assert all(p.grad.abs().sum() > 0 for p in generator.parameters())
    generator.zero_grad(set_to_none=True)
    players.requires_grad_(True)
    losses = discriminator_losses_9(players, batch, made, weights, NO_CAST)
    assert set(losses) == against
    sum(losses.values()).backward()
    assert all(p.grad is None for m in (generator, estimator) for p in m.parameters())
    assert all(p.grad.abs().sum() > 0 for p in players.parameters())
    assert all(torch.equal(p, before[n]) for n, p in estimator.state_dict().items())


def test_without_players_three_terms_are_left():
    losses, _ = generator_losses_10(Doubler(), Doubler(), None, flat_batch(), PaperWeights(), NO_CAST)
    assert set(losses) == {"au", "reconstruction", "variation"}


def test_discriminator_and_classifier_share_every_hidden_layer():
    players = DiscriminatorClassifier(4, 7, 100)
    score, logits = players(torch.rand(2, 3, 100, 100))
    assert score.shape == (2, 1, 3, 3) and logits.shape == (2, 7)
    ours = []
    for out in score, logits:
        players.zero_grad(set_to_none=True)
        out.sum().backward(retain_graph=True)
        ours.append({n for n, p in players.named_parameters() if p.grad is not None})
    hidden = {n for n, _ in players.named_parameters() if n.startswith("hidden")}
    assert ours[0] & ours[1] == hidden and ours[0] - hidden and ours[1] - hidden
    assert DiscriminatorClassifier(4, 0, 100)(torch.rand(1, 3, 100, 100))[1] is None
