"""What encoder and decoder share."""

from torch import nn


def he_initialised(layer: nn.Conv2d | nn.ConvTranspose2d) -> nn.Module:
    """Weights that keep the variance of a signal through ReLU (He et al. 2015, arXiv 1502.01852), no bias.

    PyTorch's default loses a factor of six at each layer.
    """
    kernel_area = layer.kernel_size[0] * layer.kernel_size[1]
    overlap = layer.stride[0] * layer.stride[1] if isinstance(layer, nn.ConvTranspose2d) else 1
    fan_in = layer.in_channels * kernel_area / overlap
    nn.init.normal_(layer.weight, std=(2 / fan_in) ** 0.5)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
