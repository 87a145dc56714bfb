"""The jobs of an agent: what is queued, what runs, what came out.

Source: conformance area ``ha``, section 7.2.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from hostd.ha.config import Resource
from hostd.ha.env import AgentEnvironment, Job
from hostd.ha.events import Kind
from hostd.ha.states import Code, ServiceState
from hostd.ha.status import ManagerStatus

_NO_JOB = frozenset({ServiceState.RECOVERY, ServiceState.FREEZE, ServiceState.REQUEST_START, ServiceState.FENCE})


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """``queued`` and ``running`` by sid; ``results`` by job id; ``retries``: failed starts in a row by sid.

    ``failed_stops``: services that a node which goes down could not stop.
    """

    queued: Mapping[str, Job] = field(default_factory=dict)
    running: Mapping[str, Job] = field(default_factory=dict)
    results: Mapping[str, int] = field(default_factory=dict)
    retries: Mapping[str, int] = field(default_factory=dict)
    failed_stops: frozenset[str] = frozenset()


def queue_stops(jobs: Jobs, sids: Iterable[str]) -> Jobs:
    """Stop services because the node goes down, whatever the manager wants of them."""
    stops = {sid: Job(sid=sid, id=None, state=ServiceState.REQUEST_STOP) for sid in sids}
    return replace(jobs, queued={**jobs.queued, **stops}, failed_stops=frozenset())


def queue(
    jobs: Jobs,
    status: ManagerStatus,
    resources: Mapping[str, Resource],
    node: str,
    states: Collection[ServiceState] = frozenset(ServiceState),
) -> Jobs:
    """A job for each service of this node that is neither answered for nor under way; the newest of a service counts.

    ``stopped`` is made sure of again and again. Results are kept while the manager may still ask for them. ``states``:
    only jobs of services in one of these.
    """
    known = {service.job for service in status.services.values()}
    results = {job: code for job, code in jobs.results.items() if job in known}
    # What was queued for an earlier state must not run any more: the service may be elsewhere by now.
    queued = {sid: job for sid, job in jobs.queued.items() if job.id is None}
    for sid, service in status.services.items():
        answered = service.job in results and service.state is not ServiceState.STOPPED
        under_way = jobs.running.get(sid)
        if under_way and under_way.id == service.job:
            continue
        if service.node != node or service.state not in states or service.state in _NO_JOB or answered:
            continue
        resource = resources.get(sid)
        queued[sid] = Job(
            sid=sid,
            id=service.job,
            state=service.state,
            target=service.target,
            timeout_s=service.timeout_s,
            max_restart=resource.max_restart if resource else 0,
        )
    return replace(jobs, queued=queued, results=results)


def run(jobs: Jobs, env: AgentEnvironment) -> Jobs:
    """Begin what is queued, one job a service at a time, and take in what has ended."""
    for sid in sorted(jobs.queued.keys() - jobs.running.keys()):
        job = jobs.queued[sid]
        env.begin(job)
        rest = {other: waiting for other, waiting in jobs.queued.items() if other != sid}
        jobs = take_in(replace(jobs, queued=rest, running={**jobs.running, sid: job}), env)
    return jobs


def take_in(jobs: Jobs, env: AgentEnvironment) -> Jobs:
    """Draw conclusions from jobs that have ended; before anything is queued, or one would be done twice."""
    for job, code in env.finished():
        running = {sid: other for sid, other in jobs.running.items() if sid != job.sid}
        jobs = _conclude(replace(jobs, running=running), job, code, env)
    return jobs


def _conclude(jobs: Jobs, job: Job, code: Code, env: AgentEnvironment) -> Jobs:
    """A failed start is tried again here before the manager hears of it."""
    if job.id is None:
        return jobs if code is Code.OK else replace(jobs, failed_stops=jobs.failed_stops | {job.sid})
    if code is Code.AGAIN:
        return jobs
    if job.state is ServiceState.STARTED and code in (Code.OK, Code.ERROR):
        tried = jobs.retries.get(job.sid, 0)
        if code is Code.ERROR and tried < job.max_restart:
            env.tell(Kind.SERVICE_START_RETRY, sid=job.sid, **{"try": tried + 1})
            return replace(jobs, retries={**jobs.retries, job.sid: tried + 1})
        if code is Code.ERROR:
            env.tell(Kind.SERVICE_START_GIVEN_UP, sid=job.sid, retries=tried)
        jobs = replace(jobs, retries={sid: n for sid, n in jobs.retries.items() if sid != job.sid})
    return replace(jobs, results={**jobs.results, job.id: int(code)})
