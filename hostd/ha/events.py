"""What happens in a cluster, one kind a word: the vocabulary of the log, of post-mortems and of the simulator.

Source: conformance area ``ha``, section 3 (kinds and their fields).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol


class Kind(StrEnum):
    DAEMON_STATE = "daemon_state"
    LOCK_ACQUIRED = "lock_acquired"
    GOING_IDLE = "going_idle"
    CFS_ERROR = "cfs_error"
    CFS_ROUND_DEFERRED = "cfs_round_deferred"
    SHUTDOWN_REQUEST = "shutdown_request"
    SHUTDOWN_BLOCKED = "shutdown_blocked"
    NOT_FROZEN = "not_frozen"
    # of the CRM
    CRM_LOCK_RELEASED = "crm_lock_released"
    CRM_DISARMED = "crm_disarmed"
    CRM_REARMED = "crm_rearmed"
    DISARMED_TAKEOVER = "disarmed_takeover"
    SCHEDULER_MODE = "scheduler_mode"
    # of nodes
    NODE_STATE = "node_state"
    FENCE_TRY = "fence_try"
    FENCE_ACK = "fence_ack"
    FENCE_DONE = "fence_done"
    FENCE_ORPHAN = "fence_orphan"
    # of services, as the manager decides
    SERVICE_ADDED = "service_added"
    SERVICE_REMOVED = "service_removed"
    SERVICE_STATE = "service_state"
    SERVICE_MOVE = "service_move"
    SERVICE_RECOVER = "service_recover"
    SERVICE_RECOVER_FAILED = "service_recover_failed"
    SERVICE_LOCK_CLEARED = "service_lock_cleared"
    START_FAILED_RELOCATE = "start_failed_relocate"
    RELOCATE_EXHAUSTED = "relocate_exhausted"
    RELOCATE_SUCCEEDED = "relocate_succeeded"
    ALL_NODES_TRIED = "all_nodes_tried"
    MOVE_FAILED = "move_failed"
    STOP_FAILED = "stop_failed"
    MAINTENANCE_RETURN = "maintenance_return"
    MAINTENANCE_STALE_CLEARED = "maintenance_stale_cleared"
    START_NODE_SELECTED = "start_node_selected"
    START_BALANCE_IGNORED = "start_balance_ignored"
    AUTO_REBALANCE = "auto_rebalance"
    # commands
    CRM_COMMAND = "crm_command"
    CRM_COMMAND_COUPLED = "crm_command_coupled"
    CRM_COMMAND_REJECTED = "crm_command_rejected"
    CRM_COMMAND_IGNORED = "crm_command_ignored"
    SERVICE_COMMAND_IGNORED = "service_command_ignored"
    STOP_REQUESTED = "stop_requested"
    # disarming
    DISARM_FREEZE = "disarm_freeze"
    DISARM_SUSPEND = "disarm_suspend"
    DISARM_DEFERRED = "disarm_deferred"
    ALL_LRMS_DISARMED = "all_lrms_disarmed"
    SERVICE_NODE_UPDATED = "service_node_updated"
    # legacy groups
    GROUPS_MIGRATION = "groups_migration"
    GROUPS_MIGRATION_NODE = "groups_migration_node"
    GROUPS_MIGRATION_LRM = "groups_migration_lrm"
    GROUPS_MIGRATION_VERSION = "groups_migration_version"
    GROUPS_MIGRATION_ABORT = "groups_migration_abort"
    GROUPS_MIGRATION_RETRY = "groups_migration_retry"
    # of the agent
    LRM_SHUTDOWN_PLAN = "lrm_shutdown_plan"
    LRM_DISARMED = "lrm_disarmed"
    SERVICE_START = "service_start"
    SERVICE_STARTED = "service_started"
    SERVICE_START_FAILED = "service_start_failed"
    SERVICE_START_RETRY = "service_start_retry"
    SERVICE_START_GIVEN_UP = "service_start_given_up"
    SERVICE_STOP = "service_stop"
    SERVICE_STOPPED = "service_stopped"
    SERVICE_STOP_FAILED = "service_stop_failed"
    SERVICE_MOVE_START = "service_move_start"
    SERVICE_MOVE_END = "service_move_end"
    SERVICE_MOVE_FAILED = "service_move_failed"
    SERVICE_LOCKED = "service_locked"
    SERVICE_IN_ERROR = "service_in_error"
    SERVICE_WRONG_NODE = "service_wrong_node"


Value = str | int | bool | Sequence[str] | None


class Tell(Protocol):
    """Where events go. A field that is None is left out."""

    def __call__(self, kind: Kind, /, **fields: Value) -> None: ...
