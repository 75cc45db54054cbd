#!/usr/bin/env python3
"""How many handwritten digits in pictures such as people take are recognised.

    cargo build --release
    pip install numpy pillow brotli
    python3 tests/peers/handwriting.py [--model assets/reader.safetensors] [--only shadow boxed]
    python3 tests/peers/handwriting.py --save DIRECTORY       # only writes the pictures

Every situation has 30 pictures of MNIST test digits, which are never used for training. It has a
seed of its own, so the pictures are the same every time; `--seed N` composes others. `predict` is
correct if it prints the digit, `read` if it prints exactly this digit (in the rows of several digits:
`read` if it prints all of them in order, `predict` if it reports that there are several).
"""

import argparse
import json
import math
import pathlib
import subprocess
import tempfile
import zlib

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from shipped import unpack

COUNT = 30


def test_digits():
    images = np.frombuffer(unpack("t10k-images-idx3-ubyte"), np.uint8, offset=16)
    labels = np.frombuffer(unpack("t10k-labels-idx1-ubyte"), np.uint8, offset=8)
    return images.reshape(-1, 28, 28), labels


# --- the digit -----------------------------------------------------------------------------------


def crop(image):
    rows, columns = np.flatnonzero(image.max(1) > 40), np.flatnonzero(image.max(0) > 40)
    return image[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]


def enlarged(image, height, sharpness):
    """Ink from 0 to 1, `height` pixels high with an edge as sharp as a pen's; 0.2 of paper around."""
    image = np.pad(crop(image), 4)
    scale = height / (image.shape[0] - 8)
    size = [max(3, round(side * scale)) for side in image.shape[::-1]]
    ink = np.asarray(Image.fromarray(image).resize(size, Image.BICUBIC), np.float32) / 255
    if scale > 1.5:
        sigmoid = 1 / (1 + np.exp(-(ink - 0.45) * sharpness))
        lowest = 1 / (1 + math.exp(0.45 * sharpness))
        ink = (sigmoid - lowest) / (1 - 2 * lowest)
        ink[ink < 0.02] = 0
    return np.clip(ink, 0, 1)


def skeleton(ink):
    """Zhang and Suen's thinning."""
    ink = np.pad(ink, 1).astype(np.uint8)
    while True:
        removed = 0
        for odd in (0, 1):
            p = [np.roll(ink, shift, (0, 1)) for shift in
                 ((1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1))]
            around = sum(p)
            turns = sum((a == 0) & (b == 1) for a, b in zip(p, p[1:] + p[:1]))
            ends = (p[0] * p[2] * p[4] == 0) & (p[2] * p[4] * p[6] == 0) if odd == 0 else \
                (p[0] * p[2] * p[6] == 0) & (p[0] * p[4] * p[6] == 0)
            gone = (ink == 1) & (around >= 2) & (around <= 6) & (turns == 1) & ends
            ink[gone] = 0
            removed += gone.sum()
        if removed == 0:
            return ink[1:-1, 1:-1]


def drawn_with(image, height, pen):
    """The digit drawn again along its skeleton; `pen` is a width as a fraction of the height."""
    image = np.pad(crop(image), 6)
    large = Image.fromarray(image).resize([side * 4 for side in image.shape[::-1]], Image.BICUBIC)
    line = skeleton(np.asarray(large) > 110)
    scale = height / (4 * (image.shape[0] - 12))
    size = [max(3, round(side * scale)) for side in line.shape[::-1]]
    radius = max(0.6, pen * height / 2)
    ys, xs = np.nonzero(line)
    canvas = Image.new("L", [2 * side for side in size])
    draw = ImageDraw.Draw(canvas)
    there = set(zip(xs.tolist(), ys.tolist()))
    for x, y in there:
        for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1), (-1, 1)):
            if (x + dx, y + dy) in there:
                a, b = ((2 * scale * (v + 0.5)) for v in (x, y))
                c, d = ((2 * scale * (v + 0.5)) for v in (x + dx, y + dy))
                r = 2 * radius
                draw.line((a, b, c, d), 255, max(1, round(2 * r)))
                draw.ellipse((c - r, d - r, c + r, d + r), 255)
    small = canvas.filter(ImageFilter.GaussianBlur(1)).resize(size, Image.BOX)
    return np.asarray(small, np.float32) / 255


# --- the sheet -----------------------------------------------------------------------------------


