import type { Query, QueryClient } from "@tanstack/react-query";
import { ApiError } from "../api/client";
import type { Resource } from "../api/cluster";
import type { LiveEvent } from "../api/events";
import type { Task } from "../api/tasks";
import { changesLists, keysTouchedByEvent, withState, withTask } from "./liveEvents";
import { keys } from "./queryKeys";
import { recentTasksQuery, resourcesQuery } from "./queries";
import { Store } from "./store";
import { keysTouchedBy, type TaskChanges, taskChanges } from "./taskChanges";

/** Values that change by themselves, of what is on view; everything while no stream tells what happens. */
const SHORT_MS = 3000;
/** The lists' values (CPU, memory) while a stream tells what happens. */
const LONG_MS = 10_000;
/** News come in swarms: one look for all that came until then, and not right after another. */
const SWARM_MS = 300;
const BETWEEN_MS = 2000;

export interface Connection {
  online: boolean;
  /** When the server last answered; null before the first answer. */
  lastAnswerMs: number | null;
}

export interface PollerEdge {
  nowMs(): number;
  isHidden(): boolean;
  /** Calls back once after a delay; returns what cancels it. */
  later(delayMs: number, callback: () => void): () => void;
  /** Runs with every turn. */
  renewSession(): Promise<void>;
  onFinished(task: Task): void;
}

/**
 * The only thing that asks the server again and again. A whole look reads the resources and the recent tasks, makes
 * stale what the tasks changed, and refreshes the `live` entries that some view is showing. While an event stream tells
 * what happens (`setLive`, `take`), whole looks are few, and between them only `fast` entries on view are refreshed.
 */
export class Poller {
  readonly connection = new Store<Connection>({ online: true, lastAnswerMs: null });
  private cancel: (() => void) | null = null;
  private turn: Promise<void> | null = null;
  private active = false;
  private live = false;
  /** When the next whole look is due, and when the last one began. */
  private dueMs = 0;
  private lookedMs = -Infinity;

  constructor(
    private readonly queryClient: QueryClient,
    private readonly edge: PollerEdge,
  ) {}

  start(): void {
    if (this.active) return;
    this.active = true;
    this.kick();
  }

  stop(): void {
    this.active = false;
    this.cancel?.();
    this.cancel = null;
  }

  /** Look now (after an action, or when the page becomes visible); waits its turn behind a running look. */
  kick(): void {
    this.dueMs = this.edge.nowMs();
    if (this.active && !this.turn) this.run();
  }

  /** A stream has begun or ended: what happened in between is in the lists. */
  setLive(live: boolean): void {
    this.live = live;
    this.kick();
  }

  /** What the stream tells, ahead of the next look. */
  take(event: LiveEvent): void {
    const resources = this.queryClient.getQueryData<readonly Resource[]>(keys.resources);
    if (resources) this.queryClient.setQueryData(keys.resources, withState(resources, event));
    for (const queryKey of keysTouchedByEvent(event)) void this.queryClient.invalidateQueries({ queryKey });
    const tasks = this.queryClient.getQueryData<Task[]>(keys.recentTasks);
    if (event.kind === "task" && tasks) {
      const after = withTask(tasks, event.task);
      this.queryClient.setQueryData(keys.recentTasks, after);
      this.tell(taskChanges(tasks, after));
    }
    if (changesLists(event) || this.turn) this.soon(); // a look under way may bring what was before
  }

  private soon(): void {
    const nowMs = this.edge.nowMs();
    this.dueMs = Math.min(this.dueMs, Math.max(nowMs + SWARM_MS, this.lookedMs + BETWEEN_MS));
    if (this.active && !this.turn) this.wait();
  }

  private wait(): void {
    this.cancel?.();
    const untilDueMs = Math.max(0, this.dueMs - this.edge.nowMs());
    this.cancel = this.edge.later(Math.min(untilDueMs, SHORT_MS), () => this.run());
  }

  private run(): void {
    this.cancel?.();
    this.cancel = null;
    this.turn = this.look().finally(() => {
      this.turn = null;
      if (this.active) this.wait();
    });
  }

  private async look(): Promise<void> {
    const nowMs = this.edge.nowMs();
    const whole = nowMs >= this.dueMs;
    if (whole) {
      this.lookedMs = nowMs;
      this.dueMs = nowMs + (this.live ? LONG_MS : SHORT_MS);
    }
    if (!this.edge.isHidden()) await (whole ? this.lookAtAll() : this.refresh("fast"));
    await this.edge.renewSession();
  }

  private async lookAtAll(): Promise<void> {
    const before = this.queryClient.getQueryData<Task[]>(keys.recentTasks);
    try {
      const [tasks] = await Promise.all([
        this.queryClient.fetchQuery({ ...recentTasksQuery(), staleTime: 0 }),
        this.queryClient.fetchQuery({ ...resourcesQuery(), staleTime: 0 }),
      ]);
      this.answered();
      this.tell(taskChanges(before, tasks));
      await this.refresh("live");
    } catch (error) {
      if (error instanceof ApiError && error.offline) this.connection.update((now) => ({ ...now, online: false }));
      else this.answered(); // it answers, if only with an error, which the views show
    }
  }

  private answered(): void {
    const back = !this.connection.get().online;
    this.connection.set({ online: true, lastAnswerMs: this.edge.nowMs() });
    if (back) void this.queryClient.invalidateQueries();
  }

  private tell({ started, finished }: TaskChanges): void {
    for (const task of [...started, ...finished]) {
      for (const queryKey of keysTouchedBy(task)) void this.queryClient.invalidateQueries({ queryKey });
    }
    for (const task of finished) this.edge.onFinished(task);
  }

  private async refresh(pace: "live" | "fast"): Promise<void> {
    const nowMs = this.edge.nowMs();
    const isDue = ({ meta, state }: Query) =>
      (meta?.live === "fast" || (pace === "live" && meta?.live === true)) &&
      (meta.ageMs === undefined || nowMs >= state.dataUpdatedAt + meta.ageMs);
    await this.queryClient.refetchQueries({ type: "active", predicate: isDue }, { cancelRefetch: false });
  }
}
