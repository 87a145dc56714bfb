import type { QueryClient } from "@tanstack/react-query";
import { ApiError } from "../api/client";
import type { Task } from "../api/tasks";
import { Store } from "./store";
import { keys } from "./queryKeys";
import { recentTasksQuery, resourcesQuery } from "./queries";
import { keysTouchedBy, taskChanges } from "./taskChanges";

const INTERVAL_MS = 3000;

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
 * The only thing that asks the server again and again. Each turn reads the resources and the recent tasks, makes stale
 * what the tasks changed, and refreshes the `live` entries that some view is showing. An event stream can later take
 * its place: views do not know where the news comes from.
 */
export class Poller {
  readonly connection = new Store<Connection>({ online: true, lastAnswerMs: null });
  private cancel: (() => void) | null = null;
  private turn: Promise<void> | null = null;
  private again = false;
  private active = false;

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
    if (!this.active) return;
    if (this.turn) {
      this.again = true;
      return;
    }
    this.cancel?.();
    this.turn = this.look().finally(() => {
      this.turn = null;
      if (!this.active) return;
      const delayMs = this.again ? 0 : INTERVAL_MS;
      this.again = false;
      this.cancel = this.edge.later(delayMs, () => this.kick());
    });
  }

  private async look(): Promise<void> {
    if (this.edge.isHidden()) return this.edge.renewSession();
    const before = this.queryClient.getQueryData<Task[]>(keys.recentTasks);
    try {
      const [tasks] = await Promise.all([
        this.queryClient.fetchQuery({ ...recentTasksQuery(), staleTime: 0 }),
        this.queryClient.fetchQuery({ ...resourcesQuery(), staleTime: 0 }),
      ]);
      this.answered();
      await this.refresh(before, tasks);
    } catch (error) {
      if (error instanceof ApiError && error.offline) this.connection.update((now) => ({ ...now, online: false }));
      else this.answered(); // it answers, if only with an error, which the views show
    }
    await this.edge.renewSession();
  }

  private answered(): void {
    const back = !this.connection.get().online;
    this.connection.set({ online: true, lastAnswerMs: this.edge.nowMs() });
    if (back) void this.queryClient.invalidateQueries();
  }

  private async refresh(before: Task[] | undefined, tasks: Task[]): Promise<void> {
    const { started, finished } = taskChanges(before, tasks);
    for (const task of [...started, ...finished]) {
      for (const queryKey of keysTouchedBy(task)) void this.queryClient.invalidateQueries({ queryKey });
    }
    for (const task of finished) this.edge.onFinished(task);
    await this.queryClient.refetchQueries(
      { type: "active", predicate: (query) => query.meta?.live === true },
      { cancelRefetch: false },
    );
  }
}
