"""How an agent carries a job out, on guests that it reaches through ``Guests``.

Source: conformance area ``ha``, section 5.6.
"""

from __future__ import annotations

from typing import Protocol, assert_never

from hostd.ha.env import Job
from hostd.ha.events import Kind, Tell
from hostd.ha.states import MOVING, Code, Move, ServiceState

_MOVES = MOVING | {ServiceState.REQUEST_START_BALANCE}


class Guests(Protocol):
    """Virtual machines and containers, as far as an agent needs them. False: it did not work, the guest says why."""

    def home(self, sid: str) -> str | None:
        """The node where the guest's configuration lies."""

    def is_running(self, sid: str) -> bool:
        """On this node."""

    def start(self, sid: str) -> bool: ...

    def stop(self, sid: str, timeout_s: int | None) -> bool: ...

    def has_arrived(self, sid: str, target: str) -> bool:
        """Whether a move that an earlier process of this agent began has got through to the target."""

    def can_arrive(self, target: str) -> bool:
        """Whether the target's agent holds its lock and has published that it is watched, so that the guest is covered.

        The lock alone is not enough: an agent that was answered late has it, and no watchdog.
        False for as long as it is worth waiting; a move that then begins may still fail.
        """

    def move(self, sid: str, how: Move, target: str) -> bool:
        """Online (migrate), or stopping it first (relocate); tells the move's begin and end."""


def run(job: Job, node: str, guests: Guests, tell: Tell) -> Code:
    """Do what the job's state asks for, nothing if it is so already. ``node``: this agent's."""
    if job.state is ServiceState.ERROR:
        tell(Kind.SERVICE_IN_ERROR, sid=job.sid)
        return Code.OK
    if job.state in _MOVES and job.target and guests.has_arrived(job.sid, job.target):
        # The process that moved the guest died before it could say so. To call that a wrong node would be an error
        # that only a person can clear. (Ours: the recorded agents do not know.)
        return Code.OK
    if guests.home(job.sid) != node:
        tell(Kind.SERVICE_WRONG_NODE, sid=job.sid)
        return Code.WRONG_NODE
    match job.state:
        case ServiceState.STARTED:
            return _start(job, guests, tell)
        case ServiceState.REQUEST_STOP | ServiceState.STOPPED:
            return _stop(job, guests, tell)
        case ServiceState.MIGRATE | ServiceState.RELOCATE | ServiceState.REQUEST_START_BALANCE:
            return _move(job, node, guests, tell)
        case ServiceState.FENCE | ServiceState.FREEZE | ServiceState.RECOVERY | ServiceState.REQUEST_START:
            raise ValueError(f"nothing can be done for {job.sid} in state {job.state}")
        case _:
            assert_never(job.state)


def _start(job: Job, guests: Guests, tell: Tell) -> Code:
    if guests.is_running(job.sid):
        return Code.OK
    tell(Kind.SERVICE_START, sid=job.sid)
    if guests.start(job.sid):
        tell(Kind.SERVICE_STARTED, sid=job.sid)
        return Code.OK
    tell(Kind.SERVICE_START_FAILED, sid=job.sid)
    return Code.ERROR


def _stop(job: Job, guests: Guests, tell: Tell) -> Code:
    if not guests.is_running(job.sid):
        return Code.OK
    tell(Kind.SERVICE_STOP, sid=job.sid, timeout=job.timeout_s)
    if guests.stop(job.sid, job.timeout_s):
        tell(Kind.SERVICE_STOPPED, sid=job.sid)
        return Code.OK
    tell(Kind.SERVICE_STOP_FAILED, sid=job.sid)
    return Code.ERROR


def _move(job: Job, node: str, guests: Guests, tell: Tell) -> Code:
    if job.target is None:
        raise ValueError(f"{job.sid} is to move, but nowhere")
    if job.target == node:
        return Code.OK
    if job.state is ServiceState.REQUEST_START_BALANCE and guests.is_running(job.sid):
        tell(Kind.START_BALANCE_IGNORED, sid=job.sid)
        return Code.IGNORED
    how = Move.MIGRATE if job.state is ServiceState.MIGRATE else Move.RELOCATE
    if how is Move.MIGRATE and guests.is_running(job.sid) and not guests.can_arrive(job.target):
        # A running guest on a node without lock would run on there if that node were cut off, and be recovered at
        # once, as nobody has to wait for a lock that is not held. The reference does not wait here; this is ours.
        return Code.AGAIN
    if guests.move(job.sid, how, job.target):
        return Code.OK
    tell(Kind.SERVICE_MOVE_FAILED, sid=job.sid)
    return Code.ERROR
