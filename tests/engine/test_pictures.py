import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from layerscope.core.errors import BadInputError
from layerscope.core.preprocessing import Preprocessing
from layerscope.engine import pictures


def colours(height=6, width=9):
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 20, columns * 20, rows * 0 + 99], -1).astype(np.uint8)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp", "gif", "jpg"])
def test_every_listed_format_opens(tmp_path, suffix):
    path = tmp_path / f"picture.{suffix}"
    flat = np.full((8, 8, 3), (200, 60, 20), dtype=np.uint8)
    Image.fromarray(flat).save(path)
    decoded = pictures.decode(path)
    assert decoded.pixels.shape == (8, 8, 3)
    np.testing.assert_allclose(decoded.pixels[4, 4], (200, 60, 20), atol=6)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, orientation):
    upright = np.zeros((40, 20, 3), dtype=np.uint8)
    upright[:8, :8] = 255  # a light mark in the upper left corner
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: np.rot90(upright, 2).transpose(1, 0, 2),
        8: np.rot90(upright, 3),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.png"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif)
    np.testing.assert_array_equal(pictures.decode(path).pixels, upright)
    small = pictures.thumbnail(path, 20)
    assert (small.height, small.width) == (40, 20)
    assert small.thumbnail.shape == (20, 10, 3)
    assert small.thumbnail[0, 0, 0] == 255


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "RGBA", "LA", "YCbCr"])
def test_other_modes_become_rgb(tmp_path, mode):
    path = tmp_path / "picture.tiff"
    Image.new("RGB", (5, 4), (255, 255, 255)).convert(mode).save(path)
    decoded = pictures.decode(path)
    assert decoded.pixels.shape == (4, 5, 3)
    assert decoded.pixels.min() >= 250
    if mode != "P":
        assert any("picture.tiff" in note for note in decoded.notes)


def test_lab_becomes_rgb(tmp_path):
    path = tmp_path / "lab.tiff"
    Image.new("LAB", (4, 4), (255, 128, 128)).save(path)
    decoded = pictures.decode(path)
    assert decoded.pixels.min() > 235
    assert "LAB" in decoded.notes[0]


@pytest.mark.parametrize(
    ("dtype", "top"), [(np.uint16, 65535), (np.int32, 65535), (np.float32, 1.0)]
)
def test_deep_pixels_are_scaled(tmp_path, dtype, top):
    path = tmp_path / "deep.tiff"
    values = np.array([[0, top], [top / 2, top]], dtype=dtype)
    Image.fromarray(values).save(path)
    decoded = pictures.decode(path)
    assert decoded.pixels[0, 0, 0] == 0
    assert decoded.pixels[0, 1, 0] == 255
    assert 126 <= decoded.pixels[1, 0, 0] <= 129
    assert "8 bits" in decoded.notes[0]


def test_transparent_pixels_lie_on_white(tmp_path):
    pixels = np.zeros((2, 2, 4), dtype=np.uint8)
    pixels[0, 0] = (10, 20, 30, 255)
    path = tmp_path / "see-through.png"
    Image.fromarray(pixels).save(path)
    decoded = pictures.decode(path).pixels
    assert decoded[0, 0].tolist() == [10, 20, 30]
    assert decoded[1, 1].tolist() == [255, 255, 255]


def test_only_the_first_frame_is_taken_and_said_so(tmp_path):
    path = tmp_path / "moving.gif"
    frames = [Image.new("RGB", (4, 4), (shade, 0, 0)) for shade in (10, 200, 90)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    decoded = pictures.decode(path)
    assert decoded.pixels[0, 0, 0] == 10
    assert "first" in decoded.notes[0]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_truncated_pictures_are_errors(tmp_path, kind):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    whole = io.BytesIO()
    Image.fromarray(noise).save(whole, kind)
    path = tmp_path / "cut"
    path.write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    with pytest.raises(BadInputError, match="cut"):
        pictures.decode(path)


def test_bytes_after_the_end_do_no_harm(tmp_path):
    path = tmp_path / "tail.jpg"
    Image.fromarray(colours()).save(path)
    with path.open("ab") as file:
        file.write(b"\0" * 100_000)
    assert pictures.decode(path).pixels.shape == (6, 9, 3)


def png_of_size(width, height):
    def chunk(kind, data):
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [12_000, 60_000, 2**31 - 1])
def test_bombs_are_refused_before_pixels_are_made(tmp_path, side):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_of_size(side, side))
    with pytest.raises(BadInputError, match=r"bomb\.png"):
        pictures.decode(path)
    with pytest.raises(BadInputError, match=r"bomb\.png"):
        pictures.thumbnail(path, 64)


