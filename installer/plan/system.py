"""Files of the installed system that do not depend on its disks: locale, keyboard, time, keys, first configuration."""

from __future__ import annotations

import json
from typing import Final

from hostd.core.formats.sectionconfig import Section
from hostd.core.formats.sectionconfig import format as format_sections
from installer.actions import Action, MakeLink, RemoveFiles, WriteFile
from installer.answers import Answers
from installer.locales import KEYMAPS, Keymap
from installer.plan.layouts import Layout
from installer.resolve import Target

# What hostd-first-cluster does at the first boot; it removes the file afterwards.
FIRST_CLUSTER: Final = "/var/lib/hostd/first-cluster.json"
SEED: Final = "/var/lib/hostd/seed"
LOCAL_STORAGE: Final = Section(
    type="dir", id="local", values={"path": "/var/lib/vz", "content": "iso,vztmpl,backup,snippets,import"}
)
# What identifies one host, or is secret, is made anew by the installed system.
NEVER_SHARED: Final = (
    "/etc/ssh/ssh_host_*",
    "/var/lib/dbus/machine-id",
    "/var/lib/systemd/random-seed",
    "/var/lib/systemd/credential.secret",
    "/etc/hostid",
)


def identity() -> list[Action]:
    """An empty machine-id is filled at the first boot."""
    return [RemoveFiles(patterns=NEVER_SHARED), WriteFile(path="/etc/machine-id", data=b"", mode=0o444)]


def locale_files(answers: Answers) -> dict[str, str]:
    return {
        "/etc/default/locale": "LANG=C.UTF-8\n",
        "/etc/default/keyboard": keyboard(KEYMAPS[answers.keyboard]),
        "/etc/timezone": f"{answers.timezone}\n",
    }


def keyboard(keymap: Keymap) -> str:
    """``/etc/default/keyboard`` (keyboard(5)), read by console-setup."""
    return (
        f'XKBMODEL="pc105"\nXKBLAYOUT="{keymap.layout}"\nXKBVARIANT="{keymap.variant}"\nXKBOPTIONS=""\n'
        'BACKSPACE="guess"\n'
    )


def time_zone(answers: Answers) -> MakeLink:
    return MakeLink(path="/etc/localtime", to=f"/usr/share/zoneinfo/{answers.timezone}")


def ssh_keys(answers: Answers) -> list[Action]:
    if not answers.ssh_keys:
        return []
    text = "".join(f"{key}\n" for key in answers.ssh_keys)
    return [WriteFile(path="/root/.ssh/authorized_keys", data=text.encode(), mode=0o600)]


def seed(target: Target, layout: Layout) -> dict[str, str]:
    """First contents of the configuration store: storages, and root@pam with its mail address."""
    return {
        f"{SEED}/storage.cfg": format_sections([LOCAL_STORAGE]) + layout.storage,
        f"{SEED}/user.cfg": f"user:root@pam:1:0:::{target.answers.mailto}:::\n",
    }


def cluster(answers: Answers) -> list[Action]:
    """What the installed host makes or joins by itself. The token is a secret."""
    if answers.cluster is None:
        return []
    chosen = answers.cluster
    wanted = {"join": chosen.join.reveal()} if chosen.join else {"create": chosen.create}
    return [WriteFile(path=FIRST_CLUSTER, data=json.dumps(wanted).encode(), mode=0o600)]


def fstab(layout: Layout) -> str:
    head = "# <file system> <mount point> <type> <options> <dump> <pass>\n"
    return head + "".join(f"{line}\n" for line in layout.fstab)
