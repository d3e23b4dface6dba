"""Each loss, value and every gradient, against slow code written from its formula."""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from math import exp, gcd, sqrt

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from jepa_world_model.losses import LOSSES
from jepa_world_model.losses.hardness import BETA, HARDEST, LEVELS, SIGMAS
from jepa_world_model.losses.isotropy import KNOTS, REACH, SLICES
from jepa_world_model.losses.place_pose import ANOTHER, LOOP, SAME_PLACE
from jepa_world_model.losses.pose import RANK_MARGIN, STEP_LENGTH, TRIM
from jepa_world_model.losses.reconstruction import PATCH, SMOOTH
from jepa_world_model.model import WorldModel
from jepa_world_model.states import Gates, States

Pair = tuple[Tensor, Tensor]

OPEN = Gates(detach_z_from_h_and_p=False, detach_decoder=False, pose_delta_detach_h=False)
CASES = {
    "default": {"gates": Gates()},
    "open": {"gates": OPEN},
    "closed": {"gates": Gates(detach_z_from_h_and_p=True, detach_decoder=True, pose_delta_detach_h=True)},
    "short": {"gates": OPEN, "frames": 4, "horizon": 3, "batch": 1},
}
REFERENCES: dict[str, Callable[["Slow"], Tensor]] = {}


def reference(function: Callable[["Slow"], Tensor]) -> Callable[["Slow"], Tensor]:
    """The slow code of the loss of the same name."""
    REFERENCES[function.__name__] = function
    return function


# The states, one time step at a time --------------------------------------------------------------------------------


class Slow:
    """z, h and p as lists over time, and rollouts from one start at a time. Each entry is [B, D]."""

    def __init__(self, model: WorldModel, x: Tensor, a: Tensor, gates: Gates, horizon: int) -> None:
        self.model, self.gates, self.horizon, self.frames = model, gates, horizon, x.shape[1]
        self.x = [x[:, t] for t in range(self.frames)]
        self.a = [a[:, t] for t in range(self.frames)]

    def into_dynamics(self, z: Tensor) -> Tensor:
        return z.detach() if self.gates.detach_z_from_h_and_p else z

    def decode(self, z: Tensor) -> Tensor:
        return self.model.decoder(z.detach() if self.gates.detach_decoder else z)

    def increment(self, p: Tensor, h: Tensor, a: Tensor) -> Tensor:
        return self.model.p_action_delta_projector(p, h.detach() if self.gates.pose_delta_detach_h else h, a)

    @cached_property
    def z(self) -> list[Tensor]:
        return [self.model.encoder(frame) for frame in self.x]

    @cached_property
    def h(self) -> list[Tensor]:
        h = [self.model.z_to_h(self.z[0]).detach()]
        for t in range(self.frames - 1):
            h.append(self.model.predictor(self.into_dynamics(self.z[t]), h[t], self.a[t]))
        return h

    @cached_property
    def p(self) -> list[Tensor]:
        p = [torch.zeros(len(self.x[0]), self.model.config.p_dim, dtype=torch.float64)]
        for t in range(self.frames - 1):
            p.append(p[t] + self.increment(p[t], self.h[t], self.a[t]))
        return p

    @cached_property
    def dp(self) -> list[Tensor]:
        return [self.increment(self.p[t], self.h[t], self.a[t]) for t in range(self.frames - 1)]

    @cached_property
    def q(self) -> list[Tensor]:
        return [self.model.z_to_p(self.into_dynamics(z)) for z in self.z]

    @cached_property
    def decoded(self) -> list[Tensor]:
        return [self.decode(z) for z in self.z]

    def ends(self, first: int) -> list[list[tuple[int, int]]]:
        """For each depth k from `first` to the horizon: every (s, k) whose end s + k is a frame."""
        return [[(s, k) for s in range(self.frames - k)] for k in range(first, self.horizon + 1)]

    @cached_property
    def imagined(self) -> list[list[Pair]]:
        """imagined[s][k] = (h, ẑ) k steps after s, for the rollouts of h and p."""
        return [self.imagine(s, self.into_dynamics(self.z[s])) for s in range(self.frames)]

    @cached_property
    def imagined_live(self) -> list[list[Pair]]:
        """The same from the live z, for the rollouts of z."""
        return [self.imagine(s, self.z[s]) for s in range(self.frames)]

    def imagine(self, s: int, z: Tensor) -> list[Pair]:
        steps = [(self.h[s], z)]
        for k in range(1, min(self.horizon, self.frames - 1 - s) + 1):
            h, z = steps[-1]
            h = self.model.predictor(z, h, self.a[s + k - 1])
            steps.append((h, self.model.h_to_z(h)))
        return steps

    @cached_property
    def imagined_frames(self) -> list[list[Tensor]]:
        return [[self.decode(z) for _, z in steps] for steps in self.imagined_live]