class Sheet:
    """The light from a sheet of paper, per pixel and colour channel, from 0 to 1."""

    def __init__(self, random, width, height, paper):
        self.random, self.width, self.height = random, width, height
        self.light = np.ones((height, width, 3), np.float32) * np.asarray(paper, np.float32) / 255
        self.grain(random.uniform(0, 0.012))

    def grain(self, strength):
        small = self.random.normal(0, strength, (self.height // 2 + 1, self.width // 2 + 1))
        large = np.repeat(np.repeat(small, 2, 0), 2, 1)[:self.height, :self.width]
        self.light *= 1 + large[..., None].astype(np.float32)

    def ink(self, mask, color, strength=1.0):
        mask = (mask * strength)[..., None]
        self.light = self.light * (1 - mask) + mask * np.asarray(color, np.float32) / 255

    def place(self, ink, left, top, color, strength=1.0):
        mask = np.zeros((self.height, self.width), np.float32)
        height, width = ink.shape
        y0, x0 = max(0, top), max(0, left)
        y1, x1 = min(self.height, top + height), min(self.width, left + width)
        mask[y0:y1, x0:x1] = ink[y0 - top:y1 - top, x0 - left:x1 - left]
        self.ink(mask, color, strength)

    def draw(self, drawing, color, strength=1.0, soft=0.0):
        """`drawing(draw, scale)` draws in white at `scale` times the size."""
        scale = 2
        image = Image.new("L", (self.width * scale, self.height * scale))
        drawing(ImageDraw.Draw(image), scale)
        mask = image.resize((self.width, self.height), Image.BOX)
        if soft:
            mask = mask.filter(ImageFilter.GaussianBlur(soft))
        self.ink(np.asarray(mask, np.float32) / 255, color, strength)

    def gradient(self, least):
        """Light that falls off to one side, down to `least`."""
        angle = self.random.uniform(0, 2 * math.pi)
        y, x = np.mgrid[-1:1:self.height * 1j, -1:1:self.width * 1j]
        along = (math.cos(angle) * x + math.sin(angle) * y + 1.42) / 2.84
        self.light *= (least + (1 - least) * along)[..., None].astype(np.float32)

    def shade(self, mask, darkness):
        self.light *= (1 - mask * (1 - darkness))[..., None].astype(np.float32)


def finished(random, light, noise=0.0, blur=0.0, quality=None):
    """The picture that a camera takes."""
    image = Image.fromarray((np.clip(light, 0, 1) * 255).astype(np.uint8))
    if blur:
        image = image.filter(ImageFilter.GaussianBlur(blur))
    if noise:
        pixels = np.asarray(image, np.float32)
        own = random.normal(0, noise, pixels.shape[:2])[..., None]
        pixels = pixels + 0.8 * own + random.normal(0, 0.6 * noise, pixels.shape)
        image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    return image, quality


PAPERS = [(252, 252, 250), (240, 238, 230), (225, 224, 220), (246, 240, 225), (205, 205, 203)]
INKS = [(20, 20, 22), (35, 35, 50), (60, 60, 62), (28, 30, 60), (50, 42, 38)]


def choice(random, values):
    return values[int(random.integers(len(values)))]


class Scene:
    """The parts of a picture, with the random numbers of its situation."""

    def __init__(self, random, image):
        self.random, self.image = random, image
        long = math.exp(random.uniform(math.log(220), math.log(1700)))
        if random.random() < 0.08:
            long = random.uniform(2400, 3000)
        ratio = choice(random, [1, 4 / 3, 3 / 4, 16 / 9, 3 / 2])
        self.size = [round(long * min(1, ratio)), round(long * min(1, 1 / ratio))]
        self.size = [max(60, side) for side in self.size]
        self.paper, self.pen = choice(random, PAPERS), choice(random, INKS)
        self.scale = random.uniform(0.25, 0.7)
        self.margin = 0.08
        self.where = None

    def sheet(self):
        sheet = Sheet(self.random, *self.size, self.paper)
        self.drawn_height = max(16, round(self.scale * min(self.size)))
        return sheet

    def digit(self, sheet, ink=None, pen=None, strength=1.0, box=None):
        """Writes the digit somewhere on the sheet, or within a box."""
        random = self.random
        if ink is None:
            sharp = random.uniform(8, 20)
            ink = enlarged(self.image, self.drawn_height, sharp)
        height, width = ink.shape
        x0, y0, x1, y1 = box or (0, 0, sheet.width, sheet.height)
        margin = 0 if box else self.margin
        free_x, free_y = (x1 - x0) - width, (y1 - y0) - height
        left = x0 + free_x * random.uniform(margin, 1 - margin) if free_x > 0 else x0 + free_x / 2
        top = y0 + free_y * random.uniform(margin, 1 - margin) if free_y > 0 else y0 + free_y / 2
        left, top = round(left), round(top)
        sheet.place(ink, left, top, pen or self.pen, strength)
        self.where = (left, top, width, height)

    def camera(self, light, noise=None, blur=None, quality=None):
        random = self.random
        noise = random.uniform(0.5, 4) if noise is None else noise
        if blur is None:
            blur = random.uniform(0, 1.2) * max(self.size) / 1000
        if quality is None:
            quality = choice(random, [None, 60, 75, 85, 92])
        return finished(random, light, noise, blur, quality)


# --- the situations ------------------------------------------------------------------------------


def plain(scene):
    sheet = scene.sheet()
    scene.digit(sheet)
    return finished(scene.random, sheet.light)


def photo(scene):
    sheet = scene.sheet()
    scene.digit(sheet)
    sheet.gradient(scene.random.uniform(0.6, 0.95))
    return scene.camera(sheet.light)


def frame(scene):
    sheet = scene.sheet()
    scene.margin = 0.25
    scene.scale = scene.random.uniform(0.25, 0.6)
    scene.digit(sheet)
    random = scene.random
    wide = max(1, round(choice(random, [0.003, 0.01, 0.02, 0.04]) * min(scene.size)))
    colour = choice(random, [(0, 0, 0), (200, 200, 200), (120, 120, 120), (255, 255, 255),
                             (70, 40, 20), (30, 60, 160)])
    for side in (np.s_[:wide], np.s_[-wide:], np.s_[:, :wide], np.s_[:, -wide:]):
        sheet.light[side] = np.asarray(colour, np.float32) / 255
    return finished(random, sheet.light, noise=choice(random, [0, 2]))


def transparent(scene):
    sheet = scene.sheet()
    scene.digit(sheet)
    image, _ = finished(scene.random, sheet.light)
    margin = round(scene.random.uniform(0.03, 0.25) * max(scene.size))
    hidden = choice(scene.random, [(0, 0, 0, 0), (255, 255, 255, 0)])
    large = Image.new("RGBA", [side + 2 * margin for side in scene.size], hidden)
    large.paste(image, (margin, margin))
    return large, None


def rounded(scene):
    sheet = scene.sheet()
    scene.margin = 0.2
    scene.digit(sheet)
    image, _ = finished(scene.random, sheet.light)
    mask = Image.new("L", image.size)
    radius = scene.random.uniform(0.06, 0.25) * min(image.size)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, *[s - 1 for s in image.size]), radius, 255)
    if scene.random.random() < 0.4:
        image.putalpha(mask)
        return image, None
    back = choice(scene.random, [(0, 0, 0), (255, 255, 255), (128, 128, 128)])
    return Image.composite(image, Image.new("RGB", image.size, back), mask), None


