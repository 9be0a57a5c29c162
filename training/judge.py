"""An outside judge of age and sex: an ONNX classifier that no generator was trained with."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.align import ARCFACE, Points, crop
from core.errors import WeightsMissing


class AgeSexJudge:
    """InsightFace's 2018 gender-age network: 112 px ArcFace crops in; sex, and one vote for each year lived.

    Source: github.com/deepinsight/insightface, gender-age model of 2018; non-commercial research only.
    """

    def __init__(self, path: Path) -> None:
        """Raises WeightsMissing if there is no such file."""
        import onnxruntime

        if not path.is_file():
            raise WeightsMissing(f"no judge at {path}; name one with --judge")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.size_px = 112
        self.name = path.stem

    def read(
        self, faces: npt.NDArray[np.uint8], points: Points
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Age and sex of N faces.

        Args:
            faces: (N, S, S, 3) uint8 RGB.
            points: (N, 5, 2) float64, "arcface5" in pixels of those faces.
        Returns:
            ages (N,) in years, and how sure the judge is of a woman, (N,) in 0..1.
        """
        ages, women = [], []
        for face, five in zip(faces, points, strict=True):
            matrix = ARCFACE.matrix(five, "arcface5", self.size_px)
            # Grey where the crop reaches beyond the face: a mirrored border changes what the judge reads.
            blob = crop(face, matrix, self.size_px, style="grey").astype(np.float32).transpose(2, 0, 1)[None]
            logits = self.session.run(None, {"data": blob})[0][0].astype(np.float64)
            votes = logits[2:].reshape(-1, 2)
            ages.append(float((votes[:, 1] > votes[:, 0]).sum()))
            women.append(float(1 / (1 + np.exp(logits[1] - logits[0]))))
        return np.asarray(ages), np.asarray(women)
