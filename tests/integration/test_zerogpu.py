"""app.py as ZeroGPU runs it: the real `spaces` package, and in place of its lender a server that has nothing left."""

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from core.images import encode_jpeg
from core.reference import ReferenceGenerator
from core.weights import BUNDLED, add_model, load
from demo.borrowing import SPENT
from tests.running_app import running_app

PRETENCE = """
import torch, torch.version
torch.version.cuda = "13.0"
torch.cuda._is_in_bad_fork = bool
torch._C._cuda_init = None
"""
"""`spaces` only works beside a torch built for CUDA; this lets the one here pass for such a one, until it is used."""


class Lender:
    """Takes note of what it is asked, and refuses every loan for want of a share."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Answers(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked.append(self.path)
                is_loan = self.path.startswith("/schedule")
                body = b'{"left": 0, "wait": 3600}' if is_loan else b"{}"
                self.send_response(429 if is_loan else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_told: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def lender() -> Iterator[Lender]:
    pytest.importorskip("spaces", reason="spaces is not installed; requirements-dev.txt has it")
    lending = Lender()
    yield lending
    lending.server.shutdown()
    lending.server.server_close()


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """The bundled small model, and a large one that learnt nothing."""
    folder = tmp_path / "models"
    add_model(load(BUNDLED / "agetrans-128-10.safetensors").network, "small", folder, licence="none")
    torch.manual_seed(0)
    add_model(ReferenceGenerator(512, 10, max_channels=8), "large", folder, licence="none")
    return folder


@pytest.mark.skipif(os.environ.get("SOAK") != "full", reason="starts an app of its own; SOAK=full does it")
def test_a_large_model_asks_for_a_card_and_says_when_there_is_none(
    lender: Lender, models: Path, tmp_path: Path
) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path),
        "AGETRANS_MODELS": str(models),
        "SPACES_ZERO_GPU": "true",
        "SPACES_ZERO_DEVICE_API_URL": lender.address,
        "ZEROGPU_OFFLOAD_DIR": str(tmp_path / "offload"),
    }
    (tmp_path / "sitecustomize.py").write_text(PRETENCE)
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(encode_jpeg(np.asarray(skimage.data.astronaut())))
    with running_app(tmp_path, environment=environment) as app:
        assert lender.asked == ["/startup-report"], "ZeroGPU stops a Space that borrows nothing"
        client = Client(app.address, verbose=False, download_files=False)
        asked = {"photo": handle_file(str(photo)), "ages": [8, 70], "agreed": True, "guardian_agrees": True}
        files, _ = client.predict(**asked, model="small", api_name="/age_face")
        assert len(files) == 2 and lender.asked == ["/startup-report"], "a small model borrows nothing"
        with pytest.raises(AppError) as refused:
            client.predict(**asked, model="large", api_name="/age_face")
        assert str(refused.value) == SPENT
        [loan] = [path for path in lender.asked if path.startswith("/schedule")]
        assert "durationSeconds=" in loan
        assert "Traceback" not in app.log.read_text()
