"""``python3 -m imagebuild COMMAND``: what the Makefile calls."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from imagebuild import answer, clusterdev, console, dev, kernel, packages, pipeline, repository, run, testimages, tools
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


def command_iso(ctx: Context, args: list[str]) -> None:
    """Build the ISO image; with --answer FILE that answer file is on it."""
    parser = argparse.ArgumentParser(prog="imagebuild iso")
    parser.add_argument("--answer", type=Path)
    options = parser.parse_args(args)
    path = pipeline.iso(ctx)
    if options.answer:
        path = answer.iso_with(ctx, path, options.answer)
    print(f"{path}\n{path.stat().st_size / 1e6:.0f} MB")


def command_kernel(ctx: Context, _args: list[str]) -> None:
    """Build the kernel pair."""
    print(kernel.build(ctx))


def command_template(ctx: Context, _args: list[str]) -> None:
    """Build the container template that the image has."""
    print(pipeline.make_template(ctx))


def command_test_images(ctx: Context, args: list[str]) -> None:
    """Build what the tests with virtual machines need; with --smoke only the ISO."""
    print(testimages.build(ctx, upgrade="--smoke" not in args))


def command_run(ctx: Context, args: list[str]) -> None:
    """Install and start a host in a virtual machine; with --iso FILE from that image."""
    parser = argparse.ArgumentParser(prog="imagebuild run")
    parser.add_argument("--iso", type=Path)
    run.run(ctx, parser.parse_args(args).iso)


def command_stop(ctx: Context, _args: list[str]) -> None:
    """Shut down the machine of `run`."""
    run.stop(ctx)


def command_console(ctx: Context, _args: list[str]) -> None:
    """Serial console of the machine of `run`."""
    console.attach(run.machine(ctx).serial)


def command_dev(ctx: Context, _args: list[str]) -> None:
    """Start one node in a system container."""
    dev.up(ctx)


def command_dev_down(ctx: Context, _args: list[str]) -> None:
    """Remove the node that `dev` started."""
    dev.command_down(ctx)


def command_cluster(ctx: Context, _args: list[str]) -> None:
    """Start N nodes on one network and make a cluster of them."""
    clusterdev.up(ctx)


def command_cluster_down(ctx: Context, _args: list[str]) -> None:
    """Remove the nodes that `cluster` started."""
    clusterdev.down(ctx)


COMMANDS: dict[str, Callable[[Context, list[str]], None]] = {
    "tools": command_tools,
    "enter": command_enter,
    "deb": command_deb,
    "repo": command_repo,
    "iso": command_iso,
    "kernel": command_kernel,
    "template": command_template,
    "test-images": command_test_images,
    "run": command_run,
    "stop": command_stop,
    "console": command_console,
    "dev": command_dev,
    "dev-down": command_dev_down,
    "cluster": command_cluster,
    "cluster-down": command_cluster_down,
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
