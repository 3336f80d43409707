"""Colours on a grid: pixels of one colour lie so far apart that they do not see each other."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

ROWS = 2048  # vectors × points of one chunk: as for the exact trace


def colour_of(shape: tuple[int, ...], spacing: int, device: str = "cpu") -> Tensor:
    """The colour of each number of a point, (dim,): one for those of a channel that lie multiples of `spacing` apart.

    Args:
        shape: channels, and then one or more axes of pixels; a single axis is a line of pixels with one channel.
        spacing: the least distance, in the largest of the axes' differences, of two pixels of one colour.
    """
    channels, pixels = _split(shape)
    colour = torch.zeros(pixels, dtype=torch.int64, device=device)
    for axis, size in enumerate(pixels):
        period = min(spacing, size)
        place = torch.arange(size, device=device) % period
        colour = colour * period + place.reshape([-1 if other == axis else 1 for other in range(len(pixels))])
    each = torch.arange(channels, device=device)[:, None] * how_many(pixels, spacing)
    return (each + colour.reshape(1, -1)).reshape(-1)


def how_many(shape: tuple[int, ...], spacing: int) -> int:
    """Colours of axes of pixels alone, `spacing` each: no fewer do, as the pixels of a block all see each other."""
    return math.prod(min(spacing, size) for size in shape)


def count_colours(shape: tuple[int, ...], spacing: int) -> int:
    """Colours of a point of that shape."""
    channels, pixels = _split(shape)
    return channels * how_many(pixels, spacing)


def colours(shape: tuple[int, ...], spacing: int, batch: int, dtype: torch.dtype, device: str) -> Iterator[Tensor]:
    """The colours' indicators, 1 on a colour and 0 elsewhere, in chunks (k, batch, dim) of about `ROWS` rows."""
    colour, number = colour_of(shape, spacing, device), count_colours(shape, spacing)
    step = max(1, min(number, ROWS // batch))
    for start in range(0, number, step):
        some = torch.arange(start, min(start + step, number), device=device)
        yield (colour == some[:, None])[:, None].expand(-1, batch, -1).to(dtype)


def reach(products: Tensor, pixels: Tensor, shape: tuple[int, ...]) -> int:
    """How far what a product finds lies from where its vector was: the largest difference along an axis of pixels.

    Args:
        products: with vectors that are 0 but in one pixel, (k, batch, dim). What is below a unit of the last place of
            a product's largest number is 0: some algorithms of convolutions leave as much.
        pixels: where the vectors are not 0, (k, axes).
        shape: of a point.
    """
    channels, axes = _split(shape)
    size = products.abs()
    seen = (size > torch.finfo(size.dtype).eps * size.amax((1, 2), keepdim=True)).any(1)
    found = seen.reshape(-1, channels, *axes).any(1).nonzero()  # (…, 1 + axes)
    if not len(found):
        return 0
    return int((found[:, 1:] - pixels[found[:, 0]]).abs().max())


def impulses(
    shape: tuple[int, ...], batch: int, generator: torch.Generator, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Normal numbers in all channels of one pixel, 0 elsewhere, and the pixels: (3, batch, dim) and (3, axes).

    The first pixel, the last, from which a reach can be seen that is longer than half of the image, and a random one.
    """
    channels, axes = _split(shape)
    last = torch.tensor(axes, device=generator.device) - 1
    random = (torch.rand(len(axes), generator=generator, device=generator.device) * (last + 1)).long()
    pixels = torch.stack([torch.zeros_like(last), last, random])
    v = torch.zeros(3, batch, channels, *axes, dtype=dtype, device=generator.device)
    for row, pixel in enumerate(pixels.tolist()):
        normal = torch.randn(batch, channels, generator=generator, device=generator.device, dtype=dtype)
        v[(row, slice(None), slice(None), *pixel)] = normal
    return v.reshape(3, batch, -1), pixels


def _split(shape: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """Channels, and the axes of pixels."""
    return (1, shape) if len(shape) == 1 else (shape[0], shape[1:])
