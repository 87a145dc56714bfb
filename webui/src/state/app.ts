import { QueryClient } from "@tanstack/react-query";
import { createContext, useContext } from "react";
import { completeLogIn, logIn, renew } from "../api/access";
import { client } from "../api/client";
import type { Frame } from "../api/history";
import { EventStream } from "./eventStream";
import { Poller } from "./poller";
import { Session } from "./session";
import { Store } from "./store";
import { browserEdge } from "./streamEdge";
import { taskTitle } from "./taskTitle";
import { ThemeChoice } from "./theme";
import { Toasts } from "./toasts";
import { GroupingChoice } from "./tree";
import { WelcomeClosed } from "./welcome";
import { t } from "../i18n";

export interface DrawerState {
  open: boolean;
  /** The task whose log is shown. */
  upid: string | null;
}

/** Everything that lives as long as the page: made once in main.tsx, reached by `useApp()`. */
export interface App {
  queryClient: QueryClient;
  session: Session;
  poller: Poller;
  stream: EventStream;
  toasts: Toasts;
  theme: ThemeChoice;
  /** What the entries of the sidebar stand below. */
  grouping: GroupingChoice;
  /** The first-run card. */
  welcome: WelcomeClosed;
  taskDrawer: Store<DrawerState>;
  /** How far back graphs show. */
  frame: Store<Frame>;
  /** The guest form that is open. */
  createForm: Store<"vm" | "container" | null>;
  /** The dialog about the user's own account that is open. */
  accountDialog: Store<"password" | "factors" | null>;
  /** Announce the end of a task that was started here. */
  watchTask(upid: string): void;
}

export function createApp(): App {
  // The poller decides when to ask again, so the cache itself neither retries nor refetches by its own events.
  const queryClient = new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5000,
        retry: false,
        networkMode: "always",
        refetchOnWindowFocus: false,
        refetchOnReconnect: false,
      },
    },
  });
  const toasts = new Toasts();
  const watched = new Set<string>();
  const session = new Session({
    logIn,
    completeLogIn,
    renew,
    setCsrfToken: (token) => (client.csrfToken = token),
    getCookies: () => document.cookie,
    setCookie: (text) => (document.cookie = text),
    nowMs: () => Date.now(),
  });
  client.onUnauthorized = () => session.expire();
  const poller = new Poller(queryClient, {
    nowMs: () => Date.now(),
    isHidden: () => document.hidden,
    later: (delayMs, callback) => {
      const timer = window.setTimeout(callback, delayMs);
      return () => window.clearTimeout(timer);
    },
    renewSession: () => session.renewIfDue(),
    onFinished: (task) => {
      if (!watched.delete(task.upid)) return;
      const title = taskTitle(task);
      if (task.state === "error") toasts.add({ variant: "danger", title, text: task.status, upid: task.upid });
      else if (task.state === "warnings") toasts.add({ variant: "warning", title, text: task.status, upid: task.upid });
      else toasts.add({ variant: "success", title: t("task.done", { task: title }) });
    },
  });
  const stream = new EventStream(browserEdge, (event) => poller.take(event));
  stream.live.subscribe(() => poller.setLive(stream.live.get()));
  document.addEventListener("visibilitychange", () => {
    stream.looked();
    if (!document.hidden) poller.kick();
  });
  window.addEventListener("online", () => poller.kick());
  window.addEventListener("offline", () => poller.kick());
  return {
    queryClient,
    session,
    poller,
    stream,
    toasts,
    theme: new ThemeChoice(),
    grouping: new GroupingChoice(),
    welcome: new WelcomeClosed(),
    taskDrawer: new Store<DrawerState>({ open: false, upid: null }),
    frame: new Store<Frame>("hour"),
    createForm: new Store<"vm" | "container" | null>(null),
    accountDialog: new Store<"password" | "factors" | null>(null),
    watchTask: (upid) => {
      watched.add(upid);
      poller.kick();
    },
  };
}

const AppContext = createContext<App | null>(null);
export const AppProvider = AppContext.Provider;

export function useApp(): App {
  const app = useContext(AppContext);
  if (!app) throw new Error("useApp() outside AppProvider");
  return app;
}
