"""Layers and operations whose graph is unusual: long, wide, sparse, complex, recurrent."""

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence

from audits import Target
from tests.audits.traps.trap import ABSENT, LIVE, VACUOUS, Scale, linear, one_loss, points, trap

SEQUENCES = [points(0, 2, 5, 3)]


def lstm() -> nn.Module:
    return nn.LSTM(3, 3, num_layers=2, batch_first=True)


@one_loss(memory=LIVE, head=LIVE, parts={"memory": lstm}, batches=SEQUENCES)
def recurrent(x: Tensor, memory: nn.Module, head: nn.Module) -> Tensor:
    """One kernel for all steps, and weights that are held in a list too."""
    return head(memory(x)[0][:, -1]).square().mean()


@one_loss(memory=LIVE, head=LIVE, parts={"memory": lstm}, batches=SEQUENCES)
def recurrent_packed(x: Tensor, memory: nn.Module, head: nn.Module) -> Tensor:
    """Sequences of different lengths."""
    packed = pack_padded_sequence(x, torch.tensor([5, 3]), batch_first=True)
    return head(memory(packed)[1][0][-1]).square().mean()


@one_loss(memory=LIVE, start=LIVE, parts={"memory": lambda: nn.GRUCell(3, 3)}, batches=SEQUENCES)
def recurrent_by_hand(x: Tensor, memory: nn.Module, start: nn.Module) -> Tensor:
    """A loop over steps from a state that is learnt."""
    h = start(x[:, 0])
    for t in range(x.shape[1]):
        h = memory(x[:, t], h)
    return h.square().mean()


@one_loss(memory=LIVE, start=ABSENT, parts={"memory": lambda: nn.GRU(3, 3)}, why={"start": "detach()"})
def recurrent_truncated(x: Tensor, memory: nn.Module, start: nn.Module) -> Tensor:
    """Truncated backpropagation cuts the state between two windows."""
    h = start(x)[None]
    return memory(x[None], h.detach())[0].square().mean()


def attention() -> nn.Module:
    return nn.MultiheadAttention(3, 1, batch_first=True)


@trap(expected=dict.fromkeys(itertools.product(("values", "weights"), ("encoder", "attention")), LIVE))
def attention_weights() -> Target:
    """A loss on the output and a loss on where it came from."""
    encoder, layer = linear(), attention()

    def losses(x: Tensor) -> dict[str, Tensor]:
        z = encoder(x)
        values, weights = layer(z, z, z, need_weights=True)
        return {"values": values.square().mean(), "weights": weights.square().mean()}

    return Target({"encoder": encoder, "attention": layer}, losses, batches=SEQUENCES)


@one_loss(layer=LIVE, parts={"layer": lambda: nn.TransformerEncoderLayer(3, 1, 4, batch_first=True)}, batches=SEQUENCES)
def transformer(x: Tensor, layer: nn.Module) -> Tensor:
    """Attention, dropout, residuals and norms."""
    return layer(x).square().mean()


