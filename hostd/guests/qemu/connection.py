"""The only door to libvirt: domains by guest id, plain data in and out, its errors as ours.

A connection belongs to the process that opened it; the task daemon's workers open their own after the fork.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, Final
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

import libvirt
import libvirt_qemu

from hostd.core.errors import Conflict, HostError, NotFound, TimedOut, Unavailable
from hostd.guests.qemu.definitions import target_names, with_disks_of
from hostd.guests.qemu.devices.disk import Source
from hostd.guests.qemu.domain_xml import domain_name, vmid_of
from hostd.guests.qemu.live_move import LiveMove, Progress, to_progress
from hostd.guests.qemu.machines import MachineState, MachineStats

URI: Final = "qemu:///system"
_POLL_S: Final = 0.1
_PROGRESS_S: Final = 1.0
_CANCEL_S: Final = 5.0


_STATES: Final[Mapping[int, MachineState]] = {
    libvirt.VIR_DOMAIN_RUNNING: MachineState.RUNNING,
    libvirt.VIR_DOMAIN_BLOCKED: MachineState.RUNNING,
    libvirt.VIR_DOMAIN_PAUSED: MachineState.PAUSED,
    libvirt.VIR_DOMAIN_PMSUSPENDED: MachineState.PAUSED,
    libvirt.VIR_DOMAIN_SHUTDOWN: MachineState.SHUTDOWN,
    libvirt.VIR_DOMAIN_CRASHED: MachineState.CRASHED,
    libvirt.VIR_DOMAIN_SHUTOFF: MachineState.STOPPED,
}


def _quiet(_context: object, _error: object) -> None:
    """libvirt prints every error by itself; ours are raised."""


@contextlib.contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except libvirt.libvirtError as err:
        code, text = err.get_error_code(), err.get_error_message() or str(err)
        if code == libvirt.VIR_ERR_NO_DOMAIN:
            raise NotFound(f"{what} is not running") from err
        if code == libvirt.VIR_ERR_AGENT_UNRESPONSIVE:
            raise Unavailable("QEMU guest agent is not running") from err
        if code in (libvirt.VIR_ERR_NO_CONNECT, libvirt.VIR_ERR_RPC):
            raise Unavailable(f"libvirt does not answer: {text}") from err
        raise HostError(f"{what}: {text}") from err


class LibvirtMachines:
    """``machines.Machines`` by libvirt; connects when it is first used, and again after libvirt was restarted."""

    def __init__(self, uri: str = URI) -> None:
        self._uri = uri
        self._connection: Any = None

    def _open(self) -> Any:
        if self._connection is not None and not self._connection.isAlive():
            self.close()
        if self._connection is None:
            libvirt.registerErrorHandler(_quiet, None)
            try:
                self._connection = libvirt.open(self._uri)
            except libvirt.libvirtError as err:
                raise Unavailable(f"libvirt does not answer: {err.get_error_message()}") from err
        return self._connection

    def _domain(self, vmid: int) -> Any:
        connection = self._open()
        with _translated(f"VM {vmid}"):
            return connection.lookupByName(domain_name(vmid))

    def start(self, xml: str, *, paused: bool = False) -> None:
        connection = self._open()
        try:
            connection.createXML(xml, libvirt.VIR_DOMAIN_START_PAUSED if paused else 0)
        except libvirt.libvirtError as err:
            if err.get_error_code() == libvirt.VIR_ERR_OPERATION_INVALID and "already" in str(err):
                raise Conflict(str(err.get_error_message())) from err
            raise HostError(f"start failed: {err.get_error_message()}") from err

    def state(self, vmid: int) -> MachineState | None:
        try:
            domain = self._domain(vmid)
            with _translated(f"VM {vmid}"):
                return _STATES.get(domain.state()[0], MachineState.RUNNING)
        except NotFound:
            return None

    def shutdown(self, vmid: int) -> None:
        with _translated(f"VM {vmid}"):
            self._domain(vmid).shutdown()

    def stop(self, vmid: int) -> None:
        with _translated(f"VM {vmid}"):
            self._domain(vmid).destroy()

    def reset(self, vmid: int) -> None:
        with _translated(f"VM {vmid}"):
            self._domain(vmid).reset(0)

    def suspend(self, vmid: int) -> None:
        with _translated(f"VM {vmid}"):
            self._domain(vmid).suspend()

    def resume(self, vmid: int) -> None:
        with _translated(f"VM {vmid}"):
            self._domain(vmid).resume()

    def wait_gone(self, vmid: int, timeout_s: float) -> bool:
        end_s = time.monotonic() + timeout_s
        while self.state(vmid) is not None:
            if time.monotonic() >= end_s:
                return False
            time.sleep(_POLL_S)
        return True

    def stats(self) -> list[MachineStats]:
        """All running machines in one call; a machine whose monitor is busy gives what it can."""
        connection = self._open()
        wanted = (
            libvirt.VIR_DOMAIN_STATS_STATE
            | libvirt.VIR_DOMAIN_STATS_CPU_TOTAL
            | libvirt.VIR_DOMAIN_STATS_BALLOON
            | libvirt.VIR_DOMAIN_STATS_VCPU
            | libvirt.VIR_DOMAIN_STATS_INTERFACE
            | libvirt.VIR_DOMAIN_STATS_BLOCK
        )
        flags = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE | libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
        with _translated("statistics"):
            found = connection.getAllDomainStats(wanted, flags)
            pairs = [(vmid_of(domain.name()), values) for domain, values in found]
        return [to_stats(vmid, values) for vmid, values in pairs if vmid is not None]

    def definition(self, vmid: int) -> str:
        with _translated(f"VM {vmid}"):
            return str(self._domain(vmid).XMLDesc(0))

    def save_memory(self, vmid: int, path: str) -> None:
        """A snapshot of libvirt's with memory alone: its file is what ``restore`` reads, and the domain stays."""
        domain = self._domain(vmid)
        with _translated(f"VM {vmid}"):
            targets = [
                d.get("dev", "") for d in ElementTree.fromstring(domain.XMLDesc(0)).iterfind("devices/disk/target")
            ]
            disks = "".join(f"<disk name={quoteattr(target)} snapshot='no'/>" for target in targets)
            memory = f"<memory snapshot='external' file={quoteattr(path)}/>"
            xml = f"<domainsnapshot>{memory}<disks>{disks}</disks></domainsnapshot>"
            domain.snapshotCreateXML(xml, libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA)
        # Saving is a migration to QEMU: it hands its images over. They are taken back so that states can be made.
        self.monitor(vmid, "blockdev-set-active", {"active": True})

    def start_saved(self, path: str, xml: str) -> None:
        connection = self._open()
        with _translated("restore"):
            saved = with_disks_of(connection.saveImageGetXMLDesc(path, 0), xml)
            connection.restoreFlags(path, saved, libvirt.VIR_DOMAIN_SAVE_RUNNING)

    def freeze(self, vmid: int) -> None:
        with _translated(f"VM {vmid}"):
            self._domain(vmid).fsFreeze()

    def thaw(self, vmid: int) -> None:
        with _translated(f"VM {vmid}"):
            self._domain(vmid).fsThaw()

    def monitor(self, vmid: int, command: str, arguments: Mapping[str, object]) -> Any:
        request = json.dumps({"execute": command, "arguments": dict(arguments)})
        with _translated(f"VM {vmid}"):
            answer = json.loads(libvirt_qemu.qemuMonitorCommand(self._domain(vmid), request, 0))
        if "error" in answer:
            raise HostError(f"VM {vmid}: {command}: {answer['error'].get('desc', 'failed')}")
        return answer.get("return")

    def _disk(self, domain: Any, path: str) -> str:
        """libvirt's name (``sda``) of the disk whose source is ``path``."""
        for disk in ElementTree.fromstring(domain.XMLDesc(0)).iterfind("devices/disk"):
            source, target = disk.find("source"), disk.find("target")
            if source is not None and target is not None and path in (source.get("file"), source.get("dev")):
                return target.get("dev", "")
        raise NotFound(f"no disk of the running machine lies at '{path}'")

    def resize_disk(self, vmid: int, path: str, size_bytes: int) -> None:
        domain = self._domain(vmid)
        with _translated(f"VM {vmid}"):
            domain.blockResize(self._disk(domain, path), size_bytes, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)

    def copy_disk(
        self, vmid: int, path: str, target: Source, limit_bps: int, progress: Callable[[float], object]
    ) -> None:
        domain = self._domain(vmid)
        kind, place = ("block", "dev") if target.block else ("file", "file")
        driver = f"<driver name='qemu' type={quoteattr(target.format)}/>"
        xml = f"<disk type='{kind}'><source {place}={quoteattr(target.path)}/>{driver}</disk>"
        flags = libvirt.VIR_DOMAIN_BLOCK_COPY_REUSE_EXT | libvirt.VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB
        with _translated(f"VM {vmid}"):
            disk = self._disk(domain, path)
            domain.blockCopy(disk, xml, {"bandwidth": limit_bps} if limit_bps else {}, flags)
            try:
                self._wait_copied(domain, disk, progress)
                domain.blockJobAbort(disk, libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT)
            except BaseException:
                with contextlib.suppress(libvirt.libvirtError):
                    domain.blockJobAbort(disk, 0)
                raise

    def _wait_copied(self, domain: Any, disk: str, progress: Callable[[float], object]) -> None:
        """Until the copy holds all that the original does and follows it."""
        while True:
            job = domain.blockJobInfo(disk, 0)
            if not job:
                raise HostError(f"copying '{disk}' ended; see libvirt's log of the machine")
            done, end = job.get("cur", 0), job.get("end", 0)
            progress(done / end if end else 0.0)
            xml = ElementTree.fromstring(domain.XMLDesc(0))
            mirrors = {
                t.get("dev"): d.find("mirror")
                for d in xml.iterfind("devices/disk")
                if (t := d.find("target")) is not None
            }
            mirror = mirrors.get(disk)
            if mirror is not None and mirror.get("ready") == "yes":
                return
            time.sleep(_POLL_S)

    def abandon_copies(self, vmid: int) -> None:
        domain = self._domain(vmid)
        with _translated(f"VM {vmid}"):
            for drive in ElementTree.fromstring(domain.XMLDesc(0)).iterfind("devices/disk/mirror/.."):
                target = drive.find("target")
                if target is not None:
                    domain.blockJobAbort(target.get("dev"), 0)

    def attach(self, vmid: int, xml: str) -> None:
        with _translated(f"VM {vmid}"):
            self._domain(vmid).attachDeviceFlags(xml, libvirt.VIR_DOMAIN_AFFECT_LIVE)

    def detach(self, vmid: int, xml: str, alias: str, timeout_s: float) -> None:
        """libvirt's call only asks; that the alias is gone from the definition tells that the guest has let go."""
        end_s = time.monotonic() + timeout_s
        domain = self._domain(vmid)
        with _translated(f"VM {vmid}"):
            domain.detachDeviceFlags(xml, libvirt.VIR_DOMAIN_AFFECT_LIVE)
        while f"'{alias}'" in self.definition(vmid):
            if time.monotonic() >= end_s:
                raise TimedOut(f"VM {vmid} did not let go of '{alias.removeprefix('ua-')}' within {timeout_s:g} s")
            time.sleep(_POLL_S)

    def update(self, vmid: int, xml: str) -> None:
        with _translated(f"VM {vmid}"):
            self._domain(vmid).updateDeviceFlags(xml, libvirt.VIR_DOMAIN_AFFECT_LIVE)

    def change_medium(self, vmid: int, xml: str, alias: str) -> None:
        """libvirt wants the drive as it runs, with nothing but its source changed."""
        wanted, domain = ElementTree.fromstring(xml), self._domain(vmid)
        with _translated(f"VM {vmid}"):
            drive = ElementTree.fromstring(domain.XMLDesc(0)).find(f"devices/disk/alias[@name='{alias}']/..")
            if drive is None:
                raise NotFound(f"VM {vmid} runs without '{alias.removeprefix('ua-')}'")
            for tag in ("source", "backingStore"):
                drive[:] = [child for child in drive if child.tag != tag]
            drive.set("type", wanted.get("type", "file"))
            driver, new = drive.find("driver"), wanted.find("driver")
            if driver is not None and new is not None:
                driver.set("type", new.get("type", "raw"))
            if (source := wanted.find("source")) is not None:
                drive.append(source)
            domain.updateDeviceFlags(ElementTree.tostring(drive, encoding="unicode"), libvirt.VIR_DOMAIN_AFFECT_LIVE)

    def need_iothread(self, vmid: int, number: int) -> None:
        domain = self._domain(vmid)
        with _translated(f"VM {vmid}"):
            if number not in {row[0] for row in domain.ioThreadInfo(0)}:
                domain.addIOThread(number, libvirt.VIR_DOMAIN_AFFECT_LIVE)

    def set_disk_limits(self, vmid: int, alias: str, values: dict[str, int]) -> None:
        domain = self._domain(vmid)
        with _translated(f"VM {vmid}"):
            path = f"devices/disk/alias[@name='{alias}']/../target"
            target = ElementTree.fromstring(domain.XMLDesc(0)).find(path)
            if target is None:
                raise NotFound(f"VM {vmid} runs without '{alias.removeprefix('ua-')}'")
            domain.setBlockIoTune(target.get("dev"), values, libvirt.VIR_DOMAIN_AFFECT_LIVE)

    def set_processors(self, vmid: int, online: int) -> None:
        with _translated(f"VM {vmid}"):
            self._domain(vmid).setVcpusFlags(online, libvirt.VIR_DOMAIN_AFFECT_LIVE)

    def set_balloon(self, vmid: int, memory_mib: int) -> None:
        with _translated(f"VM {vmid}"):
            self._domain(vmid).setMemoryFlags(memory_mib * 1024, libvirt.VIR_DOMAIN_AFFECT_LIVE)

    def set_scheduler(self, vmid: int, values: dict[str, int]) -> None:
        with _translated(f"VM {vmid}"):
            self._domain(vmid).setSchedulerParametersFlags(values, libvirt.VIR_DOMAIN_AFFECT_LIVE)

    def ask_agent(self, vmid: int, request: str, timeout_s: int) -> str:
        domain = self._domain(vmid)
        with _translated(f"VM {vmid}: guest agent"):
            try:
                return str(libvirt_qemu.qemuAgentCommand(domain, request, timeout_s, 0))
            except libvirt.libvirtError as err:
                if reason := agents_reason(err.get_error_message() or ""):
                    raise HostError(f"Agent error: {reason}") from err
                raise

    def human_monitor(self, vmid: int, command: str) -> str:
        with _translated(f"VM {vmid}"):
            flags = libvirt_qemu.VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP
            return str(libvirt_qemu.qemuMonitorCommand(self._domain(vmid), command, flags))

    def move_definition(self, vmid: int, xml: str) -> str:
        flags = libvirt.VIR_DOMAIN_XML_MIGRATABLE | libvirt.VIR_DOMAIN_XML_SECURE
        with _translated(f"VM {vmid}"):
            return with_disks_of(str(self._domain(vmid).XMLDesc(flags)), xml)

    def migrate(self, vmid: int, move: LiveMove, progress: Callable[[Progress], object]) -> None:
        domain = self._domain(vmid)
        uri, parameters, flags = _move_call(move)
        with ThreadPoolExecutor(1) as pool:
            call = pool.submit(domain.migrateToURI3, uri, parameters, flags)
            try:
                if move.downtime_ms and not wait([call], _POLL_S).done:
                    with contextlib.suppress(libvirt.libvirtError):
                        domain.migrateSetMaxDowntime(move.downtime_ms, 0)
                while not wait([call], _PROGRESS_S).done:
                    _tell_job(domain, progress)
            except BaseException:
                with contextlib.suppress(libvirt.libvirtError):
                    domain.abortJob()
                if call.exception() is not None:
                    raise
            with _translated(f"VM {vmid}"):
                call.result()

    def cancel_migration(self, vmid: int) -> None:
        try:
            domain = self._domain(vmid)
            end_s = time.monotonic() + _CANCEL_S
            with _translated(f"VM {vmid}"):
                while domain.jobInfo()[0] != libvirt.VIR_DOMAIN_JOB_NONE:
                    if time.monotonic() >= end_s:
                        raise TimedOut(f"the migration of VM {vmid} does not end")
                    with contextlib.suppress(libvirt.libvirtError):
                        domain.abortJob()
                    time.sleep(_POLL_S)
        except NotFound:
            return

    def downtime_ms(self, vmid: int) -> int:
        with _translated(f"VM {vmid}"):
            return int(self._domain(vmid).jobStats(libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED).get("downtime", 0))

    def qemu_version(self) -> str:
        connection = self._open()
        with _translated("version"):
            number = connection.getVersion()
        return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"

    def capabilities(self) -> str:
        connection = self._open()
        with _translated("capabilities"):
            return str(connection.getCapabilities())

    def domain_capabilities(self, arch: str, *, kvm: bool) -> str:
        connection = self._open()
        with _translated("capabilities"):
            return str(connection.getDomainCapabilities(None, arch, None, _kind(kvm), 0))

    def all_features(self, arch: str, cpu: str, *, kvm: bool) -> str:
        connection = self._open()
        flags = libvirt.VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES
        with _translated("processor"):
            return str(connection.baselineHypervisorCPU(None, arch, None, _kind(kvm), [cpu], flags))

    def command_line(self, xml: str) -> str:
        connection = self._open()
        with _translated("command line"):
            return str(connection.domainXMLToNative("qemu-argv", xml, 0))

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(libvirt.libvirtError):
                self._connection.close()
            self._connection = None