def mse(pairs: Iterable[Pair]) -> Tensor:
    """The mean over pairs of one shape of their mean squared difference."""
    return average([((one - other) ** 2).mean() for one, other in pairs])


def average(values: Sequence[Tensor]) -> Tensor:
    return sum(values, torch.zeros((), dtype=torch.float64)) / len(values)


# z ------------------------------------------------------------------------------------------------------------------


@reference
def jepa(w: Slow) -> Tensor:
    return mse((w.model.h_to_z(w.h[t + 1]), w.z[t + 1].detach()) for t in range(w.frames - 1))


@reference
def h2z(w: Slow) -> Tensor:
    return mse((w.model.h_to_z(w.h[t]), w.z[t].detach()) for t in range(w.frames))


@reference
def z2h(w: Slow) -> Tensor:
    """h_to_z written out, with its own parameters detached."""
    one, other = (layer for layer in w.model.h_to_z.layers if isinstance(layer, torch.nn.Linear))

    def frozen_h_to_z(h: Tensor) -> Tensor:
        hidden = h @ one.weight.detach().T + one.bias.detach()
        return hidden * torch.sigmoid(hidden) @ other.weight.detach().T + other.bias.detach()

    return mse((frozen_h_to_z(w.model.z_to_h(z.detach())), z.detach()) for z in w.z)


@reference
def sigreg(w: Slow) -> Tensor:
    samples = torch.cat([torch.stack([z[b] for z in w.z]) for b in range(len(w.x[0]))])  # [B T, Dz]
    directions = torch.randn(SLICES, samples.shape[1], dtype=torch.float64)
    step = 2 * REACH / (KNOTS - 1)
    statistics = []
    for direction in directions:
        projected = samples @ (direction / sqrt(float(direction @ direction)))
        integral = torch.zeros((), dtype=torch.float64)
        for knot in range(KNOTS):
            t = -REACH + knot * step
            end = 0.5 if knot in (0, KNOTS - 1) else 1.0
            gap = torch.exp(1j * t * projected).mean() - exp(-t * t / 2)
            integral = integral + end * step * (gap * gap.conj()).real * exp(-t * t / 2)
        statistics.append(len(samples) * integral)
    return average(statistics)


@reference
def action_delta_z(w: Slow) -> Tensor:
    return mse((w.z[t + 1] - w.z[t], w.model.z_action_delta_projector(w.a[t])) for t in range(w.frames - 1))


# h ------------------------------------------------------------------------------------------------------------------


@reference
def action_delta_h(w: Slow) -> Tensor:
    return mse((w.model.h_action_delta_projector(w.h[t], w.a[t]), w.h[t + 1] - w.h[t]) for t in range(w.frames - 1))


@reference
def additivity_h(w: Slow) -> Tensor:
    step = w.model.h_action_delta_projector
    return mse((step(w.h[t], w.a[t]) + step(w.h[t + 1], w.a[t + 1]), w.h[t + 2] - w.h[t]) for t in range(w.frames - 2))


@reference
def rollout_kstep_h(w: Slow) -> Tensor:
    return average([mse((w.imagined[s][k][0], w.h[s + k].detach()) for s, k in ends) for ends in w.ends(2)])


@reference
def rollout_kstep_delta_h(w: Slow) -> Tensor:
    def pair(s: int, k: int) -> Pair:
        return w.imagined[s][k][0] - w.imagined[s][k - 1][0], (w.h[s + k] - w.h[s + k - 1]).detach()

    return average([mse(pair(s, k) for s, k in ends) for ends in w.ends(2)])


# p ------------------------------------------------------------------------------------------------------------------


@reference
def action_delta_dp(w: Slow) -> Tensor:
    return mse((w.dp[t], w.model.dp_action_delta_projector(w.a[t])) for t in range(w.frames - 1))


@reference
def additivity_dp(w: Slow) -> Tensor:
    def pair(t: int) -> Pair:
        first, second = w.increment(w.p[t], w.h[t], w.a[t]), w.increment(w.p[t], w.h[t + 1], w.a[t + 1])
        return first + second, (w.p[t + 2] - w.p[t]).detach()

    return mse(pair(t) for t in range(w.frames - 2))


