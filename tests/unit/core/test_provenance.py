"""Manifests: valid as served, broken by any change, and silent about people."""

import io
import json
import os
import subprocess
import sys
import threading
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import c2pa
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from PIL import Image

from core.credentials import credentials
from core.errors import CredentialsRefused
from core.images import decode_photo, encode_gif, encode_jpeg, encode_png, resize
from core.provenance import MEDIA_TYPES, SOURCE_TYPE, VERSION, Made, Signer, read, sign_file, signed
from core.video import write_mp4
from tests.honest_pictures import scene

ROOT = Path(__file__).resolve().parents[3]
MADE = Made(model="tiny", model_sha256="ab" * 32, ages=("20-29", "70+"))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """One small file of every kind, by suffix."""
    photo = resize(scene(), 320, 288)
    film = tmp_path_factory.mktemp("film") / "film.mp4"
    write_mp4([np.roll(photo, 4 * step, axis=1) for step in range(6)], film)
    webp = io.BytesIO()
    Image.fromarray(photo).save(webp, "WEBP")
    return {
        ".jpg": encode_jpeg(photo),
        ".png": encode_png(photo),
        ".gif": encode_gif([photo, photo[::-1]], 5),
        ".webp": webp.getvalue(),
        ".mp4": film.read_bytes(),
    }


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".gif", ".webp", ".mp4"])
def test_every_kind_of_file_tells_how_it_was_made(files: dict[str, bytes], suffix: str) -> None:
    data = signed(files[suffix], f"agetrans{suffix}", MADE)
    assert len(files[suffix]) < len(data) < len(files[suffix]) + 16_000, "a manifest, and no thumbnail"
    told = read(data, MEDIA_TYPES[suffix])
    assert told is not None
    assert (told.is_valid, told.is_trusted, told.faults) == (True, False, ())
    assert told.generator == f"AgeTrans {VERSION}"
    assert told.source_type == "compositeWithTrainedAlgorithmicMedia"
    assert told.signed_by == "AgeTrans, made at install, vouched for by nobody"
    assert told.made == MADE
    assert read(files[suffix], MEDIA_TYPES[suffix]) is None


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".gif", ".webp"])
def test_pixels_stay_as_they_were(files: dict[str, bytes], suffix: str) -> None:
    assert np.array_equal(decode_photo(signed(files[suffix], suffix)), decode_photo(files[suffix]))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".gif", ".mp4"])
def test_a_change_of_one_bit_is_told(files: dict[str, bytes], suffix: str) -> None:
    data = bytearray(signed(files[suffix], suffix, MADE))
    data[-300] ^= 1  # among the pixels, or the samples
    told = read(bytes(data), MEDIA_TYPES[suffix])
    assert told is not None and not told.is_valid
    assert any("mismatch" in fault for fault in told.faults)


def test_saving_again_takes_it_away(files: dict[str, bytes]) -> None:
    data = signed(files[".jpg"], ".jpg", MADE)
    assert read(encode_jpeg(decode_photo(data)), "image/jpeg") is None


def test_a_manifest_of_another_file_does_not_pass(files: dict[str, bytes]) -> None:
    """The manifest lies in front of the picture: that of one JPEG put before another."""
    one = signed(files[".jpg"], ".jpg", MADE)
    extra = len(one) - len(files[".jpg"])
    start = next(at for at in range(len(one)) if one[at] != files[".jpg"][at])
    other = encode_jpeg(resize(scene(), 300, 300))
    assert files[".jpg"] == one[:start] + one[start + extra :]
    told = read(other[:start] + one[start : start + extra] + other[start:], "image/jpeg")
    assert told is not None and not told.is_valid