def test_pixel_limit_can_be_set(tmp_path):
    path = tmp_path / "plain.png"
    Image.fromarray(colours()).save(path)
    with pytest.raises(BadInputError, match="scale it down"):
        pictures.decode(path, limit=53)
    assert pictures.decode(path, limit=54).pixels.size == 54 * 3


@pytest.mark.slow
def test_text_bomb_is_refused(tmp_path):
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "x" * (200 << 20), zip=True)
    path = tmp_path / "text.png"
    Image.fromarray(colours()).save(path, pnginfo=text)
    with pytest.raises(BadInputError, match=r"text\.png"):
        pictures.decode(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "JPEG, PNG, WebP"),
        (b"%PDF-1.7 ...", "JPEG, PNG, WebP"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "JPEG, PNG, WebP"),
        (b"\0\0\0\x18ftypheic", "JPEG, PNG, WebP"),
        (b"\0\1\0\0" + b"glyf" * 20, "JPEG, PNG, WebP"),
        (b"BM" + b"\xff" * 60, "damaged"),
    ],
)
def test_what_is_no_picture_gets_a_sentence(tmp_path, content, words):
    path = tmp_path / "thing"
    path.write_bytes(content)
    with pytest.raises(BadInputError, match=words):
        pictures.decode(path)


def test_pipes_folders_and_missing_files_do_not_hang(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path, tmp_path / "missing.png"):
        with pytest.raises(BadInputError):
            pictures.decode(path)


def test_unusual_names(tmp_path):
    for name in ("🦊 שלום.png", "x" * 240 + ".png", "a%02d.png"):
        path = tmp_path / name
        Image.fromarray(colours()).save(path)
        assert pictures.decode(path).pixels.shape == (6, 9, 3)
    odd = tmp_path / os.fsdecode(b"\xff\xfe.png")
    with pytest.raises(BadInputError) as caught:
        pictures.decode(odd)
    str(caught.value).encode("utf-8")


def test_resizing_down_is_antialiased():
    checks = np.indices((64, 64)).sum(0) % 2 * 255
    pixels = np.repeat(checks[..., None], 3, axis=2).astype(np.uint8)
    small = pictures.resize(pixels, 8, 8)
    assert small[1:-1, 1:-1].min() > 110
    assert small[1:-1, 1:-1].max() < 145


def test_cropping_while_resizing_equals_resizing_then_cropping():
    pixels = np.random.default_rng(1).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    pixels = pictures.resize(pixels, 400, 600, "bicubic")
    chosen = Preprocessing(height=112, width=112, resize="crop", crop_share=0.875)
    placed = pictures.place(pixels, chosen.place(400, 600), "bilinear")
    resized = np.asarray(
        Image.fromarray(pixels).resize((192, 128), Image.Resampling.BILINEAR)
    )
    expected = resized[8:120, 40:152]
    assert np.abs(placed.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("resize", ["crop", "stretch", "letterbox"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 20_000)])
def test_extreme_shapes_are_placed(resize, shape):
    pixels = np.full((*shape, 3), 77, dtype=np.uint8)
    chosen = Preprocessing(height=32, width=32, resize=resize)
    placed = pictures.place(pixels, chosen.place(*shape), "bicubic")
    assert placed.shape == (32, 32, 3)
    assert (placed == 77).any()


def test_thumbnail_of_a_large_jpeg(tmp_path):
    path = tmp_path / "large.jpg"
    Image.new("RGB", (1600, 900), (30, 90, 200)).save(path)
    small = pictures.thumbnail(path, 96)
    assert small.thumbnail.shape == (54, 96, 3)
    assert (small.width, small.height) == (1600, 900)
