"""No installed package is older than the release that mended what is known of it."""

from importlib.metadata import PackageNotFoundError, version

import pytest
from packaging.version import Version

FLOORS = {
    "pillow": (
        "12.3.0",
        "decoders' memory errors; the two of 12.3.0 itself are met by decoding in a process of its own",
    ),
    "gradio": ("6.31.0", "files of others read by names in a call; hosts asked on a visitor's word"),
    "starlette": ("1.0.0", "forms without an end held in memory; ranges that cost minutes"),
    "fastapi": ("0.115.0", "comes with the starlette above"),
    "python-multipart": ("0.0.18", "endless time on a form's boundary"),
    "h11": ("0.16.0", "one request read as two"),
    "uvicorn": ("0.30.0", "what a request says of its headers in the log"),
    "jinja2": ("3.1.6", "templates that leave their sandbox"),
    "torch": ("2.6.0", "code run by torch.load with weights_only"),
    "safetensors": ("0.4.0", "headers larger than their file"),
    "onnxruntime": ("1.20.0", "weights read from other files than the model's"),
    "protobuf": ("6.31.1", "messages nested without end"),
    "pyarrow": ("17.0.0", "code run by reading a table"),
    "huggingface_hub": ("1.0.0", "tokens sent on to where a redirect leads"),
    "requests": ("2.32.4", "passwords sent to another host"),
    "urllib3": ("2.6.3", "small answers that unpack without end; redirects followed although told not to"),
    "certifi": ("2024.7.4", "roots that are no longer trusted"),
    "cryptography": ("44.0.1", "an OpenSSL with known faults inside"),
    "brotli": ("1.2.0", "small answers that unpack without end"),
    "mcp": ("1.23.0", "a server on this machine reached through somebody's name for it"),
    "opencv-python-headless": ("4.12.0", "memory errors in its picture decoders"),
    "numpy": ("2.0.0", "oldest that is still mended"),
}
"""Package -> oldest version that is let in, and what was wrong before."""


@pytest.mark.parametrize("package", FLOORS)
def test_no_package_is_older_than_its_floor(package: str) -> None:
    floor, reason = FLOORS[package]
    try:
        installed = Version(version(package))
    except PackageNotFoundError:
        pytest.skip(f"{package} is not installed")
    assert installed >= Version(floor), f"{package} {installed} has: {reason}; install {floor} or later"