def _kind(kvm: bool) -> str:
    return "kvm" if kvm else "qemu"


def _tell_job(domain: Any, progress: Callable[[Progress], object]) -> None:
    try:
        found = to_progress(domain.jobStats(0))
    except libvirt.libvirtError:  # it has just ended
        return
    if found is not None:
        progress(found)


def agents_reason(message: str) -> str:
    """What the guest's agent itself says, from what libvirt says of its refusal; "" where it is no refusal.

    Observed, libvirt 11.3: "guest agent command failed: unable to execute QEMU agent command 'guest-exec': <reason>".
    """
    found = re.search(r"unable to execute QEMU agent command '[^']*': (.+)", message, re.DOTALL)
    return found[1] if found else ""


def _move_call(move: LiveMove) -> tuple[str, dict[str, Any], int]:
    """URI, parameters and flags for ``virDomainMigrateToURI3``. Source: libvirt, "Migration over UNIX sockets".

    ``UNSAFE``: libvirt knows a shared folder by the type of its file system; here storage.cfg says what is shared.
    """
    flags = (
        libvirt.VIR_MIGRATE_LIVE
        | libvirt.VIR_MIGRATE_PEER2PEER
        | libvirt.VIR_MIGRATE_PAUSED
        | libvirt.VIR_MIGRATE_UNSAFE
        | libvirt.VIR_MIGRATE_AUTO_CONVERGE
        | libvirt.VIR_MIGRATE_ABORT_ON_ERROR
    )
    parameters: dict[str, Any] = {
        libvirt.VIR_MIGRATE_PARAM_URI: f"unix://{move.memory}",
        libvirt.VIR_MIGRATE_PARAM_DEST_XML: move.xml,
    }
    if move.slots:
        names = target_names(move.xml, move.slots)
        flags |= libvirt.VIR_MIGRATE_NON_SHARED_DISK
        parameters |= {
            libvirt.VIR_MIGRATE_PARAM_DISKS_URI: f"unix://{move.disks}",
            libvirt.VIR_MIGRATE_PARAM_MIGRATE_DISKS: names,
            libvirt.VIR_MIGRATE_PARAM_MIGRATE_DISKS_DETECT_ZEROES: names,
        }
    return f"qemu+unix:///system?socket={move.libvirt}", parameters, flags