def test_nothing_else_is_told(files: dict[str, bytes]) -> None:
    """What a reader of C2PA's own finds: one action, the model and the ages; no thumbnail, no title."""
    reader = c2pa.Reader("image/png", io.BytesIO(signed(files[".png"], "name of a person.png", MADE)))
    manifest = reader.get_active_manifest()
    assert manifest is not None
    assert {assertion["label"] for assertion in manifest["assertions"]} == {"c2pa.actions.v2", "agetrans.aging"}
    actions = manifest["assertions"][0]["data"]["actions"]
    agent = {"name": "AgeTrans", "version": VERSION}
    assert actions == [{"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE, "softwareAgent": agent}]
    assert "thumbnail" not in manifest and "title" not in manifest and not manifest.get("ingredients")
    assert "name of a person" not in json.dumps(manifest)


def test_version_is_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION


def test_who_is_vouched_for_is_trusted(files: dict[str, bytes], tmp_path: Path) -> None:
    own = credentials({"AGETRANS_DATA": str(tmp_path / "one")})
    data = Signer(own).sign(files[".png"], "image/png")
    root = own.certificates_pem[own.certificates_pem.rindex(b"-----BEGIN") :]
    trusted = read(data, "image/png", root)
    assert trusted is not None and trusted.is_valid and trusted.is_trusted
    another = credentials({"AGETRANS_DATA": str(tmp_path / "two")}).certificates_pem
    doubted = read(data, "image/png", another[another.rindex(b"-----BEGIN") :])
    assert doubted is not None and doubted.is_valid and not doubted.is_trusted
    with pytest.raises(CredentialsRefused, match="anchors are no certificates"):
        read(data, "image/png", b"-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----\n")


def test_a_certificate_that_may_not_sign_is_refused_at_once(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a web server")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 5, now - timedelta(1), now + timedelta(9))
    (tmp_path / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "web.pem").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    environment = {
        "AGETRANS_C2PA_KEY": str(tmp_path / "key.pem"),
        "AGETRANS_C2PA_CERTIFICATES": str(tmp_path / "web.pem"),
    }
    with pytest.raises(CredentialsRefused, match="C2PA does not take the certificate"):
        Signer(credentials(environment))


def test_what_is_no_picture_is_left_alone_or_refused() -> None:
    assert signed(b"PK", "agetrans.zip", MADE) == b"PK"
    assert signed(b"{}", "record.json") == b"{}"
    with pytest.raises(ValueError, match="could not be signed as image/png"):
        signed(b"no picture", "x.png")
    with pytest.raises(ValueError, match="text/plain"):
        read(b"", "text/plain")
    garbage = read(b"no picture", "image/png")
    assert garbage is not None and not garbage.is_valid


def test_a_file_is_signed_where_it_lies(files: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(files[".mp4"])
    sign_file(path, MADE)
    told = read(path.read_bytes(), "video/mp4")
    assert told is not None and told.is_valid and told.made == MADE
    assert [entry.name for entry in tmp_path.iterdir()] == ["film.mp4"]


def test_a_draft_is_signed_as_what_it_will_be(files: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / ".film.mp4.part"
    path.write_bytes(files[".mp4"])
    sign_file(path, MADE)
    assert path.read_bytes() == files[".mp4"]
    sign_file(path, MADE, "film.mp4")
    told = read(path.read_bytes(), "video/mp4")
    assert told is not None and told.is_valid and told.made == MADE


def test_threads_share_a_signer(files: dict[str, bytes]) -> None:
    made: list[bool] = []

    def work(number: int) -> None:
        mine = Made(model=str(number), model_sha256="", ages=())
        for _ in range(5):
            told = read(signed(files[".jpg"], ".jpg", mine), "image/jpeg")
            made.append(told is not None and told.is_valid and told.made == mine)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [True] * 20


OFFLINE = """
import sys
asked = []
def watch(event, args):
    if event.startswith("socket.") and event not in ("socket.__new__",):
        asked.append((event, args))
sys.addaudithook(watch)
from core.provenance import read, signed
data = signed(open(sys.argv[1], "rb").read(), sys.argv[1])
assert read(data, "image/png").is_valid
sys.exit(f"asked the network: {asked}" if asked else 0)
"""


def test_no_network_and_no_key_on_the_way(files: dict[str, bytes], tmp_path: Path) -> None:
    """Neither this program nor the library, which is not written in Python, opens a socket."""
    (tmp_path / "x.png").write_bytes(files[".png"])
    command = [sys.executable, "-c", OFFLINE, str(tmp_path / "x.png")]
    trace = tmp_path / "trace.txt"
    if Path("/usr/bin/strace").is_file():
        command = ["strace", "-f", "-qq", "-e", "trace=socket,connect", "-o", str(trace), *command]
    done = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "PRIVATE" not in done.stdout + done.stderr
    if trace.is_file():
        assert "AF_INET" not in trace.read_text()