def corners(coefficients_of, to):
    """PIL's coefficients that draw a picture's corners at four other places."""
    rows, right = [], []
    for (x, y), (u, v) in zip(to, coefficients_of):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    return np.linalg.solve(np.array(rows, float), np.array(right, float))


def on_table(scene, dark, tilt, turn):
    random = scene.random
    sheet = scene.sheet()
    scene.margin = 0.1
    scene.digit(sheet)
    sheet.gradient(random.uniform(0.75, 1))
    width, height = scene.size
    wide, high = [round(side * random.uniform(1.25, 1.9)) for side in scene.size]
    if dark:
        colour = choice(random, [(45, 45, 45), (70, 50, 35), (30, 34, 50), (95, 70, 50), (60, 62, 60)])
    else:
        colour = choice(random, [(250, 250, 250), (245, 235, 220), (235, 240, 245)])
        sheet.light *= random.uniform(0.6, 0.8)
    table = np.ones((high, wide, 3), np.float32) * np.asarray(colour, np.float32) / 255
    if dark and random.random() < 0.5:  # wood
        waves = np.sin(np.linspace(0, random.uniform(20, 60), high))[:, None]
        waves = waves + 0.5 * np.sin(np.linspace(0, random.uniform(60, 140), high))[:, None]
        table *= (1 + random.uniform(0.04, 0.12) * waves)[..., None].astype(np.float32)
    small = random.normal(0, random.uniform(0.005, 0.04), (high // 3 + 1, wide // 3 + 1))
    table *= 1 + np.repeat(np.repeat(small, 3, 0), 3, 1)[:high, :wide, None].astype(np.float32)
    angle = math.radians(random.uniform(-turn, turn))
    left, top = (wide - width) * random.uniform(0.3, 0.7), (high - height) * random.uniform(0.3, 0.7)
    middle = np.array([left + width / 2, top + height / 2])
    places = []
    for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        x, y = sx * width / 2, sy * height / 2
        x *= 1 + random.uniform(-tilt, 0)
        y *= 1 + random.uniform(-tilt, 0)
        places.append(middle + [math.cos(angle) * x - math.sin(angle) * y,
                                math.sin(angle) * x + math.cos(angle) * y])
    found = corners([(0, 0), (width, 0), (width, height), (0, height)], places)
    light = Image.fromarray((np.clip(sheet.light, 0, 1) * 255).astype(np.uint8))
    warped = light.transform((wide, high), Image.PERSPECTIVE, found, Image.BICUBIC)
    mask = Image.new("L", (width, height), 255).transform(
        (wide, high), Image.PERSPECTIVE, found, Image.BICUBIC)
    if random.random() < 0.6:  # the sheet's own shadow on the table
        off = max(1, round(0.01 * max(scene.size)))
        cast = mask.transform(mask.size, Image.AFFINE, (1, 0, -off, 0, 1, -off))
        cast = np.asarray(cast.filter(ImageFilter.GaussianBlur(off)), np.float32) / 255
        table *= (1 - 0.4 * cast)[..., None]
    mask = (np.asarray(mask, np.float32) / 255)[..., None]
    light = table * (1 - mask) + mask * np.asarray(warped, np.float32) / 255
    return scene.camera(light)


def ruled(scene, strength):
    random = scene.random
    sheet = scene.sheet()
    rule(scene, sheet, strength, squared=False)
    scene.digit(sheet)
    sheet.gradient(random.uniform(0.7, 1))
    return scene.camera(sheet.light)


def rule(scene, sheet, strength, squared, margin_line=None):
    """Lines of `strength` times the pen's contrast."""
    random = scene.random
    apart = scene.drawn_height * random.uniform(0.25, 1.3) / (1.4 if squared else 1)
    apart = max(6, apart)
    wide = max(1.0, apart * random.uniform(0.02, 0.06))
    start = [random.uniform(0, apart), random.uniform(0, apart)]
    paper, pen = np.asarray(scene.paper, float), np.asarray(scene.pen, float)
    colour = paper + strength * (pen - paper)
    if random.random() < 0.5:
        colour = np.clip(colour + [-15, 0, 25], 0, 255)
    lean = random.uniform(-0.03, 0.03)

    def lines(draw, scale):
        long = max(sheet.width, sheet.height)
        for axis in (0, 1) if squared else (1,):
            at = start[axis] - apart * math.ceil(abs(lean) * long / apart + 1)
            while at < long * (1 + abs(lean)):
                a, b = at, at + lean * long * (1 if axis else -1)
                place = (0, a, long, b) if axis else (a, 0, b, long)
                draw.line([scale * v for v in place], 255, max(1, round(scale * wide)))
                at += apart

    sheet.draw(lines, colour)
    if margin_line is None:
        margin_line = not squared and random.random() < 0.3
    if margin_line:
        x = sheet.width * random.uniform(0.04, 0.1)
        sheet.draw(lambda d, s: d.line((x * s, 0, x * s, sheet.height * s), 255,
                                       max(1, round(s * wide))), (215, 110, 110), 0.8)


def squared(scene):
    sheet = scene.sheet()
    rule(scene, sheet, scene.random.uniform(0.15, 0.4), squared=True)
    scene.digit(sheet)
    sheet.gradient(scene.random.uniform(0.8, 1))
    return scene.camera(sheet.light)


def dotted(scene):
    random = scene.random
    sheet = scene.sheet()
    apart = max(7, scene.drawn_height * random.uniform(0.15, 0.5))
    radius = max(0.7, apart * random.uniform(0.04, 0.08))
    paper, pen = np.asarray(scene.paper, float), np.asarray(scene.pen, float)

    def dots(draw, scale):
        for y in np.arange(apart / 2, sheet.height, apart):
            for x in np.arange(apart / 3, sheet.width, apart):
                draw.ellipse([scale * v for v in (x - radius, y - radius, x + radius, y + radius)],
                             255)

    sheet.draw(dots, paper + random.uniform(0.25, 0.6) * (pen - paper))
    scene.digit(sheet)
    sheet.gradient(random.uniform(0.8, 1))
    return scene.camera(sheet.light)


def boxed(scene):
    random = scene.random
    sheet = scene.sheet()
    scene.drawn_height = round(min(scene.size) * random.uniform(0.25, 0.5))
    sharp = random.uniform(8, 20)
    ink = enlarged(scene.image, scene.drawn_height, sharp)
    high, wide = ink.shape
    # The array already has a margin of a fifth.
    w, h = [round(max(high, wide) * random.uniform(1.0, 1.4)), round(high * random.uniform(1.0, 1.3))]
    w, h = min(w, sheet.width - 6), min(h, sheet.height - 6)
    left = round(random.uniform(3, sheet.width - w - 3))
    top = round(random.uniform(3, sheet.height - h - 3))
    thick = max(1, scene.drawn_height * random.uniform(0.015, 0.06))
    colour = choice(random, [scene.pen, (90, 90, 90), (0, 0, 0), (60, 90, 150)])
    sheet.draw(lambda d, s: d.rectangle([s * v for v in (left, top, left + w, top + h)],
                                        outline=255, width=max(1, round(s * thick))), colour)
    scene.digit(sheet, ink, box=(left, top, left + w, top + h))
    return scene.camera(sheet.light)


def cells(scene):
    """A form's row of boxes that touch, one of them filled in."""
    random = scene.random
    sheet = scene.sheet()
    count = int(random.integers(3, 7))
    w = sheet.width * 0.92 / count
    h = min(w * random.uniform(1.0, 1.4), sheet.height * 0.8)
    left, top = sheet.width * 0.04, random.uniform(0.08, 0.92) * (sheet.height - h)
    thick = max(1, w * random.uniform(0.01, 0.035))
    colour = choice(random, [(120, 120, 120), (40, 40, 40), (180, 140, 140), (100, 140, 190)])

    def lines(d, s):
        for y in (top, top + h):
            d.line([s * v for v in (left, y, left + count * w, y)], 255, max(1, round(s * thick)))
        for at in range(count + 1):
            d.line([s * v for v in (left + at * w, top, left + at * w, top + h)], 255,
                   max(1, round(s * thick)))

    sheet.draw(lines, colour)
    height = round(min(w, h) * random.uniform(0.55, 0.7))
    ink = enlarged(scene.image, max(14, height), random.uniform(8, 20))
    at = int(random.integers(count))
    scene.digit(sheet, ink, box=tuple(round(v) for v in
                                      (left + at * w, top, left + (at + 1) * w, top + h)))
    return scene.camera(sheet.light)


def circled(scene):
    """A ring drawn around the digit by hand, whose ends overlap or do not quite meet."""
    random = scene.random
    sheet = scene.sheet()
    scene.drawn_height = round(min(scene.size) * random.uniform(0.25, 0.5))
    ink = enlarged(scene.image, scene.drawn_height, random.uniform(8, 20))
    high, wide = ink.shape
    rx, ry = max(wide, 0.6 * high) * random.uniform(0.65, 0.85), high * random.uniform(0.6, 0.75)
    rx, ry = min(rx, sheet.width / 2 - 4), min(ry, sheet.height / 2 - 4)
    x = random.uniform(rx + 3, sheet.width - rx - 3)
    y = random.uniform(ry + 3, sheet.height - ry - 3)
    thick = max(1, scene.drawn_height * random.uniform(0.02, 0.07))
    colour = choice(random, [scene.pen, scene.pen, (180, 30, 40)])
    turn, start = random.uniform(0, 2 * math.pi), random.uniform(0, 2 * math.pi)
    length = 2 * math.pi + random.uniform(-0.3, 0.5)
    wobble = random.uniform(0, 0.05)
    angles = [start + length * step / 120 for step in range(121)]
    path = []
    for angle in angles:
        r = 1 + wobble * math.sin(2 * angle + turn) - 0.04 * (angle - start) / length
        path.append((x + r * rx * math.cos(angle), y + r * ry * math.sin(angle)))
    sheet.draw(lambda d, s: d.line([(s * a, s * b) for a, b in path], 255,
                                   max(1, round(s * thick)), joint="curve"), colour)
    box = (x - rx * 0.9, y - ry * 0.9, x + rx * 0.9, y + ry * 0.9)
    scene.digit(sheet, ink, box=tuple(round(side) for side in box))
    return scene.camera(sheet.light)


def vignette(scene):
    """Light that falls off from the middle of the picture to its corners."""
    random = scene.random
    sheet = scene.sheet()
    scene.digit(sheet)
    y, x = np.mgrid[-1:1:sheet.height * 1j, -1:1:sheet.width * 1j]
    x, y = x - random.uniform(-0.2, 0.2), y - random.uniform(-0.2, 0.2)
    sheet.shade(((x * x + y * y) / 2).astype(np.float32), 1 - random.uniform(0.3, 0.65))
    return scene.camera(sheet.light)


def shadow(scene, soft):
    random = scene.random
    sheet = scene.sheet()
    scene.digit(sheet)
    width, height = scene.size
    image = Image.new("L", scene.size)
    draw = ImageDraw.Draw(image)
    kind = random.integers(3)
    if kind == 0:  # an edge across the picture
        angle = random.uniform(0, 2 * math.pi)
        x, y = width * random.uniform(0.25, 0.75), height * random.uniform(0.25, 0.75)
        far = 3 * max(width, height)
        c, s = math.cos(angle), math.sin(angle)
        draw.polygon([(x - far * s, y + far * c), (x + far * s, y - far * c),
                      (x + far * s + far * c, y - far * c + far * s),
                      (x - far * s + far * c, y + far * c + far * s)], fill=255)
    elif kind == 1:  # a head
        x, y = width * random.uniform(0, 1), height * random.uniform(0.6, 1.1)
        r = min(width, height) * random.uniform(0.3, 0.6)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=255)
    else:  # a hand's fingers or a pen
        for _ in range(int(random.integers(1, 4))):
            x, y = width * random.uniform(0.1, 1), height * random.uniform(0.1, 1)
            draw.line((x, y, width * random.uniform(0.7, 1.3), height * 1.2), fill=255,
                      width=max(2, round(min(width, height) * random.uniform(0.08, 0.2))))
    radius = max(width, height) * (random.uniform(0.03, 0.1) if soft else random.uniform(0, 0.006))
    mask = np.asarray(image.filter(ImageFilter.GaussianBlur(radius)), np.float32) / 255
    sheet.shade(mask, random.uniform(0.4, 0.75))
    sheet.gradient(random.uniform(0.8, 1))
    return scene.camera(sheet.light)


def glare(scene):
    random = scene.random
    scene.paper = choice(random, PAPERS[1:])
    sheet = scene.sheet()
    scene.digit(sheet)
    sheet.light *= random.uniform(0.6, 0.8)
    y, x = np.mgrid[0:scene.size[1], 0:scene.size[0]].astype(np.float32)
    cx, cy = [side * random.uniform(0.1, 0.9) for side in scene.size]
    r = min(scene.size) * random.uniform(0.15, 0.4)
    stretch = random.uniform(0.5, 2)
    spot = np.exp(-((x - cx) ** 2 * stretch + (y - cy) ** 2 / stretch) / (2 * r * r))
    sheet.light += (random.uniform(0.2, 0.5) * spot)[..., None]
    return scene.camera(sheet.light)


def fold(scene):
    random = scene.random
    sheet = scene.sheet()
    scene.digit(sheet)
    y, x = np.mgrid[0:scene.size[1], 0:scene.size[0]].astype(np.float32)
    for _ in range(int(random.integers(1, 3))):
        angle = choice(random, [0, math.pi / 2]) + random.uniform(-0.1, 0.1)
        cx, cy = [side * random.uniform(0.25, 0.75) for side in scene.size]
        away = (x - cx) * math.cos(angle) + (y - cy) * math.sin(angle)
        r = min(scene.size)
        side = 1 - random.uniform(0.05, 0.2) * (away > 0) * np.exp(-np.abs(away) / (0.4 * r))
        thin = r * random.uniform(0.003, 0.01)
        crease = -random.uniform(0.1, 0.3) * np.exp(-(away / thin) ** 2)
        light = random.uniform(0, 0.12) * np.exp(-((away - 2 * thin) / (2 * thin)) ** 2)
        sheet.light *= (side + crease + light)[..., None].astype(np.float32)
    sheet.gradient(random.uniform(0.8, 1))
    return scene.camera(sheet.light)


def noisy(scene):
    sheet = scene.sheet()
    scene.digit(sheet)
    return scene.camera(sheet.light, noise=scene.random.uniform(12, 30))


def dark_webcam(scene):
    """A contrast of 40 to 80 shades with noise of 4 to 9."""
    random = scene.random
    scene.size = choice(random, [[640, 480], [320, 240], [1280, 720]])
    scene.scale = random.uniform(0.3, 0.7)
    sheet = scene.sheet()
    scene.digit(sheet, strength=0.9)
    sheet.gradient(random.uniform(0.5, 0.8))
    sheet.light *= random.uniform(0.3, 0.42)
    return scene.camera(sheet.light, noise=random.uniform(3, 7), quality=choice(random, [60, 80]))


def blurred(scene):
    sheet = scene.sheet()
    scene.digit(sheet)
    blur = scene.drawn_height * scene.random.uniform(0.02, 0.06)
    return scene.camera(sheet.light, blur=blur)


def tight(scene):
    random = scene.random
    height = round(math.exp(random.uniform(math.log(60), math.log(600))))
    ink = crop((enlarged(scene.image, height, random.uniform(8, 20)) * 255).astype(np.uint8))
    ink = np.pad(ink, int(random.integers(0, 3))) / np.float32(255)
    scene.size = [max(3, ink.shape[1]), ink.shape[0]]
    sheet = Sheet(random, ink.shape[1], ink.shape[0], scene.paper)
    sheet.place(ink, 0, 0, scene.pen)
    return finished(random, sheet.light, noise=choice(random, [0, 0, 3]))


def pen(scene, low, high):
    sheet = scene.sheet()
    scene.digit(sheet, drawn_with(scene.image, scene.drawn_height, scene.random.uniform(low, high)))
    sheet.gradient(scene.random.uniform(0.75, 1))
    return scene.camera(sheet.light)


def pencil(scene):
    scene.pen = choice(scene.random, [(120, 120, 122), (140, 140, 140), (105, 105, 110)])
    scene.paper = choice(scene.random, PAPERS[:4])
    sheet = scene.sheet()
    width = scene.random.uniform(0.05, 0.1)
    ink = drawn_with(scene.image, scene.drawn_height, width)
    ink = ink * np.clip(scene.random.normal(0.85, 0.15, ink.shape), 0, 1).astype(np.float32)
    scene.digit(sheet, ink)
    sheet.gradient(scene.random.uniform(0.75, 1))
    return scene.camera(sheet.light)


def blue(scene):
    scene.pen = choice(scene.random, [(30, 50, 160), (60, 90, 200), (20, 30, 120), (90, 120, 220)])
    return photo(scene)


def coloured(scene):
    scene.paper = choice(scene.random, [(250, 230, 110), (250, 180, 190), (160, 220, 170),
                                        (150, 200, 240), (200, 160, 110), (170, 140, 200)])
    scene.pen = choice(scene.random, [(20, 20, 20), (30, 40, 130), (170, 30, 40), (10, 80, 40)])
    return photo(scene)


def whiteboard(scene):
    random = scene.random
    scene.paper = choice(random, [(235, 238, 240), (215, 220, 222), (245, 245, 245)])
    scene.pen = choice(random, [(25, 25, 30), (30, 60, 170), (180, 30, 40), (20, 120, 60)])
    sheet = scene.sheet()
    smear = drawn_with(scene.image, max(12, scene.drawn_height // 2), 0.2)
    smear = np.asarray(Image.fromarray((smear * 255).astype(np.uint8)).filter(
        ImageFilter.GaussianBlur(scene.drawn_height * 0.05)), np.float32) / 255
    scene.digit(sheet, smear, strength=random.uniform(0, 0.05))
    scene.digit(sheet)
    y, x = np.mgrid[0:scene.size[1], 0:scene.size[0]].astype(np.float32)
    cx, cy = [side * random.uniform(0, 1) for side in scene.size]
    r = min(scene.size) * random.uniform(0.2, 0.5)
    spot = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * r * r))
    sheet.light = sheet.light * 0.85 + random.uniform(0, 0.15) * spot[..., None]
    return scene.camera(sheet.light)


def blackboard(scene):
    random = scene.random
    scene.paper = choice(random, [(35, 60, 48), (30, 32, 34), (45, 50, 60), (22, 40, 34)])
    scene.pen = choice(random, [(235, 235, 225), (240, 230, 140), (220, 190, 190)])
    sheet = scene.sheet()
    small = random.normal(0, 1, (9, 9)).astype(np.float32)  # wiped chalk
    cloud = np.asarray(Image.fromarray(small).resize(scene.size, Image.BICUBIC))
    sheet.light += (random.uniform(0.005, 0.03) * cloud)[..., None]
    ink = enlarged(scene.image, scene.drawn_height, random.uniform(8, 20))
    ink = ink * np.clip(random.normal(0.9, 0.2, ink.shape), 0, 1).astype(np.float32)
    scene.digit(sheet, ink)
    sheet.gradient(random.uniform(0.7, 1))
    return scene.camera(sheet.light)


def dirt(scene):
    random = scene.random
    sheet = scene.sheet()
    scene.margin, scene.scale = 0.3, random.uniform(0.25, 0.5)
    scene.drawn_height = round(scene.scale * min(scene.size))
    scene.digit(sheet)
    width, height = scene.size
    for _ in range(int(random.integers(1, 4))):
        side = random.integers(4)
        along = random.uniform(0, 1)
        x, y = [(along * width, 0), (along * width, height), (0, along * height),
                (width, along * height)][side]
        rx, ry = [min(scene.size) * random.uniform(0.01, 0.08) for _ in range(2)]
        sheet.draw(lambda d, s: d.ellipse([s * v for v in (x - rx, y - ry, x + rx, y + ry)],
                                          fill=255),
                   choice(random, [(10, 10, 10), (90, 70, 50), (140, 130, 120)]),
                   soft=choice(random, [0, 1, 3]))
    for _ in range(int(random.integers(0, 12))):  # specks anywhere
        x, y = random.uniform(0, width), random.uniform(0, height)
        r = scene.drawn_height * random.uniform(0.005, 0.02)
        sheet.draw(lambda d, s: d.ellipse([s * v for v in (x - r, y - r, x + r, y + r)], fill=255),
                   (90, 90, 90))
    return scene.camera(sheet.light)


def jpeg(scene):
    sheet = scene.sheet()
    scene.digit(sheet)
    sheet.gradient(scene.random.uniform(0.7, 1))
    return scene.camera(sheet.light, noise=1, quality=int(scene.random.integers(6, 22)))


def rotated(scene):
    random = scene.random
    sheet = scene.sheet()
    ink = enlarged(scene.image, scene.drawn_height, random.uniform(8, 20))
    turned = Image.fromarray((np.pad(ink, ink.shape[0] // 6) * 255).astype(np.uint8)).rotate(
        random.uniform(-14, 14), Image.BICUBIC)
    scene.digit(sheet, np.asarray(turned, np.float32) / 255)
    sheet.gradient(random.uniform(0.7, 1))
    return scene.camera(sheet.light)


def small(scene):
    side = scene.random.uniform(60, 100)
    scene.size = [round(side), round(side * scene.random.uniform(0.8, 1.25))]
    scene.size = [max(60, side) for side in scene.size]
    scene.scale = scene.random.uniform(0.35, 0.75)
    return photo(scene)


def large(scene):
    scene.size = choice(scene.random, [[3000, 2250], [2250, 3000], [3000, 3000]])
    scene.scale = scene.random.uniform(0.08, 0.6)
    return photo(scene)


SITUATIONS = {
    "plain": plain,
    "photo": photo,
    "frame": frame,
    "transparent margin": transparent,
    "rounded corners": rounded,
    "sheet on dark table": lambda s: on_table(s, True, 0.02, 3),
    "sheet on light table": lambda s: on_table(s, False, 0.02, 3),
    "perspective": lambda s: on_table(s, s.random.random() < 0.75, 0.25, 12),
    "ruled 15%": lambda s: ruled(s, 0.15),
    "ruled 25%": lambda s: ruled(s, 0.25),
    "ruled 40%": lambda s: ruled(s, 0.40),
    "squared": squared,
    "dotted": dotted,
    "boxed": boxed,
    "form cells": cells,
    "circled": circled,
    "hard shadow": lambda s: shadow(s, False),
    "soft shadow": lambda s: shadow(s, True),
    "vignette": vignette,
    "glare": glare,
    "fold": fold,
    "noise": noisy,
    "dark webcam": dark_webcam,
    "blur": blurred,
    "tight crop": tight,
    "thin pen": lambda s: pen(s, 0.02, 0.045),
    "thick pen": lambda s: pen(s, 0.17, 0.24),
    "pencil": pencil,
    "blue ink": blue,
    "coloured paper": coloured,
    "whiteboard": whiteboard,
    "blackboard": blackboard,
    "dirt at the edge": dirt,
    "JPEG artefacts": jpeg,
    "rotation": rotated,
    "60 to 100 pixels": small,
    "3000 pixels": large,
}


def several(scene, images, paint):
    """Two to five digits in a row, on one of the papers above."""
    random = scene.random
    ratio = len(images)
    high = round(math.exp(random.uniform(math.log(90), math.log(500))))
    scene.size = [round(high * ratio * 0.62 + high * 0.5), high]
    scene.scale = random.uniform(0.42, 0.6)
    sheet = scene.sheet()
    paint(scene, sheet)
    left = sheet.width * 0.03
    middle = sheet.height * random.uniform(0.42, 0.58)
    for image in images:
        tall = round(scene.drawn_height * random.uniform(0.92, 1.08))
        ink = enlarged(image, tall, 14)
        ink = ink[:, np.flatnonzero(ink.max(0) > 0)[0]:np.flatnonzero(ink.max(0) > 0)[-1] + 1]
        top = round(middle - ink.shape[0] / 2 + random.uniform(-0.04, 0.04) * tall)
        sheet.place(ink, round(left), top, scene.pen)
        left += ink.shape[1] + tall * random.uniform(0.12, 0.35)
    sheet.gradient(random.uniform(0.75, 1))
    return scene.camera(sheet.light)


SEVERAL = {
    "several digits": lambda scene, sheet: None,
    "several, ruled": lambda scene, sheet: rule(scene, sheet, 0.3, False, False),
    "several, squared": lambda scene, sheet: rule(scene, sheet, 0.25, True),
}


def pictures(situation, images, labels, seed):
    """(text, picture, JPEG quality or None for PNG) of each picture of a situation."""
    name = zlib.crc32(situation.encode())
    random = np.random.default_rng([name, seed] if seed else name)
    for _ in range(COUNT):
        if situation in SEVERAL:
            chosen = random.integers(0, len(labels), int(random.integers(2, 6)))
            scene = Scene(random, images[chosen[0]])
            picture, quality = several(scene, images[chosen], SEVERAL[situation])
        else:
            chosen = random.integers(0, len(labels), 1)
            picture, quality = SITUATIONS[situation](Scene(random, images[chosen[0]]))
        yield "".join(str(labels[index]) for index in chosen), picture, quality


def run(arguments):
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")], done.stderr.strip()


def measure(situation, options, images, labels, directory):
    files = []
    for number, (text, picture, quality) in enumerate(pictures(situation, images, labels, options.seed)):
        name = f"{situation.replace(' ', '-').replace(',', '')}-{number:02}-{text}"
        file = directory / f"{name}.{'jpg' if quality else 'png'}"
        picture.save(file, **({"quality": quality} if quality else {"compress_level": 1}))
        files.append((text, str(file)))
    if options.save:
        return
    answers, _ = run([options.nntop, "predict", options.model, "--json", *(f for _, f in files)])
    said = {answer["image"]: answer for answer in answers}
    predicted = read = 0
    wrong = []
    for text, file in files:
        answer = said.get(file, {})
        one = str(answer.get("name", "-"))
        right = answer.get("digits", 1) > 1 if len(text) > 1 else one == text
        predicted += right
        lines, error = run([options.nntop, "read", options.model, "--json", file])
        whole = " / ".join(lines[0]["lines"]) if lines else error.split(": ", 2)[-1][:60]
        read += whole == text
        if not right or whole != text:
            wrong.append(f"{pathlib.Path(file).stem}: predict {one}, read {whole}")
    print(f"{situation:22} {predicted:7} {read:5}", flush=True)
    if options.verbose:
        for line in wrong:
            print("    " + line)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nntop", default="target/release/nntop")
    parser.add_argument("--model", default="assets/reader.safetensors")
    parser.add_argument("--only", nargs="+", metavar="PART", help="situations whose name contains")
    parser.add_argument("--seed", type=int, default=0, help="other pictures of the same kinds")
    parser.add_argument("--save", metavar="DIRECTORY", help="write the pictures, ask nothing")
    parser.add_argument("--verbose", action="store_true", help="every picture that was misread")
    options = parser.parse_args()
    images, labels = test_digits()
    names = [name for name in [*SITUATIONS, *SEVERAL]
             if not options.only or any(part in name for part in options.only)]
    if not options.save:
        print(f"{f'right of {COUNT}':22} predict  read")
    with tempfile.TemporaryDirectory() as temporary:
        directory = pathlib.Path(options.save or temporary)
        directory.mkdir(parents=True, exist_ok=True)
        for name in names:
            measure(name, options, images, labels, directory)


if __name__ == "__main__":
    main()
