"""Drawn faces, seeded: an oval with eyes, brows and a mouth, whose wrinkles and hair follow the age."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw


def face(age_years: int, sex: int, random: np.random.Generator, size_px: int = 64) -> Image.Image:
    """A face of that age, the older the greyer and the more lined."""
    skin = tuple(int(v) for v in np.clip(np.array([215, 170, 140]) + random.normal(0, 15, 3), 60, 250))
    grey = int(40 + 1.8 * age_years)
    picture = Image.new("RGB", (size_px, size_px), (grey, grey, min(255, grey + 10)))
    draw = ImageDraw.Draw(picture)
    unit = size_px / 64
    draw.ellipse([6 * unit, 2 * unit, 58 * unit, 66 * unit], fill=skin)
    for x in (20, 44):
        draw.ellipse([(x - 5) * unit, 16 * unit, (x + 5) * unit, 22 * unit], fill=(245, 245, 245))
        draw.ellipse([(x - 2) * unit, 17 * unit, (x + 2) * unit, 21 * unit], fill=(40, 30, 20))
    for line in range(age_years // 12):
        y = (6 + 1.6 * line) * unit
        draw.line([16 * unit, y, 48 * unit, y], fill=tuple(max(0, value - 50) for value in skin))
    lips = (190, 70, 80) if sex else (150, 90, 80)
    draw.ellipse([22 * unit, 42 * unit, 42 * unit, 47 * unit], fill=lips)
    return picture


def face_parquet(path: Path, count: int = 64, seed: int = 0) -> Path:
    """Parquet of drawn faces with age, gender and jpeg; ages spread over all groups."""
    random = np.random.default_rng(seed)
    ages = [int(age) for age in np.linspace(0, 90, count)]
    sexes = [number % 2 for number in range(count)]
    pictures = []
    for age, sex in zip(ages, sexes, strict=True):
        buffer = io.BytesIO()
        face(age, sex, random).save(buffer, "JPEG", quality=92)
        pictures.append(buffer.getvalue())
    pq.write_table(pa.table({"age": pa.array(ages, pa.int16()), "gender": sexes, "jpeg": pictures}), path)
    return path