def to_stats(vmid: int, values: Mapping[str, Any]) -> MachineStats:
    """One domain's record of ``getAllDomainStats`` (flat names, see virConnectGetAllDomainStats); absent means 0."""

    def total(group: str, field: str) -> int:
        return sum(int(values.get(f"{group}.{n}.{field}", 0)) for n in range(int(values.get(f"{group}.count", 0))))

    current = int(values.get("balloon.current", 0)) * 1024
    usable = int(values.get("balloon.usable", values.get("balloon.unused", 0))) * 1024
    available = int(values.get("balloon.available", 0)) * 1024
    return MachineStats(
        vmid=vmid,
        state=_STATES.get(int(values.get("state.state", 0)), MachineState.RUNNING),
        cpu_ns=int(values.get("cpu.time", 0)),
        cpus=int(values.get("vcpu.current", 1)),
        memory_max=int(values.get("balloon.maximum", 0)) * 1024 or current,
        memory_host=int(values.get("balloon.rss", 0)) * 1024,
        guest_memory_used=max(available - usable, 0) if available else 0,
        memory_now=current,
        guest_memory_usable=usable if available else None,
        net_in=total("net", "rx.bytes"),
        net_out=total("net", "tx.bytes"),
        disk_read=total("block", "rd.bytes"),
        disk_write=total("block", "wr.bytes"),
    )
