import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ApiError } from "../api/client";
import * as cluster from "../api/cluster";
import type { Task } from "../api/tasks";
import { guest } from "./fixtures";
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
const ENDED: Task = { ...RUNNING, state: "ok", endS: 1 };

describe("Poller", () => {
  let tasks: Task[];
  let nowMs: number;
  let waiting: { delayMs: number; callback: () => void } | null;
  let hidden: boolean;
  const finished = vi.fn();
  const renewSession = vi.fn(() => Promise.resolve());
  let queryClient: QueryClient;
  let poller: Poller;

  beforeEach(() => {
    tasks = [];
    nowMs = 42;
    waiting = null;
    hidden = false;
    vi.spyOn(cluster, "getRecentTasks").mockImplementation(() => Promise.resolve(tasks));
    vi.spyOn(cluster, "getResources").mockImplementation(() => Promise.resolve([guest(100)]));
    queryClient = new QueryClient({ defaultOptions: { queries: { retry: false } } });
    poller = new Poller(queryClient, {
      nowMs: () => nowMs,
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
  const delayMs = () => waiting?.delayMs;
  const looks = () => vi.mocked(cluster.getResources).mock.calls.length;
  /** Time goes on to the end of the wait. */
  async function nextTurn() {
    const { callback, delayMs } = waiting ?? { callback: () => undefined, delayMs: 0 };
    waiting = null;
    nowMs += delayMs;
    callback();
    await settled();
  }
  async function begin({ live = false } = {}) {
    poller.start();
    await settled();
    if (!live) return;
    waiting = null;
    poller.setLive(true);
    await settled();
  }
  function observe(name: string, meta: { live?: boolean | "fast"; ageMs?: number }) {
    const queryFn = vi.fn(() => 1);
    const observer = new QueryObserver(queryClient, { queryKey: [name], queryFn, meta, staleTime: Infinity });
    return { queryFn, stop: observer.subscribe(() => undefined) };
  }

  test("looks at once, then every three seconds, and renews the session each time", async () => {
    await begin();
    expect(delayMs()).toBe(3000);
    await nextTurn();
    expect(looks()).toBe(2);
    expect(renewSession).toHaveBeenCalledTimes(2);
  });

  test("announces the end of a task and makes stale what it touched", async () => {
    tasks = [RUNNING];
    await begin();
    queryClient.setQueryData(keys.guest(100), "old");
    tasks = [ENDED];
    await nextTurn();
    expect(finished).toHaveBeenCalledExactlyOnceWith(tasks[0]);
    expect(queryClient.getQueryState(keys.guest(100))?.isInvalidated).toBe(true);
  });

  test("refreshes live entries that are on view, and only those", async () => {
    const [live, still, unseen] = [
      observe("live", { live: true }),
      observe("still", {}),
      observe("no", { live: true }),
    ];
    unseen.stop();
    await begin();
    await nextTurn();
    const calls = [live, still, unseen].map(({ queryFn }) => queryFn.mock.calls.length);
    expect([(calls[0] ?? 0) > 1, calls[1], calls[2]]).toEqual([true, 1, 1]);
    for (const { stop } of [live, still]) stop();
  });

  test("leaves alone what is young enough", async () => {
    nowMs = Date.now();
    const { queryFn, stop } = observe("rows", { live: true, ageMs: 5000 });
    await begin();
    await nextTurn();
    expect(queryFn).toHaveBeenCalledOnce();
    await nextTurn();
    expect(queryFn).toHaveBeenCalledTimes(2);
    stop();
  });

  test("says when the server is away, keeps trying, and reads everything anew when it is back", async () => {
    await begin();
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
    await begin();
    expect(looks()).toBe(0);
    expect(renewSession).toHaveBeenCalledOnce();
  });

  test("a kick during a look is followed at once by another", async () => {
    poller.start();
    poller.kick();
    await settled();
    expect(delayMs()).toBe(0);
    poller.stop();
    poller.kick();
    expect(waiting).toBeNull();
  });

  describe("while a stream tells what happens", () => {
    test("looks at the lists every ten seconds, and at what changes by itself on the view every three", async () => {
      const [fast, slow] = [observe("fast", { live: "fast" }), observe("slow", { live: true })];
      await begin({ live: true });
      const before = [looks(), fast.queryFn.mock.calls.length, slow.queryFn.mock.calls.length];
      const delays: (number | undefined)[] = [];
      for (let turn = 0; turn < 4; turn++) {
        delays.push(delayMs());
        await nextTurn();
      }
      expect(delays).toEqual([3000, 3000, 3000, 1000]);
      const after = [looks(), fast.queryFn.mock.calls.length, slow.queryFn.mock.calls.length];
      expect(after.map((n, i) => n - (before[i] ?? 0))).toEqual([1, 4, 1]);
      for (const { stop } of [fast, slow]) stop();
    });

    test("looks anew when it begins and when it ends", async () => {
      await begin({ live: true });
      expect(looks()).toBe(2);
      waiting = null;
      poller.setLive(false);
      await settled();
      expect([looks(), delayMs()]).toEqual([3, 3000]);
    });

    test("states are shown at once; the lists are read once for a swarm of news", async () => {
      await begin({ live: true });
      const told = { kind: "guest", vmid: 100, node: "a", change: "status" } as const;
      queryClient.setQueryData(keys.guest(100), "old");
      nowMs += 5000;
      poller.take({ ...told, running: true });
      expect(queryClient.getQueryData(keys.resources)).toMatchObject([{ vmid: 100, running: true }]);
      expect(queryClient.getQueryState(keys.guest(100))?.isInvalidated).toBe(true);
      nowMs += 200;
      poller.take({ ...told, running: false });
      expect(delayMs()).toBe(100);
      await nextTurn();
      expect(looks()).toBe(3);
      poller.take({ kind: "storage" });
      expect(delayMs()).toBe(2000);
    });

    test("a task's end is announced once, and nothing is asked for", async () => {
      tasks = [RUNNING];
      await begin({ live: true });
      poller.take({ kind: "task", task: ENDED });
      poller.take({ kind: "task", task: ENDED });
      expect(finished).toHaveBeenCalledExactlyOnceWith(ENDED);
      expect([looks(), delayMs()]).toEqual([2, 3000]);
    });

    test("news during a look are followed by another", async () => {
      await begin({ live: true });
      waiting = null;
      poller.kick();
      poller.take({ kind: "task", task: RUNNING });
      await settled();
      expect(delayMs()).toBe(2000);
    });
  });
});
