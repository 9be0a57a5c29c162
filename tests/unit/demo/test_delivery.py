"""What is laid for the browser is signed once and never encoded again; a visitor's own photo is not signed."""

from pathlib import Path

import numpy as np
import pytest

from core.errors import CredentialsRefused
from core.images import decode_photo, encode_gif, resize
from core.marking import mark
from core.provenance import Made, own_signer, read
from demo.delivery import Delivery
from tests.honest_pictures import scene

MADE = Made(model="tiny", model_sha256="ab" * 32, ages=("70+",))


@pytest.fixture
def delivery(tmp_path: Path) -> Delivery:
    return Delivery(str(tmp_path))


def test_pictures_to_save_are_signed(delivery: Delivery, tmp_path: Path) -> None:
    photo = mark(resize(scene(), 300, 300))
    path = Path(delivery.picture(photo, "agetrans_70-plus", MADE))
    assert path.name == "agetrans_70-plus.png" and tmp_path in path.parents
    told = read(path.read_bytes(), "image/png")
    assert told is not None and told.is_valid and told.made == MADE
    assert np.array_equal(decode_photo(path.read_bytes()), photo)


def test_other_files_are_signed_where_they_can_be(delivery: Delivery) -> None:
    gif = Path(delivery.file(encode_gif([resize(scene(), 300, 300)], 5), "agetrans.gif"))
    told = read(gif.read_bytes(), "image/gif")
    assert told is not None and told.is_valid and told.made is None
    assert Path(delivery.file(b"PK", "agetrans.zip", MADE)).read_bytes() == b"PK"


def test_what_is_shown_is_signed_if_it_was_made_here(delivery: Delivery) -> None:
    photo = resize(scene(), 256, 256)
    own = Path(delivery.show(photo, "today"))
    assert read(own.read_bytes(), "image/jpeg") is None
    made = Path(delivery.show(mark(photo), "70+", MADE))
    told = read(made.read_bytes(), "image/jpeg")
    assert told is not None and told.is_valid and told.made == MADE


def test_a_wrong_key_is_said_before_anybody_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_signer.cache_clear()
    monkeypatch.setenv("AGETRANS_C2PA_KEY", str(tmp_path / "none.pem"))
    with pytest.raises(CredentialsRefused, match="AGETRANS_C2PA_CERTIFICATES is not"):
        Delivery(str(tmp_path))
    monkeypatch.undo()
    Delivery(str(tmp_path))
