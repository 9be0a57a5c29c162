"""Keys: named by the environment or made here, once, readable by their owner only, and never shown."""

import logging
import multiprocessing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from core import credentials as module
from core.credentials import Credentials, credentials, data_folder, keep, make
from core.errors import CredentialsRefused


def pem(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey, password: bytes = b""
) -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def own(folder: Path) -> Credentials:
    return credentials({"AGETRANS_DATA": str(folder)})


@pytest.fixture
def named(tmp_path: Path) -> dict[str, str]:
    """An environment that names a key and its certificates."""
    made = own(tmp_path / "elsewhere")
    (tmp_path / "key.pem").write_bytes(made.key_pem)
    (tmp_path / "certificates.pem").write_bytes(made.certificates_pem)
    return {
        "AGETRANS_C2PA_KEY": str(tmp_path / "key.pem"),
        "AGETRANS_C2PA_CERTIFICATES": str(tmp_path / "certificates.pem"),
        "AGETRANS_DATA": str(tmp_path / "data"),
    }


def test_a_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    first = own(tmp_path / "new" / "data")
    file = tmp_path / "new" / "data" / "signing.pem"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in file.parent.iterdir()] == ["signing.pem"]
    assert own(tmp_path / "new" / "data") == first
    assert (first.algorithm, first.is_own) == ("es256", True)
    assert own(tmp_path / "other").key_pem != first.key_pem


def test_certificates_say_nothing_about_machine_or_user(tmp_path: Path) -> None:
    certificate, root = x509.load_pem_x509_certificates(own(tmp_path).certificates_pem)
    assert certificate.issuer == root.subject
    certificate.verify_directly_issued_by(root)
    names = {part.value for one in (certificate, root) for part in one.subject}
    assert names == {"AgeTrans", "AgeTrans, made at install, vouched for by nobody", "AgeTrans, root made at install"}
    assert certificate.not_valid_after_utc - datetime.now(UTC) > timedelta(days=3600)


def test_key_and_certificates_of_the_environment_are_taken(named: dict[str, str]) -> None:
    taken = credentials(named)
    assert taken.key_pem == Path(named["AGETRANS_C2PA_KEY"]).read_bytes()
    assert not taken.is_own
    assert not Path(named["AGETRANS_DATA"]).exists(), "none is made beside it"


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ec.generate_private_key(ec.SECP384R1()), "es384"),
        (ec.generate_private_key(ec.SECP521R1()), "es512"),
        (ed25519.Ed25519PrivateKey.generate(), "ed25519"),
        (rsa.generate_private_key(65537, 2048), "ps256"),
    ],
)
def test_the_algorithm_follows_from_the_key(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey, algorithm: str
) -> None:
    assert module._algorithm(key) == algorithm


def test_half_of_it_is_refused(named: dict[str, str]) -> None:
    for missing in ("AGETRANS_C2PA_KEY", "AGETRANS_C2PA_CERTIFICATES"):
        half = {name: value for name, value in named.items() if name != missing}
        with pytest.raises(CredentialsRefused, match=f"is set and {missing} is not"):
            credentials(half)
        with pytest.raises(CredentialsRefused, match=f"is set and {missing} is not"):
            credentials({**named, missing: ""})


def test_what_does_not_fit_is_one_sentence_without_the_key(named: dict[str, str], tmp_path: Path) -> None:
    key, certificates = Path(named["AGETRANS_C2PA_KEY"]), Path(named["AGETRANS_C2PA_CERTIFICATES"])
    good = (key.read_bytes(), certificates.read_bytes())
    secp256k1 = ec.generate_private_key(ec.SECP256K1())
    cases = [
        (b"CANARY", good[1], "holds no private key in PEM"),
        (good[1], good[1], "holds no private key in PEM"),
        (pem(ec.generate_private_key(ec.SECP256R1()), b"CANARY"), good[1], "without a password"),
        (pem(secp256k1), good[1], "cannot sign for C2PA"),
        (pem(rsa.generate_private_key(65537, 1024)), good[1], "cannot sign for C2PA"),
        (good[0], b"CANARY", "are no certificates"),
        (good[0], own(tmp_path / "other").certificates_pem, "is of another key"),
        (own(tmp_path / "other").key_pem, good[1], "is of another key"),
    ]
    for key_pem, certificates_pem, sentence in cases:
        key.write_bytes(key_pem)
        certificates.write_bytes(certificates_pem)
        with pytest.raises(CredentialsRefused, match=sentence) as refused:
            credentials(named)
        assert "CANARY" not in str(refused.value) and "BEGIN" not in str(refused.value)
        assert refused.value.__suppress_context__ or refused.value.__context__ is None
    with pytest.raises(CredentialsRefused, match="AGETRANS_C2PA_KEY names /nowhere, which cannot be read"):
        credentials({**named, "AGETRANS_C2PA_KEY": "/nowhere"})
    with pytest.raises(CredentialsRefused, match="cannot be read"):
        credentials({**named, "AGETRANS_C2PA_CERTIFICATES": str(tmp_path)})


def test_a_certificate_of_another_time_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "VALID_FOR", timedelta(hours=-1))
    with pytest.raises(CredentialsRefused, match="not today; delete that file and another is made"):
        own(tmp_path)


@pytest.mark.parametrize("data", [b"", b"CANARY", make()[:300], make()[500:]])
def test_a_damaged_file_is_not_passed_over(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "signing.pem").write_bytes(data)
    with pytest.raises(CredentialsRefused, match=r"signing\.pem is damaged; delete it"):
        own(tmp_path)


def test_where_nothing_can_be_kept_the_key_is_for_this_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        made = own(tmp_path / "file" / "data")
    assert made.is_own and made.key_pem
    assert "for this run only" in caplog.text
    assert "PRIVATE" not in caplog.text


def test_secrets_are_not_in_the_repr(tmp_path: Path) -> None:
    made = own(tmp_path)
    assert "BEGIN" not in repr(made) and "pem" not in repr(made)


def first_key(folder: str, gate: "multiprocessing.synchronize.Barrier", keys: "multiprocessing.Queue[bytes]") -> None:
    gate.wait(30)
    keys.put(own(Path(folder)).key_pem)


def test_processes_that_start_together_use_one_key(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("fork")
    gate, keys = spawn.Barrier(6), spawn.Queue()
    racers = [spawn.Process(target=first_key, args=(str(tmp_path), gate, keys)) for _ in range(6)]
    for racer in racers:
        racer.start()
    found = {keys.get(timeout=60) for _ in racers}
    for racer in racers:
        racer.join(30)
    assert found == {own(tmp_path).key_pem}
    assert [entry.name for entry in tmp_path.iterdir()] == ["signing.pem"]


def test_who_comes_second_gets_what_the_first_wrote(tmp_path: Path) -> None:
    assert keep(b"first", tmp_path / "x") == b"first"
    assert keep(b"second", tmp_path / "x") == b"first"
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"]


def test_the_data_folder_is_the_users() -> None:
    assert data_folder({"AGETRANS_DATA": "/a/b", "XDG_DATA_HOME": "/c"}) == Path("/a/b")
    assert data_folder({"XDG_DATA_HOME": "/c"}) == Path("/c/agetrans")
    assert data_folder({"XDG_DATA_HOME": "relative"}) == Path.home() / ".local/share/agetrans"
    assert data_folder({}) == Path.home() / ".local/share/agetrans"
