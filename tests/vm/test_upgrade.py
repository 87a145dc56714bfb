"""Upgrades from a second repository: our packages and a newer pair of kernel and ZFS modules. Guests run on; after the
reboot the new kernel runs and mounts its root from ZFS.
"""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from imagebuild.vm import Firmware

from tests.vm.guests import Guests
from tests.vm.harness import MIRROR, Images, Lab, Start

UPGRADE_LIMIT_S = 2400


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Requests are not worth a line."""


@pytest.fixture
def repository(images: Images) -> Iterator[str]:
    """Address of the repository with upgrades, as a guest of QEMU's user network sees it."""
    assert images.upgrade_repository is not None
    handler = functools.partial(Quiet, directory=str(images.upgrade_repository))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://10.0.2.2:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_packages_and_kernel_pair(start: Start, lab: Lab, images: Images, repository: str, tmp_path: Path) -> None:
    host = start(MIRROR, Firmware.BIOS, iso=images.previous_iso, cpu="max", memory_mib=3072)
    host.wait_for_api()
    assert host.ssh("uname -r").strip() == images.previous_kernel
    guests = Guests(lab, host, MIRROR, tmp_path)
    guests.start_vm()
    guests.start_container()
    before = guests.processes()
    source = f"deb [signed-by=/usr/share/keyrings/holdfast.gpg] {repository} trixie main"
    only_ours = "-o Dir::Etc::SourceList=/root/upgrade.list -o Dir::Etc::SourceParts=-"
    host.ssh(f"echo '{source}' > /root/upgrade.list && apt-get {only_ours} update")
    said = host.ssh(
        f"DEBIAN_FRONTEND=noninteractive apt-get {only_ours} -y --with-new-pkgs upgrade 2>&1", timeout_s=UPGRADE_LIMIT_S
    )
    print(said[-4000:])
    host.wait_for_api()
    guests.api = host.api()
    guests.assert_alive(before)
    assert host.ssh("dpkg-query -W -f '${Version}' hostd") == images.upgrade_version
    host.reboot()
    assert host.ssh("uname -r").strip() == images.kernel
    assert host.ssh("findmnt -n -o FSTYPE /").strip() == "zfs"
    assert host.ssh("zpool list -H -o health rpool").strip() == "ONLINE"
    assert host.ssh("systemctl --failed --plain --no-legend") == ""
