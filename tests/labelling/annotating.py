"""People at work, without a browser: answers through the server's interface, as the page would send them."""

from typing import Any

import httpx2

from curation.labelling.client import Access


def age_result(age_years: object, stars: object = None, problem: str | None = None) -> list[dict[str, Any]]:
    """What the page of ages sends."""
    result: list[dict[str, Any]] = []
    if age_years is not None:
        result.append({"from_name": "age", "to_name": "face", "type": "number", "value": {"number": age_years}})
    if stars is not None:
        result.append({"from_name": "confidence", "to_name": "face", "type": "rating", "value": {"rating": stars}})
    if problem is not None:
        result.append({"from_name": "problem", "to_name": "face", "type": "choices", "value": {"choices": [problem]}})
    return result


def decision_result(word: str) -> list[dict[str, Any]]:
    """What a review page sends."""
    return [{"from_name": "decision", "to_name": "face", "type": "choices", "value": {"choices": [word]}}]


def answer(access: Access, task: int, result: object, **more: Any) -> int:
    """Answer a task; gives back the number of the answer."""
    response = httpx2.post(
        f"{access.url}/api/tasks/{task}/annotations",
        json={"result": result, "lead_time": 3.5, **more},
        headers={"Authorization": f"Token {access.token}"},
        timeout=60,
        trust_env=False,
    )
    assert response.status_code == 201, response.text[:500]
    return int(response.json()["id"])
