"""Batch norm whose batch is that of all processes."""

from torch import Tensor, nn

from jepa_world_model import processes


class BatchNorm1d(nn.BatchNorm1d):
    """`torch.nn.BatchNorm1d` (arXiv 1502.03167); with several processes its statistics are those of the joint batch.

    `torch.nn.SyncBatchNorm` would do on GPUs; it has no CPU kernel.
    """

    def forward(self, input: Tensor) -> Tensor:
        """[N, D] to [N, D]."""
        if not self.training or processes.count() == 1:
            return super().forward(input)
        x = input.float() if input.element_size() < 4 else input
        mean = processes.mean(x.mean(dim=0))
        variance = processes.mean((x - mean).square().mean(dim=0))
        self._remember(mean.detach(), variance.detach(), len(x) * processes.count())
        return ((x - mean) * (variance + self.eps).rsqrt() * self.weight + self.bias).to(input.dtype)

    def _remember(self, mean: Tensor, variance: Tensor, samples: int) -> None:
        """Running statistics, as PyTorch keeps them: the variance unbiased."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum or 0.0)
        unbiased = variance * (samples / (samples - 1))
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum or 0.0)
        self.num_batches_tracked.add_(1)
