import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ApiError } from "../api/client";
import * as cluster from "../api/cluster";
import type { Task } from "../api/tasks";
import { Poller } from "./poller";
import { keys } from "./queryKeys";

const RUNNING: Task = {
  upid: "UPID:a:00000001:00000001:6B002DF2:qmstart:100:root@pam:",
  node: "a",
  type: "qmstart",
  id: "100",
  user: "root@pam",
  startS: 0,
  endS: null,
  state: "running",
  status: "",
};

describe("Poller", () => {
  let tasks: Task[];
  let waiting: { delayMs: number; callback: () => void } | null;
  let hidden: boolean;
  const finished = vi.fn();
  const renewSession = vi.fn(() => Promise.resolve());
  let queryClient: QueryClient;
  let poller: Poller;

  beforeEach(() => {
    tasks = [];
    waiting = null;
    hidden = false;
    vi.spyOn(cluster, "getRecentTasks").mockImplementation(() => Promise.resolve(tasks));
    vi.spyOn(cluster, "getResources").mockImplementation(() => Promise.resolve([]));
    queryClient = new QueryClient({ defaultOptions: { queries: { retry: false } } });
    poller = new Poller(queryClient, {
      nowMs: () => 42,
      isHidden: () => hidden,
      later: (delayMs, callback) => {
        waiting = { delayMs, callback };
        return () => (waiting = null);
      },
      renewSession,
      onFinished: finished,
    });
  });
  afterEach(() => {
    poller.stop();
    vi.restoreAllMocks();
    finished.mockClear();
    renewSession.mockClear();
  });
  const settled = () => vi.waitFor(() => expect(waiting).not.toBeNull());
  async function nextTurn() {
    const { callback } = waiting ?? { callback: () => undefined };
    waiting = null;
    callback();
    await settled();
  }

  test("looks at once, then every three seconds, and renews the session each time", async () => {
    poller.start();
    await settled();
    expect(waiting?.delayMs).toBe(3000);
    await nextTurn();
    expect(cluster.getResources).toHaveBeenCalledTimes(2);
    expect(renewSession).toHaveBeenCalledTimes(2);
  });

  test("announces the end of a task and makes stale what it touched", async () => {
    tasks = [RUNNING];
    poller.start();
    await settled();
    queryClient.setQueryData(keys.guest(100), "old");
    tasks = [{ ...RUNNING, state: "ok", endS: 1 }];
    await nextTurn();
    expect(finished).toHaveBeenCalledExactlyOnceWith(tasks[0]);
    expect(queryClient.getQueryState(keys.guest(100))?.isInvalidated).toBe(true);
  });

  test("refreshes live entries that are on view, and only those", async () => {
    const [live, still, unseen] = [vi.fn(() => 1), vi.fn(() => 1), vi.fn(() => 1)];
    const observe = (name: string, queryFn: () => number, meta: { live?: boolean }) =>
      new QueryObserver(queryClient, { queryKey: [name], queryFn, meta, staleTime: Infinity }).subscribe(
        () => undefined,
      );
    const stops = [observe("live", live, { live: true }), observe("still", still, {})];
    observe("unseen", unseen, { live: true })();
    poller.start();
    await settled();
    await nextTurn();
    expect([live.mock.calls.length > 1, still.mock.calls.length, unseen.mock.calls.length]).toEqual([true, 1, 1]);
    for (const stop of stops) stop();
  });

  test("says when the server is away, keeps trying, and reads everything anew when it is back", async () => {
    poller.start();
    await settled();
    vi.mocked(cluster.getResources).mockRejectedValueOnce(new ApiError(0, "no answer"));
    await nextTurn();
    expect(poller.connection.get()).toEqual({ online: false, lastAnswerMs: 42 });
    queryClient.setQueryData(["anything"], 1);
    await nextTurn();
    expect(poller.connection.get().online).toBe(true);
    expect(queryClient.getQueryState(["anything"])?.isInvalidated).toBe(true);
  });

  test("a hidden page only keeps its session", async () => {
    hidden = true;
    poller.start();
    await settled();
    expect(cluster.getResources).not.toHaveBeenCalled();
    expect(renewSession).toHaveBeenCalledOnce();
  });

  test("a kick during a look is followed at once by another", async () => {
    poller.start();
    poller.kick();
    await settled();
    expect(waiting?.delayMs).toBe(0);
    poller.stop();
    poller.kick();
    expect(waiting).toBeNull();
  });
});
