"""What ``ha-manager`` prints of answers that are more than a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def findings(rows: list[dict[str, Any]]) -> str:
    """``error    vm:100: what is wrong``, and below it the next step."""
    lines = [f"{row['severity']:<8} {row['subject']}: {row['text']}\n{'':8} → {row['advice']}\n" for row in rows]
    return "".join(lines) or "nothing was found that would keep high availability from working\n"


def incidents(rows: list[dict[str, Any]]) -> str:
    """A line each: id, state, what happened, services."""
    lines = [f"{row['incident']}  {row['state']:<10}  {row['title']}{_services(row)}\n" for row in rows]
    return "".join(lines) or "no node was lost, and no service ended in error\n"


def _services(row: dict[str, Any]) -> str:
    return f"; services: {row['services']}, not started again: {row['pending']}" if row["services"] else ""


def incident(answer: dict[str, Any]) -> str:
    """An account as it is in the task's log."""
    first = [f"first sign: {answer['first']}"] if answer["first"] else []
    lines = [answer["title"], *first, *answer["summary"], "", "what was seen (UTC):", *answer["timeline"]]
    return "".join(f"{line}\n" for line in lines)


def balance(answer: dict[str, Any]) -> str:
    return "".join(f"{line}\n" for line in _balance(answer))


def _balance(answer: dict[str, Any]) -> Iterator[str]:
    guests = ", ".join(str(vmid) for vmid in answer["guests"]) or "none"
    yield f"machines that opted in: {guests} ({'on' if answer['enable'] else 'off'})"
    yield f"services of the HA manager: {'on' if answer['services'] else 'off'} (option crs)"
    for row in answer["nodes"]:
        yield f"node {row['node']}: {row['cpu']:.0%} of its cores, {row['mem']:.0%} of its memory in use"
    for row in answer.get("proposals", ()):
        move = f"{row['sid']} from {row['source']} to {row['target']}" if "sid" in row else "nothing"
        yield f"{row['about']}: would move {move}: {row['why']}"
    for row in answer["moves"]:
        state = row.get("state") or f"{row['ago']} s ago"
        yield f"moved {row['sid']} from {row['source']} to {row['target']} ({state}): {row['why']}"