def integrated(w: Slow, s: int, begin: int, k: int) -> Tensor:
    """The pose k steps after s, over imagined h, from the stop-grad pose `begin` steps after s."""
    pose = w.p[s + begin].detach()
    for depth in range(begin, k):
        pose = pose + w.increment(pose, w.imagined[s][depth][0], w.a[s + depth])
    return pose


def pose_rollout(w: Slow, begin: int) -> Tensor:
    return average([mse((integrated(w, s, begin, k), w.p[s + k].detach()) for s, k in ends) for ends in w.ends(3)])


@reference
def rollout_kstep_p(w: Slow) -> Tensor:
    return pose_rollout(w, begin=2)


@reference
def scale_dp(w: Slow) -> Tensor:
    lengths = sorted(((dp[b] ** 2).sum().sqrt() for dp in w.dp for b in range(len(dp))), key=lambda one: one.item())
    off = int(TRIM * len(lengths))
    return (average(lengths[off : len(lengths) - off]) - STEP_LENGTH) ** 2


@reference
def geometry_rank_p(w: Slow) -> Tensor:
    hinges = []
    for b in range(len(w.x[0])):
        away = [((w.p[t][b] - w.p[-1][b]) ** 2).sum().sqrt() for t in range(w.frames - 1)]
        for later in range(len(away)):
            hinges += [(away[later] - away[earlier] + RANK_MARGIN).clamp(min=0) for earlier in range(later)]
    return average(hinges)


# q ------------------------------------------------------------------------------------------------------------------


def alike(w: Slow, s: int, t: int) -> Tensor:
    """[B] how far two frames of a window show the same place."""
    return torch.exp(-((w.z[s].detach() - w.z[t].detach()) ** 2).mean(dim=1) / SAME_PLACE)


@reference
def action_delta_q(w: Slow) -> Tensor:
    terms = []
    for later in range(w.frames):
        for earlier in range(later):
            wrong = w.q[later] - w.q[earlier]
            for t in range(earlier, later):
                moved = 1 - alike(w, t, t + 1)
                wrong = wrong - moved[:, None] * w.model.dp_action_delta_projector(w.a[t])
            terms.append((wrong**2).mean())
    return average(terms)


@reference
def scale_q(w: Slow) -> Tensor:
    steps = [
        (((w.q[t + 1][b] - w.q[t][b]) ** 2).sum().sqrt(), 1 - alike(w, t, t + 1)[b].item())
        for t in range(w.frames - 1)
        for b in range(len(w.x[0]))
    ]
    total, below, mean = sum(moved for _, moved in steps), 0.0, torch.zeros((), dtype=torch.float64)
    for length, moved in sorted(steps, key=lambda one: one[0].item()):
        inside = min(below + moved, (1 - TRIM) * total) - max(below, TRIM * total)
        mean, below = mean + max(inside, 0) * length / (total * (1 - 2 * TRIM)), below + moved
    return (mean - STEP_LENGTH) ** 2


@reference
def apart_q(w: Slow) -> Tensor:
    terms = []
    for t in range(w.frames):
        for s in range(t):
            distance = ((w.q[t] - w.q[s]) ** 2).sum(dim=1).sqrt()
            terms.append(((1 - alike(w, s, t)) * (STEP_LENGTH - distance).clamp(min=0) ** 2).mean())
    return average(terms)


@reference
def loop_q(w: Slow) -> Tensor:
    rows = []
    places = [(b, t) for b in range(len(w.x[0])) for t in range(w.frames)]
    for b, s in places:
        total, weights = torch.zeros((), dtype=torch.float64), exp(-ANOTHER / LOOP)
        for c, t in places:
            if b != c:
                alike = torch.exp(-((w.z[s][b].detach() - w.z[t][c].detach()) ** 2).mean() / LOOP)
                total = total + alike * ((w.q[s][b] - w.q[t][c]) ** 2).sum()
                weights = weights + alike
        rows.append(total / weights)
    return average(rows)


@reference
def anchor_dp(w: Slow) -> Tensor:
    return mse((w.dp[t], (w.q[t + 1] - w.q[t]).detach()) for t in range(w.frames - 1))


@reference
def still_dp(w: Slow) -> Tensor:
    return average([(alike(w, t, t + 1) * (w.dp[t] ** 2).sum(dim=1)).mean() for t in range(w.frames - 1)])


# Actions read back --------------------------------------------------------------------------------------------------


