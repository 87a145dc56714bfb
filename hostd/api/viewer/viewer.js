// The API's methods from openapi.json beside this page: a list to search, one method at a time. No network but that file.
"use strict";

const VERBS = ["get", "post", "put", "delete"];
const PVESH = { get: "get", post: "create", put: "set", delete: "delete" };
let methods = [];
let shown = [];

function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function flatten(api) {
  const found = [];
  for (const [path, verbs] of Object.entries(api.paths)) {
    for (const verb of VERBS.filter((v) => verbs[v])) {
      const method = verbs[verb];
      const parameters = (method.parameters ?? []).map((p) => ({ ...p, ...p.schema, description: p.description }));
      const body = method.requestBody?.content["application/json"].schema;
      for (const [name, schema] of Object.entries(body?.properties ?? {}))
        parameters.push({ name, in: "body", required: (body.required ?? []).includes(name), ...schema });
      for (const [pattern, schema] of Object.entries(body?.patternProperties ?? {}))
        parameters.push({ name: pattern.slice(1).replace(/\(\?:.*/, "[n]").replaceAll("\\", ""), in: "body", ...schema });
      const text = [verb, path, method.description, JSON.stringify(method["x-permissions"]),
        ...parameters.flatMap((p) => [p.name, p.description])].join(" ").toLowerCase();
      found.push({ id: `${verb.toUpperCase()} ${path}`, verb, path, method, parameters, text });
    }
  }
  return found;
}

function permission(rule) {
  if (rule.user === "world") return "no log-in needed";
  if (rule.root_only) return "root@pam only";
  const more = rule.checked_in_code ? ", and what the method checks itself" : "";
  if (rule.user === "all") return `any logged-in user${more}`;
  return rule.check ? describe(rule.check) + more : "checked by the method itself";
}

function describe(check) {
  const [kind, ...rest] = check;
  if (kind === "and" || kind === "or") return rest.map((part) => `(${describe(part)})`).join(` ${kind} `);
  if (kind === "perm") return `${rest[1].join(rest.includes("any") ? " or " : " and ")} on ${rest[0]}`;
  if (kind === "userid-param") return rest[0] === "self" ? "the user itself" : `${rest[0]} on the user's realm`;
  return JSON.stringify(check);
}

function limits(p) {
  const parts = [p.type ?? (p.enum ? "boolean" : "any")];
  if (p.format) parts.push(p.format);
  if (p.enum && p.type) parts.push(p.enum.join(" | "));
  if (p.minimum !== undefined || p.maximum !== undefined) parts.push(`${p.minimum ?? ""} … ${p.maximum ?? ""}`);
  if (p.maxLength !== undefined) parts.push(`at most ${p.maxLength} characters`);
  if (p.pattern) parts.push(p.pattern);
  return parts.join(", ");
}

function parameterTable(parameters) {
  const head = element("tr", {}, ...["Parameter", "Where", "Type and limits", "Default", "Meaning"].map((t) => element("th", { scope: "col" }, t)));
  const rows = parameters.map((p) => element("tr", {},
    element("td", p.required ? { class: "required" } : {}, element("code", {}, p.name), p.required ? " (required)" : ""),
    element("td", {}, p.in),
    element("td", {}, element("code", {}, limits(p))),
    element("td", {}, p.default === undefined ? "" : String(p.default)),
    element("td", {}, p.description ?? "")));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
}

function examples(entry) {
  const needed = entry.parameters.filter((p) => p.required && p.in !== "path");
  const pvesh = `pvesh ${PVESH[entry.verb]} ${entry.path}` + needed.map((p) => ` --${p.name} VALUE`).join("");
  const data = needed.map((p) => ` --data-urlencode ${p.name}=VALUE`).join("");
  const query = entry.verb === "get" || entry.verb === "delete" ? " -G" : "";
  const verb = entry.verb === "get" ? "" : ` -X ${entry.verb.toUpperCase()}`;
  const curl = `curl -H "Authorization: PVEAPIToken=USER@REALM!TOKEN=SECRET"${verb}${data && query}${data} \\\n  ${location.origin}/api2/json${entry.path}`;
  return element("pre", {}, `${pvesh}\n\n${curl}`);
}

function show(entry) {
  const { method } = entry;
  const answer = method.responses["200"].content["application/json"].schema.properties.data;
  const facts = element("dl", {},
    element("dt", {}, "Permission"), element("dd", {}, permission(method["x-permissions"])),
    element("dt", {}, "Runs"), element("dd", {},
      (method["x-protected"] ? "in the privileged process" : "in the unprivileged process")
      + (method["x-proxyto"] ? `, on the node named by {${method["x-proxyto"]}}` : "")));
  const page = document.getElementById("method");
  page.replaceChildren(
    element("h2", {}, element("span", { class: `verb ${entry.verb.toUpperCase()}` }, entry.verb.toUpperCase()), entry.path),
    ...method.description.split("\n\n").map((text) => element("p", {}, text)),
    facts,
    element("h3", {}, "Parameters"), parameterTable(entry.parameters),
    element("h3", {}, "Answer"), element("pre", {}, JSON.stringify(answer, null, 2)),
    element("h3", {}, "From a shell"), examples(entry));
  page.scrollTop = 0;
  document.title = `${entry.id} · API of this host`;
  for (const link of document.querySelectorAll("nav a"))
    link.dataset.id === entry.id ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current");
  document.querySelector("nav a[aria-current]")?.scrollIntoView({ block: "nearest" });
}

function list() {
  const words = document.getElementById("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  shown = methods.filter((m) => words.every((word) => m.text.includes(word)));
  const items = [];
  let area = "";
  for (const entry of shown) {
    if (entry.path.split("/")[1] !== area) items.push(element("h2", {}, (area = entry.path.split("/")[1])));
    items.push(element("a", { href: `#${encodeURIComponent(entry.id)}`, "data-id": entry.id },
      element("span", { class: `verb ${entry.verb.toUpperCase()}` }, entry.verb.toUpperCase()), entry.path));
  }
  document.getElementById("list").replaceChildren(...items);
  document.getElementById("count").textContent = `${shown.length} of ${methods.length} methods`;
}

function follow() {
  const id = decodeURIComponent(location.hash.slice(1));
  const entry = methods.find((m) => m.id === id);
  if (entry) show(entry);
}

function keys(event) {
  const search = document.getElementById("search");
  if (event.key === "/" && document.activeElement !== search) { event.preventDefault(); search.focus(); return; }
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  if (document.getElementById("method").contains(document.activeElement)) return;
  event.preventDefault();
  const now = shown.findIndex((m) => `#${encodeURIComponent(m.id)}` === location.hash);
  const next = shown[Math.min(shown.length - 1, Math.max(0, now + (event.key === "ArrowDown" ? 1 : -1)))];
  if (next) location.hash = encodeURIComponent(next.id);
}

async function start() {
  const answer = await fetch("openapi.json");
  methods = flatten(await answer.json());
  document.getElementById("search").addEventListener("input", list);
  window.addEventListener("hashchange", follow);
  document.addEventListener("keydown", keys);
  list();
  follow();
}

start();
