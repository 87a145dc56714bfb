"""Fill the volumes of a new container: mount, unpack a template, set names and accounts.

It runs as a program of its own, in mount and process namespaces that end with it: whatever kills it, or the task that
waits for it, leaves no mount, no loop device and no process behind.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from dataclasses import dataclass

from hostd.core.errors import CommandFailed, HostError
from hostd.core.pace import paced
from hostd.core.run import Run, run
from hostd.core.units import KIB
from hostd.guests.lxc import archive, isolated
from hostd.guests.lxc.identities import as_container_argv, owner_of
from hostd.guests.lxc.inside.job import Job, Report

_UNPACK_S = 3600
_SET_UP_S = 60
_TOLD = 20


@dataclass(frozen=True, kw_only=True)
class Build:
    """``mounts``: (command, target) in order, the first target is ``root``. ``job`` is done in the files there.

    ``template`` "": the files are there already. ``backup``: it is one of a container. ``ignore_errors``: what cannot
    be unpacked is left out, with a warning. ``limit_kib``: most KiB a second of the archive, 0 for no limit.
    """

    root: str
    mounts: tuple[tuple[list[str], str], ...]
    template: str
    unprivileged: bool
    job: Job
    backup: bool = False
    ignore_errors: bool = False
    limit_kib: int = 0

    @property
    def unpack_s(self) -> float:
        """How long it may take to unpack."""
        slow_s = os.path.getsize(self.template) / (self.limit_kib * KIB) if self.limit_kib else 0
        return _UNPACK_S + slow_s

    def to_json(self) -> str:
        return json.dumps({**_plain(self), "job": self.job.to_json()})

    @classmethod
    def from_json(cls, text: str) -> Build:
        values = json.loads(text)
        values["mounts"] = tuple((argv, target) for argv, target in values["mounts"])
        return cls(**{**values, "job": Job.from_json(values["job"])})


def _plain(build: Build) -> dict[str, object]:
    return {field.name: getattr(build, field.name) for field in dataclasses.fields(build) if field.name != "job"}


def inside_argv(root: str, *, unprivileged: bool) -> list[str]:
    """The program that works in a container's files, as the container's root."""
    return [*as_container_argv(unprivileged), sys.executable, "-m", "hostd.guests.lxc.inside", root]


def set_up(run: Run, root: str, job: Job, *, unprivileged: bool) -> Report:
    """Do a job in the files mounted at ``root``. Nothing of it, a password's hash above all, is in the command line."""
    argv = inside_argv(root, unprivileged=unprivileged)
    result = run(argv, timeout_s=_SET_UP_S, input=job.to_json().encode())
    return Report.from_json(result.stdout)


def make_folder(path: str, owner: int) -> None:
    """A folder and those on the way to it; new ones belong to the container's root. The file systems are empty yet."""
    if not os.path.isdir(path):
        make_folder(os.path.dirname(path), owner)
        os.mkdir(path, 0o755)
        os.chown(path, owner, owner)


def build(run: Run, work: Build) -> Report:
    """Mount, unpack, set up; the caller's namespaces end afterwards. Raises CommandFailed and ParseError."""
    os.makedirs(work.root, exist_ok=True)
    for argv, target in work.mounts:
        make_folder(target, owner_of(work.unprivileged))
        run(argv, timeout_s=60)
    skipped = _unpack(run, work) if work.template else ()
    report = set_up(run, work.root, work.job, unprivileged=work.unprivileged)
    return dataclasses.replace(report, warnings=(*skipped, *report.warnings))


def _unpack(run: Run, work: Build) -> tuple[str, ...]:
    """What could not be unpacked, where that is to be ignored."""
    with open(work.template, "rb", buffering=0) as file:
        option = archive.compression(file.read(archive.HEAD_BYTES))
        file.seek(0)
        argv = archive.extract_argv(work.root, option, unprivileged=work.unprivileged, backup=work.backup)
        with paced(file.fileno(), work.limit_kib * KIB) as stdin:
            result = run(argv, timeout_s=work.unpack_s, stdin=stdin, check=not work.ignore_errors)
    return tuple(result.stderr.splitlines()[-_TOLD:]) if result.code else ()


def build_isolated(run: Run, work: Build) -> Report:
    """``build`` in a program of its own. Raises HostError with the last words of what failed."""
    limit_s = work.unpack_s + 2 * _SET_UP_S
    return Report.from_json(isolated.run_module(run, "hostd.guests.lxc.build", work.to_json(), limit_s))


def main() -> int:
    os.umask(0o022)  # the container's root must be able to pass through the folders on the way
    try:
        report = build(run, Build.from_json(sys.stdin.read()))
    except CommandFailed as err:
        print(err.stderr.strip() or str(err), file=sys.stderr)
        return 1
    except (HostError, OSError) as err:
        print(err, file=sys.stderr)
        return 1
    print(report.to_json())
    return 0


if __name__ == "__main__":
    sys.exit(main())
