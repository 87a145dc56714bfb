"""What a container's root might try to get out. Each attempt is a shell script that says ``ESCAPED`` when it succeeds.

All of them are harmless to a host: what is written is what was there, asked for is what changes nothing. So the host's
root can make them as well, and succeeds: that is how a test knows that they would be noticed.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

SUCCESS = "ESCAPED"
TRIED = "all of it was tried"
MARK = "hfmark"
"""Name of the host's process that is to be traced."""
_BEGIN = f"""
d=$(mktemp -d /root/escape.XXXXXX)
escaped() {{ echo "{SUCCESS}: $*"; }}
again() {{ value=$(cat "$1") && echo "$value" > "$1" && escaped "$1 is written"; }}
"""
_END = f"""
umount "$d" 2>/dev/null; rm -f "$d"/*node; rmdir "$d"; echo "{TRIED}"
"""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Devices as mknod(1) takes them (``b 254 0``): a disk of the host, the volume of another container; and a process
    of the host called ``MARK``."""

    disk: str
    other: str
    pid: int


def script(attempt: str, around: Surroundings) -> str:
    """The whole script of an attempt of ``ATTEMPTS``."""
    given = f"DISK={shlex.quote(around.disk)} OTHER={shlex.quote(around.other)} HOST_PID={around.pid}\n"
    return given + _BEGIN + ATTEMPTS[attempt] + _END


def _node(variable: str) -> str:
    return f"""
mknod "$d/block-node" ${variable} && chmod 666 "$d/block-node" &&
    [ "$(head -c 512 "$d/block-node" | wc -c)" = 512 ] && escaped "the device ${variable} is read"
"""


def _perl(program: str) -> str:
    """Perl calls what no program of a small Debian calls."""
    return f'perl -e {shlex.quote(program)} "$HOST_PID"\n'


# PTRACE_SEIZE does not stop it, and ends with the tracer (ptrace(2)).
_TRACE = 'my $pid = $ARGV[0] + 0; print "ESCAPED: it is traced\\n" if syscall(101, 0x4206, $pid, 0, 0) == 0'


ATTEMPTS: Mapping[str, str] = {
    "settings of the kernel": """
mount -t proc proc "$d"
mount -o remount,bind,rw /proc/sys; umount /proc/sys
for top in "$d" /proc; do
    for name in kernel/core_pattern kernel/modprobe kernel/panic vm/overcommit_memory fs/suid_dumpable; do
        [ ! -e "$top/sys/$name" ] || again "$top/sys/$name"
    done
done
""",
    "the magic key": """
mount -t proc proc "$d"
mount -o remount,bind,rw /proc/sysrq-trigger; umount /proc/sysrq-trigger
for top in "$d" /proc; do
    [ ! -e "$top/sysrq-trigger" ] || ! echo h > "$top/sysrq-trigger" || escaped "$top/sysrq-trigger"
done
""",
    "settings of devices": """
mount -t sysfs sysfs "$d"
mount -o remount,rw /sys; mount -o remount,bind,rw /sys
for top in "$d" /sys; do
    [ ! -e "$top/kernel/mm/ksm/run" ] || again "$top/kernel/mm/ksm/run"
done
""",
    "the kernel's own file systems": """
for kind in debugfs tracefs securityfs; do
    ! mount -t $kind none "$d" || { escaped "$kind is mounted"; umount "$d"; }
done
""",
    "a disk of the host": _node("DISK"),
    "a volume of another container": _node("OTHER"),
    "the kernel's messages": """
mknod "$d/log-node" c 1 11 && dd if="$d/log-node" bs=8192 count=1 | grep -q . && escaped "messages are read"
""",
    "the release agent": """
! mount -t cgroup -o none,name=escape escape "$d" || ! echo /bin/true > "$d/release_agent" || escaped "a new hierarchy"
for file in /sys/fs/cgroup/release_agent /sys/fs/cgroup/*/release_agent; do
    [ ! -e "$file" ] || again "$file"
done
""",
    "its own limits": """
mount -o remount,rw /sys/fs/cgroup
for name in memory.max memory.swap.max cpu.max; do
    [ ! -e "/sys/fs/cgroup/$name" ] || ! echo max > "/sys/fs/cgroup/$name" || escaped "$name"
done
""",
    "a module": _perl(
        'my ($image, $none) = ("junk", ""); $! = 0; syscall(175, $image, 4, $none);'
        ' print "ESCAPED: init_module: $!\\n" if $! + 0 != 1'
    ),
    "a file by its handle": _perl(
        'open(my $top, "<", "/") or die $!; my $root = pack("LlLL", 8, 1, 2, 0); $! = 0;'
        " my $opened = syscall(304, fileno($top), $root, 0);"
        ' print "ESCAPED: open_by_handle_at: $!\\n" if $opened >= 0 || $! + 0 != 1'
    ),
    "a process of the host": f"""
if [ ! -e "/proc/$HOST_PID" ] || grep -qx {MARK} "/proc/$HOST_PID/comm"; then
    ! kill -0 "$HOST_PID" || escaped "a signal reaches it"
    {_perl(_TRACE)}
fi
""",
    "the clock": """
! date -s "@$(date +%s)" || escaped "the clock is set"
""",
}
# Nothing of that kind is the host's: on control groups version 2 their root has no limits.
WITHOUT_CONTROL = frozenset(("its own limits",))
# A privileged container's root is the host's, held by a profile and by taken abilities; that much is promised.
PRIVILEGED = (
    "the magic key", "a disk of the host", "a volume of another container", "a module", "a file by its handle",
    "a process of the host", "the clock",
)  # fmt: skip
