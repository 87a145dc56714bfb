"""The times that keep a service from running twice, and the inequality between them.

A node that cannot renew its agent's lock must be off before anybody else can take that lock. It feeds its watchdog
only after a renewal that was answered within ``REPLY_S``, so the last feed is at most that much later than what the
lock's age is counted from. Then the watchdog's own time runs, then the device needs its time to reset the machine:

    REPLY_S + WATCHDOG_S + DEVICE_S + MARGIN_S <= LOCK_S          (a test checks it)

Clocks of two nodes are never compared: a taker counts for itself how long it saw the lock unrenewed.
All times are seconds. Source of LOCK_S, WATCHDOG_S and OFFLINE_S: conformance area ``ha``, sections 5.4, 5.5 and 8.
"""

from __future__ import annotations

from typing import Final

LOCK_S: Final = 120
WATCHDOG_S: Final = 60
# wdmd looks every 10 s, and hardware may take some seconds to reset.
DEVICE_S: Final = 20
# A renewal that was answered later than this does not feed the watchdog.
REPLY_S: Final = 30
MARGIN_S: Final = 10
# An agent that is replaced leaves its watchdog armed, and its lock marked so that waiting does not free it: the process
# that follows has so long to take both on, or the node is reset.
HANDOVER_S: Final = 300
# An agent that is replaced waits for the manager to freeze its services, but no longer than this for a manager to be
# there: that of another node takes over within a round of 10 s.
UNMANAGED_S: Final = 30
# A node counts as gone for good when it was not seen for this long.
OFFLINE_S: Final = 60

# A node that is to be fenced and is a member again has so long to say that it was booted: cutting its power once more
# could end the quorum, and so on for ever.
RETURN_S: Final = 30

# Rounds without anything to do after which locks are given back.
MANAGER_IDLE_ROUNDS: Final = 90
AGENT_IDLE_ROUNDS: Final = 60

# Groups are converted on this round of a master, and tried again after so many rounds (of 10 s on a host).
GROUPS_FIRST_ROUND: Final = 3
GROUPS_RETRY_ROUNDS: Final = 6
GROUPS_RETRY_S: Final = 60

MANAGER_LOCK: Final = "ha_manager_lock"


def agent_lock(node: str) -> str:
    """The lock under which a node's services run."""
    return f"ha_agent_{node}_lock"
