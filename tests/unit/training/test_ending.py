"""How a command ends that cannot go on."""

import pytest
import torch

from core.errors import RunBroken
from training.__main__ import one_sentence


@pytest.mark.parametrize(
    ("error", "line", "code"),
    [
        (RunBroken("it broke"), "error: it broke\n", 1),
        (KeyboardInterrupt(), "interrupted; files are as they were last written\n", 130),
        (
            torch.OutOfMemoryError("tried to allocate 1 GiB"),
            "error: the device has too little memory for this; give a smaller --batch-size or a smaller preset\n",
            1,
        ),
    ],
)
def test_what_is_known_is_one_line(
    error: BaseException, line: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, one_sentence():
        raise error
    assert (ended.value.code, capsys.readouterr().err) == (code, line)


def test_what_is_not_known_is_a_traceback() -> None:
    with pytest.raises(RuntimeError, match="our own mistake"), one_sentence():
        raise RuntimeError("our own mistake")
