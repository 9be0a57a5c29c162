"""Signed provenance (C2PA): what made a file, and that it is unchanged since.

A manifest says which program and which model made a picture or film, and what ages it shows. It says nothing about
the person, the photo or the age now, holds no thumbnail, and is made and read without any network. Saving a file
again takes it away; the label and the watermark stay.

Source: C2PA specification 2.2, actions and digital source types; the terms are IPTC's.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, Final

import c2pa

from core.credentials import Credentials, credentials
from core.errors import CredentialsRefused
from core.files import replacing

VERSION: Final = "0.1.0"
"""Of this program; the same as in pyproject.toml."""
GENERATOR: Final = "AgeTrans"
SOURCE_TYPE: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""A photo into which a trained model put something."""
ASSERTION: Final = "agetrans.aging"
MEDIA_TYPES: Final = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".mp4": "video/mp4",
}
"""What can be signed, by the end of a file's name."""
SETTINGS: Final[dict[str, Any]] = {
    "version": 1,
    "builder": {"thumbnail": {"enabled": False}},
    "verify": {"verify_after_sign": False, "remote_manifest_fetch": False, "ocsp_fetch": False},
}
UNTRUSTED: Final = "signingCredential.untrusted"


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """How a file was made, as far as a manifest tells."""

    model: str
    """Name of the model."""
    model_sha256: str
    """Of its weights."""
    ages: tuple[str, ...]
    """What the file shows: names of age groups ("20-29") or years ("63")."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """What a file's manifest says, and whether it holds."""

    is_valid: bool
    """Signed by whom it says, and not one byte changed since."""
    is_trusted: bool
    """Valid, and somebody among the given anchors vouches for who signed."""
    faults: tuple[str, ...]
    """C2PA's codes for what is wrong; a signer that nobody vouches for is not wrong."""
    generator: str
    """The program that made the file."""
    signed_by: str
    """Whom the certificate names."""
    source_type: str
    """IPTC's term for how it came about, the last part of its address; empty if none is told."""
    made: Made | None
    """What this program tells; None for other programs' files."""


class Signer:
    """Signs files with one key. Keeps nothing of them; may be shared between threads."""

    def __init__(self, own: Credentials) -> None:
        """Raises CredentialsRefused for a certificate that C2PA does not take."""
        info = c2pa.C2paSignerInfo(own.algorithm, own.certificates_pem, own.key_pem, None)
        self.is_own = own.is_own
        try:
            self._context = c2pa.Context(c2pa.Settings.from_dict(SETTINGS), c2pa.Signer.from_info(info))
            c2pa.Builder({"assertions": []}, self._context).sign("image/gif", io.BytesIO(TRIAL), io.BytesIO())
        except c2pa.C2paError:
            raise CredentialsRefused(
                "C2PA does not take the certificate that files are to be signed with: it has to allow digital "
                "signatures (key usage) for e-mail or documents (extended key usage), and another has to vouch for it."
            ) from None

    def sign(self, data: bytes, media_type: str, made: Made | None = None) -> bytes:
        """The same file with a manifest in it; its pixels, frames and sound are untouched.

        Args:
            data: a whole file as this program encodes it.
            media_type: one of `MEDIA_TYPES`.
            made: what the manifest is to tell beyond the program and its version.
        Raises:
            ValueError: another media type, or data of another kind.
        """
        target = io.BytesIO()
        self.sign_between(io.BytesIO(data), target, media_type, made)
        return target.getvalue()

    def sign_between(self, source: IO[bytes], target: IO[bytes], media_type: str, made: Made | None = None) -> None:
        """The same from one open file to another, neither of which is held in memory.

        Args:
            source: open for reading.
            target: empty, open for reading and writing.
        """
        if media_type not in MEDIA_TYPES.values():
            raise ValueError(f"files of type {media_type} are not signed; only {', '.join(MEDIA_TYPES)}")
        num_bytes = source.seek(0, io.SEEK_END)
        source.seek(0)
        agent = {"name": GENERATOR, "version": VERSION}
        action = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE, "softwareAgent": agent}
        assertions: list[dict[str, Any]] = [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}]
        if made is not None:
            told = {"model": made.model, "model_sha256": made.model_sha256, "ages": list(made.ages)}
            assertions.append({"label": ASSERTION, "data": told})
        try:
            manifest = {"claim_generator_info": [agent], "assertions": assertions}
            c2pa.Builder(manifest, self._context).sign(media_type, source, target)
        except c2pa.C2paError as error:
            raise ValueError(f"a file of {num_bytes} bytes could not be signed as {media_type}: {error}") from error


