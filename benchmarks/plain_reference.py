"""The published generator run the plain way: the yardstick of benchmarks.generator.

As published code of its kind runs it: the code tiled and joined to the picture, weights scaled at each
call, modulated convolutions as one grouped convolution with the weights of each picture, bias, activation
and gain one after the other, filters at full size before striding, contiguous float32.
It borrows the parameters of a core.reference.ReferenceGenerator, so both can be compared.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from core.layers import Blur, EqualConv2d, ModulatedConv2d, pixel_norm
from core.reference import ConvLayer, ReferenceGenerator, ResidualBlock, Skip, StyledConv, ToRGB


def act(features: Tensor, bias: Tensor) -> Tensor:
    return F.leaky_relu(features + bias[:, None, None], 0.2) * math.sqrt(2)


def fir(features: Tensor, kernel: Tensor, before_px: int, after_px: int) -> Tensor:
    padded = F.pad(features, (before_px, after_px, before_px, after_px))
    return F.conv2d(padded, kernel.expand(features.shape[1], 1, -1, -1), groups=features.shape[1])


def conv(layer: ConvLayer | Skip, features: Tensor) -> Tensor:
    """(blur) -> convolution with the scaled weight, stride 2 if blurred."""
    stride = 1
    for module in layer:
        if isinstance(module, Blur):
            features, stride = fir(features, module.kernel, module.padding_px, module.padding_px), 2
        elif isinstance(module, EqualConv2d):
            weight = module.weight * (1 / math.sqrt(module.weight[0].numel()))
            features = F.conv2d(features, weight, stride=stride, padding=module.padding_px)
    return features


def conv_layer(layer: ConvLayer, features: Tensor) -> Tensor:
    return act(conv(layer, features), layer.activation.bias)


def residual(block: ResidualBlock, features: Tensor) -> Tensor:
    out = conv_layer(block.conv2, conv_layer(block.conv1, features))
    return (out + conv(block.skip, features)) / math.sqrt(2)


def modulated(layer: ModulatedConv2d, features: Tensor, style: Tensor) -> Tensor:
    """Equations 1-3 of StyleGAN2 as one grouped convolution over pictures x channels."""
    batch, channels_in, height, width = features.shape
    scale = F.linear(style, layer.modulation.weight / math.sqrt(style.shape[1]), layer.modulation.bias)
    weight = layer.weight / math.sqrt(layer.weight[0, 0].numel()) * scale[:, None, :, None, None]
    if layer.demodulate:
        weight = weight * torch.rsqrt(weight.square().sum((2, 3, 4), keepdim=True) + 1e-8)
    features = features.reshape(1, batch * channels_in, height, width)
    if layer.blur is None:
        out = F.conv2d(features, weight.flatten(0, 1), padding=layer.padding_px, groups=batch)
        return out.view(batch, -1, height, width)
    swapped = weight.transpose(1, 2).flatten(0, 1)  # (N * C_in, C_out, 3, 3)
    out = F.conv_transpose2d(features, swapped, stride=2, groups=batch)
    return fir(out.view(batch, -1, 2 * height + 1, 2 * width + 1), layer.blur.kernel, 1, 1)


def styled(layer: StyledConv, features: Tensor, style: Tensor) -> Tensor:
    return act(modulated(layer.conv, features, style), layer.activate.bias)


def to_rgb(layer: ToRGB, features: Tensor, style: Tensor, picture: Tensor | None) -> Tensor:
    out = modulated(layer.conv, features, style) + layer.bias
    if picture is None:
        return out
    batch, channels, height, width = picture.shape
    sparse = F.pad(picture.view(batch, channels, height, 1, width, 1), (0, 1, 0, 0, 0, 1))
    return out + fir(sparse.view(batch, channels, 2 * height, 2 * width), layer.upsample.get_buffer("kernel"), 2, 1)


def plain_forward(network: ReferenceGenerator, faces: Tensor, group_code: Tensor) -> Tensor:
    """What `network(faces, group_code)` computes, without noise; shapes as there, one code a face."""
    size = network.size_px
    planes = group_code[:, :, None, None].expand(-1, -1, size, size)
    stem, *blocks = network.convs_e
    assert isinstance(stem, ConvLayer)
    trunk = conv_layer(stem, torch.cat((faces, planes), 1))
    for block in blocks:
        trunk = residual(_block(block), trunk)
    features = trunk
    for block in network.convs_ei:
        features = residual(_block(block), features)
    summary = trunk
    for block in network.convs_es:
        summary = residual(_block(block), summary)
    style = network.style(pixel_norm(conv_layer(network.final_conv, summary).mean((2, 3))))
    features = styled(network.conv1, features, style)
    picture = to_rgb(network.to_rgb1, features, style, None)
    for octave, colours in enumerate(network.to_rgbs):
        for layer in network.convs[2 * octave : 2 * octave + 2]:
            assert isinstance(layer, StyledConv)
            features = styled(layer, features, style)
        assert isinstance(colours, ToRGB)
        picture = to_rgb(colours, features, style, picture)
    return picture


def _block(module: torch.nn.Module) -> ResidualBlock:
    assert isinstance(module, ResidualBlock)
    return module