@one_loss(encoder=LIVE, head=LIVE)
def expand_scatter_gather(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Values are repeated, spread out and picked up again."""
    index = torch.tensor([[0, 2, 1]] * 4)
    spread = torch.zeros_like(x).scatter(1, index, encoder(x)).scatter_add(1, index, x[:1].expand(4, 3))
    return head(spread.gather(1, index)).square().mean()


@one_loss(encoder=ABSENT, head=LIVE)
def shape_only(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Only the shape of a value is used."""
    return head(torch.ones_like(encoder(x))).square().mean()


@one_loss(encoder=LIVE, head=VACUOUS)
def split_and_dropped(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Put together, taken apart, and one part dropped: its path stays."""
    kept, _ = torch.cat([encoder(x), head(x)], dim=-1).split(3, dim=-1)
    return kept.square().mean()


@one_loss(encoder=LIVE, head=ABSENT)
def listed_and_dropped(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The same through a Python list: no path."""
    return [encoder(x), head(x)][0].square().mean()


@one_loss(encoder=LIVE, head=LIVE)
def spectrum(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Complex numbers between real ones."""
    return (torch.fft.irfft(torch.fft.rfft(encoder(x)) * 1j, n=3) + head(x)).square().mean()


@one_loss(encoder=LIVE, head=LIVE)
def sorted_and_ranked(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Values of a sort have gradient, and so have the largest."""
    return head(encoder(x).sort(dim=0).values).topk(2).values.square().mean()


@one_loss(table=LIVE, parts={"table": lambda: nn.Embedding(5, 3, sparse=True)}, batches=[torch.tensor([0, 2, 2])])
def sparse_gradient(x: Tensor, table: nn.Module) -> Tensor:
    """Rows that nobody looked up have no entry in the gradient."""
    return table(x).square().mean()


@one_loss(
    table=VACUOUS,
    head=LIVE,
    parts={"table": lambda: nn.Embedding(5, 3, padding_idx=0)},
    batches=[torch.tensor([0, 0, 0])],
)
def padding_only(x: Tensor, table: nn.Module, head: nn.Module) -> Tensor:
    """The row of the padding never learns, and nothing else was looked up."""
    return head(table(x) + 1).square().mean()


@one_loss(
    table=LIVE, parts={"table": lambda: nn.EmbeddingBag(5, 3, mode="sum")}, batches=[torch.tensor([[0, 2], [1, 1]])]
)
def embedding_bag(x: Tensor, table: nn.Module) -> Tensor:
    """Rows are summed inside of the kernel."""
    return table(x).square().mean()


@one_loss(encoder=LIVE, parts={"encoder": lambda: nn.Conv2d(1, 2, 3)}, batches=[points(0, 2, 1, 6, 6)])
def image(x: Tensor, encoder: nn.Module) -> Tensor:
    """Convolution, pooling and interpolation."""
    return F.interpolate(F.max_pool2d(encoder(x), 2), scale_factor=2, mode="bilinear").square().mean()


@trap(expected={("loss", "encoder"): LIVE, ("loss", "head"): LIVE})
def sparse_matrix() -> Target:
    """Messages along the edges of a graph."""
    encoder, head = linear(), linear()
    edges = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
    neighbours = torch.sparse_coo_tensor(edges, torch.ones(4), (4, 4), check_invariants=True)

    def losses(x: Tensor) -> dict[str, Tensor]:
        return {"loss": head(torch.sparse.mm(neighbours, encoder(x))).square().mean()}

    return Target({"encoder": encoder, "head": head}, losses, batches=[points()])


@one_loss(encoder=LIVE, head=LIVE)
def solved(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A ridge regression as a layer."""
    z, y = encoder(x), head(x)
    return torch.linalg.solve(z.T @ z + torch.eye(3, dtype=z.dtype), z.T @ y).square().mean()


@one_loss(encoder=LIVE, parts={"encoder": Scale}, paths={"encoder": 2**30 - 1})
def running_sum(x: Tensor, encoder: nn.Module) -> Tensor:
    """Thirty steps, each of which reads and keeps what was there."""
    h = x
    for _ in range(30):
        h = h + 0.01 * encoder(h)
    return h.mean()


@one_loss(encoder=LIVE, parts={"encoder": Scale}, paths={"encoder": 1})
def deep_chain(x: Tensor, encoder: nn.Module) -> Tensor:
    """Deeper than Python may recurse."""
    z = encoder(x)
    for _ in range(2_000):
        z = z * 1.0001
    return z.mean()


@one_loss(encoder=LIVE, parts={"encoder": Scale}, paths={"encoder": 2**200})
def doubled_two_hundred_times(x: Tensor, encoder: nn.Module) -> Tensor:
    """More paths than there are atoms in the universe would fit into no float that is exact."""
    z = encoder(x)
    for _ in range(200):
        z = 0.5 * (z + z)
    return z.mean()


@trap(
    expected={
        (loss, module): LIVE if module in modules else ABSENT
        for loss, modules in {"left": ("encoder", "left"), "right": ("encoder", "right")}.items()
        for module in ("encoder", "left", "right")
    }
    | {("total", "encoder"): LIVE, ("total", "left"): LIVE, ("total", "right"): VACUOUS}
)
def sum_of_losses() -> Target:
    """A loss that is a weighted sum of the others, one of them with weight zero."""
    encoder, left, right = linear(), linear(), linear()

    def losses(x: Tensor) -> dict[str, Tensor]:
        z = encoder(x).tanh()
        a, b = left(z).square().mean(), right(z).square().mean()
        return {"left": a, "right": b, "total": 0.5 * a + 0.0 * b}

    return Target({"encoder": encoder, "left": left, "right": right}, losses, batches=[points()])


@trap(expected={("first", "encoder"): LIVE, ("second", "encoder"): LIVE})
def one_tensor_two_names() -> Target:
    """The same scalar under two names."""
    encoder = linear()

    def losses(x: Tensor) -> dict[str, Tensor]:
        value = encoder(x).square().mean()
        return {"first": value, "second": value}

    return Target({"encoder": encoder}, losses, batches=[points()])


@trap(expected={("loss", "gain"): LIVE, ("loss", "encoder"): ABSENT})
def loss_that_is_a_parameter() -> Target:
    """No operation at all between the loss and what it trains."""
    encoder, gain = linear(), nn.ParameterList([nn.Parameter(torch.tensor(2.0))])
    return Target({"encoder": encoder, "gain": gain}, lambda x: {"loss": gain[0]}, batches=[points()])
