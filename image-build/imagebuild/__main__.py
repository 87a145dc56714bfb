"""``python3 -m imagebuild COMMAND``: what the Makefile calls."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from imagebuild import packages, repository, tools
from imagebuild.context import Context
from imagebuild.progress import say
from imagebuild.shell import StepFailed


def command_tools(ctx: Context, _args: list[str]) -> None:
    """Build the tools tree."""
    say(f"tools tree: {tools.ensure(ctx)}")


def command_enter(ctx: Context, args: list[str]) -> None:
    """Replace this process by a program inside the tools tree."""
    tree = tools.ensure(ctx)
    argv = [*tools.enter_argv(ctx, tree, cwd=ctx.source), *(args or ["bash"])]
    os.execvpe(argv[0], argv, tools.environment())


def command_deb(ctx: Context, _args: list[str]) -> None:
    """Build the Debian packages."""
    for deb in sorted(packages.build(ctx).glob("*.deb")):
        print(deb)


def command_repo(ctx: Context, _args: list[str]) -> None:
    """Build the signed APT repository from the packages."""
    print(repository.sync(ctx, sorted(packages.build(ctx).glob("*.deb"))))


COMMANDS: dict[str, Callable[[Context, list[str]], None]] = {
    "tools": command_tools,
    "enter": command_enter,
    "deb": command_deb,
    "repo": command_repo,
}


def main(argv: list[str]) -> int:
    if not argv or argv[0] not in COMMANDS:
        say("usage: imagebuild COMMAND\n" + "\n".join(f"  {n:10} {f.__doc__}" for n, f in COMMANDS.items()))
        return 2
    if os.geteuid() != 0:
        say("error: building needs root (namespaces, mounts); run it with sudo")
        return 2
    try:
        COMMANDS[argv[0]](Context.load(), argv[1:])
    except StepFailed as err:
        say(f"error: {err}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
