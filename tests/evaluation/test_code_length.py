"""Bits of files: noise cannot be shortened, one colour costs nothing, and nothing is lost."""

import io

import pytest
import torch
from PIL import Image

from course_lib.evaluation import code_length


@pytest.mark.parametrize("form", ["PNG", "WebP"])
def test_noise_costs_eight_bits_and_one_colour_nearly_nothing(form):
    noise = torch.randint(0, 256, (100, 3, 16, 16), dtype=torch.uint8)
    assert code_length.file_bits(noise, form) == pytest.approx(8, abs=0.1)
    assert code_length.file_bits(torch.full_like(noise, 77), form) < 0.05
    upper = noise // 8  # 32 values: five bits
    assert 4.95 < code_length.file_bits(upper, form) < 6


@pytest.mark.parametrize("form", ["PNG", "WebP"])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_file_holds_the_pictures_as_they_are(form, channels, monkeypatch):
    x = torch.randint(0, 256, (20, channels, 8, 8), dtype=torch.uint8)
    files, make = [], io.BytesIO
    monkeypatch.setattr(code_length.io, "BytesIO", lambda: files.append(make()) or files[-1])
    bits = code_length.file_bits(x, form, n=20)
    with Image.open(make(files[0].getvalue())) as opened:
        sheet = torch.tensor(list(opened.convert("RGB" if channels == 3 else "L").tobytes()))
    sheet = sheet.view(2 * 8, 10 * 8, channels)
    assert bits == 8 * len(files[0].getvalue()) / x.numel()
    for i in (0, 9, 13):
        row, column = divmod(i, 10)
        part = sheet[8 * row :, 8 * column :][:8, :8]
        assert torch.equal(part.permute(2, 0, 1).byte(), x[i])