TRIAL: Final = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
"""A picture of one pixel: signed once to see whether a certificate is taken."""


@lru_cache(maxsize=1)
def own_signer() -> Signer:
    """The signer of this process, of the environment's credentials, opened once. Raises CredentialsRefused."""
    return Signer(credentials())


def signed(data: bytes, name: str, made: Made | None = None) -> bytes:
    """A made file, signed if its name ends as one of `MEDIA_TYPES`; others (ZIP, JSON) as they are.

    The members of a ZIP are to be signed before they go into it.

    Args:
        data: the whole file.
        name: its name, or the end of it: nothing else is looked at.
        made: see `Signer.sign`.
    Raises:
        CredentialsRefused: see `own_signer`.
    """
    media_type = media_type_named(name)
    return data if media_type is None else own_signer().sign(data, media_type, made)


def sign_file(path: Path, made: Made | None = None, name: str = "") -> None:
    """Sign a file where it lies, atomically and however large it is; as `signed`. Raises OSError too.

    Args:
        name: as which it is to lie, where that is not its name yet.
    """
    media_type = media_type_named(name or path.name)
    if media_type is not None:
        with replacing(path) as draft, path.open("rb") as source, draft.open("r+b") as target:
            own_signer().sign_between(source, target, media_type, made)


def media_type_named(name: str) -> str | None:
    """By the end of a file's name; None for files that are not signed."""
    return MEDIA_TYPES.get(f".{name.lower().rpartition('.')[2]}")


def read(data: bytes, media_type: str, anchors_pem: bytes = b"") -> Provenance | None:
    """What the manifest in a file says, of whatever program; None where there is none.

    Args:
        data: the whole file.
        media_type: one of `MEDIA_TYPES`.
        anchors_pem: certificates, PEM, of those whose word is trusted; without any nobody is.
    Raises:
        ValueError: another media type.
        CredentialsRefused: the anchors are no certificates.
    """
    if media_type not in MEDIA_TYPES.values():
        raise ValueError(
            f"files of type {media_type} carry no manifest that is read here; only {', '.join(MEDIA_TYPES)}"
        )
    context = _reading(anchors_pem)
    try:
        reader = c2pa.Reader.try_create(media_type, io.BytesIO(data), None, context)
    except c2pa.C2paError as error:
        return _broken(str(error))
    if reader is None:
        return None
    with reader:
        store = json.loads(reader.json())
    manifest = store["manifests"].get(store.get("active_manifest"), {})
    failures = store.get("validation_results", {}).get("activeManifest", {}).get("failure", [])
    codes = tuple(dict.fromkeys(str(failure["code"]) for failure in failures))
    state = store.get("validation_state")
    generators = manifest.get("claim_generator_info") or [{}]
    return Provenance(
        is_valid=state in ("Valid", "Trusted"),
        is_trusted=state == "Trusted",
        faults=tuple(code for code in codes if code != UNTRUSTED),
        generator=f"{generators[0].get('name', '')} {generators[0].get('version', '')}".strip(),
        signed_by=str(manifest.get("signature_info", {}).get("common_name", "")),
        source_type=_source_type(manifest.get("assertions", [])),
        made=_made(manifest.get("assertions", [])),
    )


@lru_cache(maxsize=4)
def _reading(anchors_pem: bytes) -> c2pa.Context:
    settings = dict(SETTINGS)
    if anchors_pem:
        settings["trust"] = {"user_anchors": anchors_pem.decode("utf-8", errors="replace")}
    try:
        return c2pa.Context(c2pa.Settings.from_dict(settings))
    except c2pa.C2paError:
        raise CredentialsRefused("The anchors are no certificates in PEM.") from None


def _broken(fault: str) -> Provenance:
    return Provenance(
        is_valid=False, is_trusted=False, faults=(fault,), generator="", signed_by="", source_type="", made=None
    )


def _source_type(assertions: Sequence[dict[str, Any]]) -> str:
    """The first that any action names."""
    for assertion in assertions:
        if str(assertion.get("label", "")).startswith("c2pa.actions"):
            for action in assertion["data"].get("actions", []):
                if "digitalSourceType" in action:
                    return str(action["digitalSourceType"]).rpartition("/")[2]
    return ""


def _made(assertions: Sequence[dict[str, Any]]) -> Made | None:
    for assertion in assertions:
        data = assertion.get("data")
        if assertion.get("label") == ASSERTION and isinstance(data, dict):
            ages = data.get("ages")
            return Made(
                model=str(data.get("model", "")),
                model_sha256=str(data.get("model_sha256", "")),
                ages=tuple(map(str, ages)) if isinstance(ages, list) else (),
            )
    return None
