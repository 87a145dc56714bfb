// TEST CODE. The event stream of the pretend cluster: tells, while somebody listens, what has changed between two looks
// at the world, as the server does (docs/tasks.md, "Event stream").
const LOOK_MS = 100;

const text = ([kind, data]) =>
  `event: ${kind}\ndata: ${JSON.stringify(data)}\n\n`;

function taskEvent({ upid, node, type, id, user, starttime, ...task }) {
  const { status = "running", endtime } = task;
  const data = { upid, node, type, id, user, starttime, status };
  return ["task", { ...data, ...(endtime && { endtime }) }];
}

/** What is looked at: a text for each thing, and the event that tells of its change. */
function pictureOf(world) {
  const picture = new Map();
  for (const task of world.tasks)
    picture.set(task.upid, [task.status ?? "running", () => taskEvent(task)]);
  for (const node of world.nodes) {
    const status = world.offlineNodes.has(node) ? "offline" : "online";
    const event = ["node", { node, change: "status", status }];
    picture.set(`node ${node}`, [status, () => event]);
  }
  for (const { vmid, kind, node, running, config } of world.guests.values()) {
    const status = running ? "running" : "stopped";
    const told = { vmid, node, change: "status", status };
    picture.set(`state ${vmid}`, [status, () => ["guest", told]]);
    const changed = { vmid, type: kind, node, change: "config" };
    const all = world.large ? node : node + JSON.stringify(config);
    picture.set(`config ${vmid}`, [all, () => ["guest", changed]]);
  }
  return picture;
}

/** Events between two pictures; a guest that is gone has its own. */
export function changes(before, after) {
  const told = [...after].filter(
    ([key, [now]]) => before.get(key)?.[0] !== now,
  );
  const gone = [...before].filter(
    ([key]) => key.startsWith("config ") && !after.has(key),
  );
  return [
    ...told.map(([, [, event]]) => event()),
    ...gone.map(([, [, event]]) => {
      const [kind, data] = event();
      return [kind, { ...data, change: "removed" }];
    }),
  ];
}

/** Those who listen to a world. `refuse` makes it unavailable. */
export class Events {
  constructor(world) {
    this.world = world;
    this.listeners = new Set();
    this.refuse = false;
  }

  serve(response) {
    if (this.refuse) return response.writeHead(502, "no events").end();
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write("retry: 100\n\n");
    this.listeners.add(response);
    response.on("close", () => this.listeners.delete(response));
    this.before ??= pictureOf(this.world);
    this.timer ??= setInterval(() => this.look(), LOOK_MS).unref();
  }

  /** An event that no look would find. */
  tell(kind, data) {
    for (const response of this.listeners) response.write(text([kind, data]));
  }

  /** Ends all streams; the browser connects again unless it is refused. */
  cut({ refuse = false } = {}) {
    this.refuse = refuse;
    for (const response of this.listeners) response.destroy();
  }

  look() {
    if (this.listeners.size === 0) {
      clearInterval(this.timer);
      this.timer = this.before = undefined;
      return;
    }
    const after = pictureOf(this.world);
    for (const event of changes(this.before, after)) this.tell(...event);
    this.before = after;
  }
}
