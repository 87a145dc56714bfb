"""Processor flags that are offered for machines (``cpu: …,flags=+aes``), and what of a host each one needs. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Flag:
    """``needs``: features by libvirt's names of which one suffices; none: the one of the flag's own name."""

    name: str
    doc: str
    needs: tuple[str, ...] = ()

    def supported(self, features: Collection[str]) -> bool:
        """``features``: what the widest processor of a host can show, as ``Capabilities`` has it."""
        return any(need in features for need in self.needs or (self.name,))


X86: Final[tuple[Flag, ...]] = (
    Flag(
        name="nested-virt",
        doc="The guest can run machines of its own: vmx or svm, whichever the host's processor has.",
        needs=("vmx", "svm"),
    ),
    Flag(name="md-clear", doc="The guest can tell whether buffers are cleared against MDS (old Intel processors)."),
    Flag(name="pcid", doc="Process-context identifiers: without them page table isolation costs more (Intel)."),
    Flag(name="spec-ctrl", doc="Control of speculation against Spectre, for models of Intel without -IBRS."),
    Flag(name="ssbd", doc="Protection from Speculative Store Bypass, for models of Intel."),
    Flag(name="ibpb", doc="Barrier of indirect branch prediction against Spectre, for models of AMD without -IBPB."),
    Flag(name="virt-ssbd", doc="Protection from Speculative Store Bypass, for models of AMD: the older way."),
    Flag(name="amd-ssbd", doc="Protection from Speculative Store Bypass, for models of AMD: faster than virt-ssbd."),
    Flag(name="amd-no-ssb", doc="The guest is told that the processor has no Speculative Store Bypass (AMD)."),
    Flag(name="pdpe1gb", doc="Pages of one GiB inside the guest, where the host has them."),
    Flag(name="hv-tlbflush", doc="Windows with more processors than the host has free flushes its buffers faster."),
    Flag(name="hv-evmcs", doc="Machines inside a Windows guest run faster (Intel)."),
    Flag(name="aes", doc="AES in hardware."),
)


def flags_of(arch: str) -> tuple[Flag, ...]:
    """Those of an architecture; none are known for 64-bit ARM."""
    return X86 if arch == "x86_64" else ()
