import { beforeEach, describe, expect, test, vi } from "vitest";
import type { Listener, LiveEvent } from "../api/events";
import { EventStream, type StreamEdge } from "./eventStream";

/** A browser: who has a lock, who waits for it, who hears a channel. */
class Browser {
  streams = new Set<Listener>();
  private waiting = new Map<string, (() => void)[]>();
  private pages = new Map<string, Set<(told: never) => void>>();

  edge(page: { hidden: boolean }): StreamEdge {
    return {
      isHidden: () => page.hidden,
      listen: (listener) => {
        this.streams.add(listener);
        return () => this.streams.delete(listener);
      },
      lead: (name, begin) => this.lead(name, begin),
      channel: (name, hear) => {
        const all = this.pages.get(name) ?? new Set();
        this.pages.set(name, all.add(hear));
        const send = (told: never) => [...all].filter((other) => other !== hear).forEach((other) => other(told));
        return { send, close: () => all.delete(hear) };
      },
    };
  }

  private lead(name: string, begin: () => () => void): () => void {
    const queue = this.waiting.get(name) ?? [];
    this.waiting.set(name, queue);
    let end: () => void = () => undefined;
    const enter = () => (end = begin());
    queue.push(enter);
    if (queue[0] === enter) enter();
    return () => {
      const first = queue[0] === enter;
      queue.splice(queue.indexOf(enter), 1);
      end();
      if (first) queue[0]?.();
    };
  }
}

const EVENT: LiveEvent = { kind: "storage" };

describe("EventStream", () => {
  let browser: Browser;
  beforeEach(() => (browser = new Browser()));
  function open(user = "root@pam") {
    const page = { hidden: false };
    const heard = vi.fn();
    const stream = new EventStream(browser.edge(page), heard);
    stream.start(user);
    const look = (hidden: boolean) => {
      page.hidden = hidden;
      stream.looked();
    };
    return { stream, heard, look };
  }
  const server = () => {
    expect(browser.streams.size).toBe(1);
    return [...browser.streams][0] as Listener;
  };

  test("of several pages one listens, and all hear", () => {
    const [first, second] = [open(), open()];
    server().onLive(true);
    server().onEvent(EVENT);
    const third = open();
    for (const { stream } of [first, second, third]) expect(stream.live.get()).toBe(true);
    expect(first.heard).toHaveBeenCalledExactlyOnceWith(EVENT);
    expect(second.heard).toHaveBeenCalledExactlyOnceWith(EVENT);
    expect(third.heard).not.toHaveBeenCalled();
  });

  test("an interruption is known to all", () => {
    const [first, second] = [open(), open()];
    server().onLive(true);
    server().onLive(false);
    for (const { stream } of [first, second]) expect(stream.live.get()).toBe(false);
  });

  test("when the one goes, the next takes its place", () => {
    const [first, second] = [open(), open()];
    server().onLive(true);
    const told = vi.fn(() => second.stream.live.get());
    second.stream.live.subscribe(told);
    first.stream.stop();
    server().onLive(true);
    expect(told.mock.results.map(({ value }) => value)).toEqual([false, true]);
    server().onEvent(EVENT);
    expect([first.heard.mock.calls.length, second.heard.mock.calls.length]).toEqual([0, 1]);
  });

  test("a page that is hidden gives it up, and takes part again when it is shown", () => {
    const { stream, look, heard } = open();
    server().onLive(true);
    look(true);
    expect([browser.streams.size, stream.live.get()]).toEqual([0, false]);
    look(false);
    server().onLive(true);
    server().onEvent(EVENT);
    expect([stream.live.get(), heard.mock.calls.length]).toEqual([true, 1]);
  });

  test("users have streams of their own", () => {
    const [root, joe] = [open("root@pam"), open("joe@pve")];
    expect(browser.streams.size).toBe(2);
    [...browser.streams][0]?.onEvent(EVENT);
    expect([root.heard.mock.calls.length, joe.heard.mock.calls.length]).toEqual([1, 0]);
  });
});
