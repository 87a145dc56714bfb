"""``pvenode``: this node: its settings, tasks, certificates, guests as a whole."""

from __future__ import annotations

from pathlib import Path

from hostd.cli.commands import LOCAL_NODE, Command, Suite
from hostd.cli.program import main
from hostd.core.errors import Invalid

FILE_LIMIT = 1 << 20


def read_file(name: str) -> str:
    """The text of a file that was named on the command line."""
    try:
        text = Path(name).read_text()
    except (OSError, UnicodeDecodeError) as err:
        raise Invalid({"_root": f"cannot read '{name}': {err}"}) from err
    if len(text) > FILE_LIMIT:
        raise Invalid({"_root": f"'{name}' is larger than {FILE_LIMIT} bytes"})
    return text


_HERE = {"node": LOCAL_NODE}
_NODE = "/nodes/{node}"
_CUSTOM = f"{_NODE}/certificates/custom"
_FILES = {"certificates": read_file, "key": read_file}
ROWS = (
    Command(words="config get", verb="GET", path=f"{_NODE}/config", fixed=_HERE),
    Command(words="config set", verb="PUT", path=f"{_NODE}/config", fixed=_HERE),
    Command(words="startall", verb="POST", path=f"{_NODE}/startall", fixed=_HERE),
    Command(words="stopall", verb="POST", path=f"{_NODE}/stopall", fixed=_HERE),
    Command(words="migrateall", verb="POST", path=f"{_NODE}/migrateall", positional=["target"], fixed=_HERE),
    Command(words="task list", verb="GET", path=f"{_NODE}/tasks", fixed=_HERE),
    Command(words="task log", verb="GET", path=f"{_NODE}/tasks/{{upid}}/log", positional=["upid"], fixed=_HERE),
    Command(words="task status", verb="GET", path=f"{_NODE}/tasks/{{upid}}/status", positional=["upid"], fixed=_HERE),
    Command(words="task stop", verb="DELETE", path=f"{_NODE}/tasks/{{upid}}", positional=["upid"], fixed=_HERE),
    Command(words="cert info", verb="GET", path=f"{_NODE}/certificates/info", fixed=_HERE),
    Command(
        words="cert set", verb="POST", path=_CUSTOM, positional=["certificates", "key"], fixed=_HERE, readers=_FILES
    ),
    Command(words="cert delete", verb="DELETE", path=_CUSTOM, positional=["restart"], fixed=_HERE),
    Command(words="wakeonlan", verb="POST", path=f"{_NODE}/wakeonlan", positional=["node"]),
)
SUITE = Suite("pvenode", "This node.", ROWS, {})


def entry() -> int:
    return main(SUITE.run)


if __name__ == "__main__":
    raise SystemExit(entry())
