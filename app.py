"""The app: `python app.py`, then open the address it prints. `python app.py --help` lists what can be set."""

import os
import sys

import tyro

PORT = os.environ.get("GRADIO_SERVER_PORT", "7860")


def main(
    host: str = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"),
    port: str = PORT,
    model: str = "",
    pack: str = "auto",
    archive: str = "",
) -> None:
    """Serve the page that shows a person at other ages.

    Args:
        host: address to listen on; 0.0.0.0 lets other machines in. By default as hosts of apps say it.
        port: port to listen on.
        model: a model by name, or its .safetensors file; empty takes the first with ten ages.
        pack: how faces are found: auto, embedded, or insightface:NAME_OR_FOLDER.
        archive: faces across ages for the Dataset tab: a folder, or OWNER/NAME on the Hub; empty: the sample.
    """
    # Threads that spin while they wait cost a busy machine a strip of ages in 0.1 s: several seconds. torch reads this.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    if not (port.isascii() and port.isdigit() and int(port) <= 65_535):
        sys.exit(f"error: a port is a number from 0 to 65535, got {port!r}; give --port or GRADIO_SERVER_PORT another")
    from core.errors import CafError
    from demo import borrowing

    borrowing.prepare()
    from demo.ui import serve

    try:
        serve(host=host, port=int(port), model=model, pack=pack, archive=archive)
    except (CafError, ValueError, OSError) as error:  # OSError: the port is taken, the host is not ours
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:  # while it starts; later Gradio ends as quietly
        sys.exit(0)


if __name__ == "__main__":
    tyro.cli(main)