def cross_entropy_with_noop(w: Slow, read: Callable[[int], Tensor]) -> Tensor:
    """-log softmax of the action taken; NOOP, all zeros, is a class whose logit is zero."""
    terms = []
    for t in range(w.frames - 1):
        for logits, taken in zip(read(t), w.a[t], strict=True):
            chosen = logits[taken.argmax()] if taken.any() else torch.zeros((), dtype=torch.float64)
            terms.append(torch.log(logits.exp().sum() + 1) - chosen)
    return average(terms)


@reference
def inverse_dynamics_h(w: Slow) -> Tensor:
    return cross_entropy_with_noop(w, lambda t: w.model.inverse_dynamics_h(w.h[t], w.h[t + 1]))


@reference
def inverse_dynamics_z(w: Slow) -> Tensor:
    return cross_entropy_with_noop(w, lambda t: w.model.inverse_dynamics_z(w.z[t], w.z[t + 1]))


@reference
def inverse_dynamics_p(w: Slow) -> Tensor:
    return cross_entropy_with_noop(w, lambda t: w.model.inverse_dynamics_p(w.p[t], w.p[t + 1]))


@reference
def inverse_dynamics_dp(w: Slow) -> Tensor:
    return cross_entropy_with_noop(w, lambda t: w.model.inverse_dynamics_dp(w.dp[t]))


# Images -------------------------------------------------------------------------------------------------------------


def flat(offset: int, kernel: int) -> float:
    return 1.0


def bell(offset: int, kernel: int) -> float:
    u = -SIGMAS + 2 * SIGMAS * offset / (kernel - 1)
    return exp(-u * u / 2)


def window_mean(error: Tensor, top: int, left: int, kernel: int, weight: Callable[[int, int], float]) -> Tensor:
    """[N, H, W] to [N]: the weighted mean over the part of the window that lies inside the image."""
    total, weights = torch.zeros(len(error), dtype=torch.float64), 0.0
    rows = [(i, top + i) for i in range(kernel) if 0 <= top + i < error.shape[1]]
    columns = [(j, left + j) for j in range(kernel) if 0 <= left + j < error.shape[2]]
    for i, row in rows:
        for j, column in columns:
            factor = weight(i, kernel) * weight(j, kernel)
            total, weights = total + factor * error[:, row, column], weights + factor
    return total / weights


def weighted_errors(residual: Tensor, kernel: int, stride: int, weight: Callable[[int, int], float]) -> Tensor:
    """One level: residuals [N, C, H, W] to the mean error, each pixel times min((error / mean around it)^2, 10)."""
    error = residual.abs().mean(dim=1)  # [N, H, W]
    seen, hard = error.detach(), torch.zeros_like(error)
    height, width = error.shape[1:]
    stride = gcd(stride, height, width)
    kernel = min(kernel, height)
    margin = (kernel - stride) // 2
    for top in range(0, height, stride):
        for left in range(0, width, stride):
            around = window_mean(seen, top - margin, left - margin, kernel, weight)
            for row in range(top, top + stride):
                for column in range(left, left + stride):
                    hard[:, row, column] = ((seen[:, row, column] / around) ** BETA).clamp(max=HARDEST)
    return (error * hard).mean()


def half(images: Tensor) -> Tensor:
    """[N, C, H, W] to half the size: each pixel is the mean of four."""
    corners = [images[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1)]
    return sum(corners[1:], corners[0]) / 4


def pyramid_loss(residuals: Sequence[Tensor], weight: Callable[[int, int], float] = flat) -> Tensor:
    """The mean over the levels, of residuals [B, C, H, W] for each time."""
    images, terms = torch.cat(list(residuals)), []
    for level in LEVELS:
        terms.append(weighted_errors(images, level.kernel, level.stride, weight))
        images = half(images)
    return average(terms)


def residuals(w: Slow) -> list[Tensor]:
    return [w.decoded[t] - w.x[t] for t in range(w.frames)]


def changes(w: Slow) -> list[Pair]:
    return [(w.decoded[t + 1] - w.decoded[t], w.x[t + 1] - w.x[t]) for t in range(w.frames - 1)]


@reference
def recon(w: Slow) -> Tensor:
    return mse((w.decoded[t], w.x[t]) for t in range(w.frames))


@reference
def recon_hard(w: Slow) -> Tensor:
    errors = torch.cat([(residual**2).sum(dim=1).flatten() for residual in residuals(w)])
    return (errors * errors.detach()).sum() / errors.detach().sum()


