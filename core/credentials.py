"""The private key that files are signed with, and the certificates that say whose it is.

Both come from files that the environment names, or are made when first needed and kept in the user's data folder.
Nobody vouches for a key made here: what is signed with it is valid, and untrusted.
"""

import logging
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from core.errors import CredentialsRefused

KEY_VARIABLE: Final = "AGETRANS_C2PA_KEY"
CERTIFICATES_VARIABLE: Final = "AGETRANS_C2PA_CERTIFICATES"
DATA_VARIABLE: Final = "AGETRANS_DATA"
OWN_FILE: Final = "signing.pem"
"""Key and certificates together, so that one file is one moment's work."""
MAX_FILE_BYTES: Final = 1 << 20
VALID_FOR: Final = timedelta(days=3650)
CURVES: Final = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
BLOCK: Final = re.compile(rb"-----BEGIN ([A-Z ]+)-----.+?-----END \1-----\n?", re.DOTALL)

log = logging.getLogger(__name__)

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, kw_only=True, slots=True)
class Credentials:
    """What is needed to sign. Neither field that holds secrets or long texts is in its repr."""

    key_pem: bytes = field(repr=False)
    """The private key, PEM, not encrypted."""
    certificates_pem: bytes = field(repr=False)
    """The certificate of the key, then those that vouch for it, PEM."""
    algorithm: str
    """As C2PA names it: "es256", "ps256", "ed25519" and so on; it follows from the key."""
    is_own: bool
    """Made here, so that nobody vouches for it."""


def credentials(environment: Mapping[str, str] = os.environ) -> Credentials:
    """The key and certificates that the environment names, else those of this installation, made if need be.

    Args:
        environment: `AGETRANS_C2PA_KEY` and `AGETRANS_C2PA_CERTIFICATES`, paths of PEM files, both or neither;
            `AGETRANS_DATA`, the folder for what is made here (else the user's data folder).
    Raises:
        CredentialsRefused: only one of the two is named, a file cannot be read, the two do not belong together,
            or the time of the certificate is over.
    """
    key, certificates = environment.get(KEY_VARIABLE, ""), environment.get(CERTIFICATES_VARIABLE, "")
    if bool(key) != bool(certificates):
        named, missing = (KEY_VARIABLE, CERTIFICATES_VARIABLE) if key else (CERTIFICATES_VARIABLE, KEY_VARIABLE)
        raise CredentialsRefused(f"{named} is set and {missing} is not: set both to paths of PEM files, or neither.")
    if key:
        return checked(_file(key, KEY_VARIABLE), _file(certificates, CERTIFICATES_VARIABLE), key, is_own=False)
    path = data_folder(environment) / OWN_FILE
    try:
        return split(path.read_bytes() if path.is_file() else keep(make(), path), path)
    except OSError as error:
        log.warning("%s cannot be kept (%s): files are signed with a key for this run only", path, error.strerror)
        return split(make(), path)


def data_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Folder for what this program keeps for its user: `AGETRANS_DATA`, else agetrans in the user's data folder."""
    if named := environment.get(DATA_VARIABLE):
        return Path(named)
    home = environment.get("XDG_DATA_HOME", "")
    # The specification has relative paths ignored.
    return (Path(home) if home.startswith("/") else Path("~/.local/share").expanduser()) / "agetrans"


def checked(key_pem: bytes, certificates_pem: bytes, name: str, *, is_own: bool) -> Credentials:
    """Credentials of which key and certificates fit together, today. Raises CredentialsRefused with `name` in it."""
    # The libraries' own words are left out: they may quote what they could not read.
    try:
        key = load_pem_private_key(key_pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise CredentialsRefused(f"{name} holds no private key in PEM without a password.") from None
    algorithm = _algorithm(key)
    if algorithm is None:
        raise CredentialsRefused(
            f"The key in {name} cannot sign for C2PA: use ECDSA (P-256, P-384, P-521), Ed25519, or RSA of 2048 bits up."
        )
    try:
        first = x509.load_pem_x509_certificates(certificates_pem)[0]
    except ValueError:
        raise CredentialsRefused(f"The certificates that go with {name} are no certificates in PEM.") from None
    # For the type checker; `_algorithm` knows no other kinds.
    assert isinstance(key, PrivateKey)
    spki = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if first.public_key().public_bytes(*spki) != key.public_key().public_bytes(*spki):
        raise CredentialsRefused(
            f"The first certificate that goes with {name} is of another key; put the one of this key first."
        )
    if not first.not_valid_before_utc <= datetime.now(UTC) <= first.not_valid_after_utc:
        raise CredentialsRefused(
            f"The certificate that goes with {name} is valid from {first.not_valid_before_utc:%Y-%m-%d} to "
            f"{first.not_valid_after_utc:%Y-%m-%d}, not today; "
            + ("delete that file and another is made." if is_own else "name another.")
        )
    return Credentials(key_pem=key_pem, certificates_pem=certificates_pem, algorithm=algorithm, is_own=is_own)


def split(data: bytes, path: Path) -> Credentials:
    """Credentials from a file that was made here: the key, then its certificates."""
    blocks = {b"PRIVATE KEY": b"", b"CERTIFICATE": b""}
    for block in BLOCK.finditer(data):
        blocks[block[1]] = blocks.get(block[1], b"") + block[0]
    if not all(blocks.values()):
        raise CredentialsRefused(f"{path} is damaged; delete it and another is made.")
    return checked(blocks[b"PRIVATE KEY"], blocks[b"CERTIFICATE"], str(path), is_own=True)


def keep(data: bytes, path: Path) -> bytes:
    """Write what only this user may read to `path`, and give it back; or what another process wrote there first.

    Raises:
        OSError: the folder cannot be made or written.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.") as draft:  # 0600, as all such files
        draft.write(data)
        draft.flush()
        os.fsync(draft.fileno())
        # A link, unlike a renaming, fails where there is a file: of two processes one is first, and both use its key.
        with suppress(FileExistsError):
            os.link(draft.name, path)
    return path.read_bytes()


def make() -> bytes:
    """A new key (ECDSA, P-256), its certificate and the root that it is signed with, whose key is thrown away; PEM.

    The certificates say nothing about the machine or its user.
    """
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name, name = _name("AgeTrans, root made at install"), _name("AgeTrans, made at install, vouched for by nobody")
    root = (
        _certificate(root_name, root_name, root_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    certificate = (
        _certificate(name, root_name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage("digital_signature"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    pem = Encoding.PEM
    secret = key.private_bytes(pem, PrivateFormat.PKCS8, NoEncryption())
    return secret + certificate.public_bytes(pem) + root.public_bytes(pem)


def _file(path: str, variable: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(MAX_FILE_BYTES)
    except OSError as error:
        raise CredentialsRefused(f"{variable} names {path}, which cannot be read ({error.strerror}).") from None


def _algorithm(key: object) -> str | None:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return CURVES.get(key.curve.name)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    return "ps256" if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048 else None


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "AgeTrans"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # clocks differ
        .not_valid_after(now + VALID_FOR)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*allowed: str) -> x509.KeyUsage:
    kinds = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")  # fmt: skip
    return x509.KeyUsage(**{kind: kind in allowed for kind in kinds})
