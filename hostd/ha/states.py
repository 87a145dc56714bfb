"""The closed sets of words of high availability, as the reference's status files and clients spell them."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class ServiceState(StrEnum):
    """Where the manager is with a service."""

    REQUEST_START = "request_start"
    REQUEST_START_BALANCE = "request_start_balance"
    STARTED = "started"
    REQUEST_STOP = "request_stop"
    STOPPED = "stopped"
    MIGRATE = "migrate"
    RELOCATE = "relocate"
    FREEZE = "freeze"
    FENCE = "fence"
    RECOVERY = "recovery"
    ERROR = "error"


# A service that changes its node by somebody's wish.
MOVING = frozenset({ServiceState.MIGRATE, ServiceState.RELOCATE})


class Requested(StrEnum):
    """What the configuration wants of a service."""

    STARTED = "started"
    STOPPED = "stopped"
    DISABLED = "disabled"
    IGNORED = "ignored"


class NodeState(StrEnum):
    """How the manager sees a node."""

    ONLINE = "online"
    MAINTENANCE = "maintenance"
    UNKNOWN = "unknown"
    FENCE = "fence"


class CrmState(StrEnum):
    WAIT_FOR_QUORUM = "wait_for_quorum"
    SLAVE = "slave"
    MASTER = "master"
    LOST_MANAGER_LOCK = "lost_manager_lock"


class AgentState(StrEnum):
    WAIT_FOR_AGENT_LOCK = "wait_for_agent_lock"
    ACTIVE = "active"
    MAINTENANCE = "maintenance"
    LOST_AGENT_LOCK = "lost_agent_lock"


class Mode(StrEnum):
    """What an agent is up to, beyond running its jobs."""

    ACTIVE = "active"
    RESTART = "restart"
    SHUTDOWN = "shutdown"
    MAINTENANCE = "maintenance"
    DISARM = "disarm"


class Code(IntEnum):
    """How a job of an agent ended, as it is published."""

    OK = 0
    ERROR = 1
    AGAIN = 2
    WRONG_NODE = 3
    IGNORED = 8


class Preference(StrEnum):
    """What matters when a node is chosen: the best one, staying where one is, or one that was not tried."""

    BEST = "best"
    STAY = "stay"
    TRY_NEXT = "try-next"


class Move(StrEnum):
    MIGRATE = "migrate"
    RELOCATE = "relocate"


class DisarmMode(StrEnum):
    FREEZE = "freeze"
    IGNORE = "ignore"


class DisarmState(StrEnum):
    DISARMING = "disarming"
    DISARMED = "disarmed"


class ShutdownPolicy(StrEnum):
    CONDITIONAL = "conditional"
    FREEZE = "freeze"
    FAILOVER = "failover"
    MIGRATE = "migrate"


class Shutdown(StrEnum):
    """What an agent is asked to end for."""

    SHUTDOWN = "shutdown"
    REBOOT = "reboot"
    RESTART = "restart"


class Scheduler(StrEnum):
    BASIC = "basic"
    STATIC = "static"
    DYNAMIC = "dynamic"


class Method(StrEnum):
    """How automatic rebalancing compares moves."""

    BRUTEFORCE = "bruteforce"
    TOPSIS = "topsis"


class Affinity(StrEnum):
    POSITIVE = "positive"
    NEGATIVE = "negative"