@reference
def recon_patch(w: Slow) -> Tensor:
    terms = []
    for residual in residuals(w):
        for top in range(0, residual.shape[2], PATCH):
            for left in range(0, residual.shape[3], PATCH):
                patch = residual[:, :, top : top + PATCH, left : left + PATCH]
                terms += [((image**2).mean() + SMOOTH**2).sqrt() for image in patch]
    return average(terms)


@reference
def recon_multi_box(w: Slow) -> Tensor:
    return pyramid_loss(residuals(w))


@reference
def recon_multi_gauss(w: Slow) -> Tensor:
    return pyramid_loss(residuals(w), bell)


@reference
def pixel_delta(w: Slow) -> Tensor:
    return mse(changes(w))


@reference
def pixel_delta_multi_box(w: Slow) -> Tensor:
    return pyramid_loss([decoded - seen for decoded, seen in changes(w)])


# Imagined from the live z -------------------------------------------------------------------------------------------


def imagined_changes(w: Slow) -> list[list[Pair]]:
    """For each depth from the second: the change of the imagined frame in the last step, and of the frame."""
    frames = w.imagined_frames
    return [[(frames[s][k] - frames[s][k - 1], w.x[s + k] - w.x[s + k - 1]) for s, k in ends] for ends in w.ends(2)]


@reference
def rollout_kstep_z(w: Slow) -> Tensor:
    return average([mse((w.imagined_live[s][k][1], w.z[s + k].detach()) for s, k in ends) for ends in w.ends(1)])


@reference
def rollout_recon_z(w: Slow) -> Tensor:
    return average([mse((w.imagined_frames[s][k], w.x[s + k]) for s, k in ends) for ends in w.ends(1)])


@reference
def rollout_recon_multi_box_z(w: Slow) -> Tensor:
    return average([pyramid_loss([w.imagined_frames[s][k] - w.x[s + k] for s, k in ends]) for ends in w.ends(1)])


@reference
def rollout_recon_delta_z(w: Slow) -> Tensor:
    return average([mse(pairs) for pairs in imagined_changes(w)])


@reference
def rollout_recon_multi_box_delta_z(w: Slow) -> Tensor:
    return average([pyramid_loss([imagined - seen for imagined, seen in pairs]) for pairs in imagined_changes(w)])


@reference
def rollout_project_z(w: Slow) -> Tensor:
    def pair(s: int, k: int) -> Pair:
        return w.model.encoder(w.imagined_frames[s][k]), w.imagined_live[s][k][1]

    return average([mse(pair(s, k) for s, k in ends) for ends in w.ends(1)])


# The comparison -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=CASES)
def both(request: pytest.FixtureRequest, make_states: Callable[..., States]) -> tuple[States, Slow]:
    states = make_states(**CASES[request.param])
    return states, Slow(states.model, states.x, states.a, states.gates, states.horizon)


@pytest.mark.slow
@pytest.mark.parametrize("name", LOSSES)
def test_value_and_every_gradient_equal_the_slow_code(
    name: str, both: tuple[States, Slow], gradient: Callable[[Tensor], dict[str, Tensor]]
) -> None:
    assert name in REFERENCES, f"loss {name!r} has no reference; write its formula as slow code under @reference above"
    states, slow = both
    with torch.random.fork_rng():
        torch.manual_seed(5)
        found = LOSSES[name](states)
        torch.manual_seed(5)
        expected = REFERENCES[name](slow)
    assert_close(found, expected, rtol=1e-9, atol=0)
    assert_close(gradient(found), gradient(expected), rtol=1e-8, atol=1e-12)


def test_every_reference_has_a_loss() -> None:
    assert REFERENCES.keys() <= LOSSES.keys()


def test_a_pose_rollout_has_the_value_of_one_that_starts_two_steps_earlier(both: tuple[States, Slow]) -> None:
    """Its first two increments agree by construction, so leaving them out moves no number."""
    states, slow = both
    assert_close(LOSSES["rollout_kstep_p"](states), pose_rollout(slow, begin=0), rtol=1e-9, atol=0)


def test_the_slow_pyramid_gives_hand_numbers() -> None:
    """A dot of error 1 in almost zeros is 64 times the mean around it, so its factor is clamped."""
    residual = torch.full((1, 1, 16, 16), 1e-9, dtype=torch.float64)
    residual[0, 0, 5, 6] = 1.0
    assert float(weighted_errors(residual, 8, 4, flat)) == pytest.approx(HARDEST / 256, rel=1e-6)
