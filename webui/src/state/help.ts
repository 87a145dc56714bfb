/** Which of the host's documents tells more about what is on view: `docs/` of the source, served below `/docs/`. Pure. */

export const DOCUMENTS = "/docs/index.html";

/** By the beginning of an address; the first that fits counts. The document's name, and the place in it. */
const PLACES: readonly (readonly [RegExp, string])[] = [
  [/^\/datacenter\/cluster/, "cluster#on-the-page"],
  [/^\/datacenter\/ha/, "ha#who-does-what"],
  [/^\/datacenter\/storage/, "storage"],
  [/^\/datacenter\/pools/, "access#rights"],
  [/^\/datacenter\/options/, "cluster#change-links-and-settings"],
  [/^\/access\/realms/, "access#realms"],
  [/^\/access\/tokens/, "access#api-tokens"],
  [/^\/access\/(roles|permissions|groups)/, "access#rights"],
  [/^\/access/, "access"],
  [/^\/welcome/, "web-page#first-steps"],
  [/^\/nodes\/[^/]+\/storage\//, "storage#volumes"],
  [/^\/nodes\/[^/]+\/disks/, "storage#disks"],
  [/^\/nodes\/[^/]+\/shell/, "access#the-shell-of-a-node"],
  [/^\/(nodes\/[^/]+|vms\/\d+|containers\/\d+)\/tasks/, "tasks"],
  [/^\/tasks/, "tasks"],
  [/^\/vms\/\d+\/console/, "web-page#consoles-and-the-keyboard"],
  [/^\/vms\/\d+\/hardware/, "vm-life#changing-a-machine-while-it-runs"],
  [/^\/vms\/\d+\/snapshots/, "vms#snapshots"],
  [/^\/vms\//, "vm-life"],
  [/^\/containers\/\d+\/console/, "containers#its-console"],
  [/^\/containers\/\d+\/hardware/, "containers#change-it"],
  [/^\/containers\//, "containers"],
];
const ELSE = "web-page#what-is-where";

/** By what a window is for, where that is more than what its view is about. */
export const TOPICS = {
  createVm: "vms#making-machines-and-changing-them",
  createContainer: "containers#make-one",
  importMachine: "web-page#machines-from-files",
  cloneVm: "vms#copies-and-templates",
  moveVm: "vm-life#moving-to-another-node",
  moveContainer: "containers#to-another-node",
  diskOfVm: "vms#disks",
  volumeOfContainer: "containers#its-volumes",
  cloudInit: "vms#cloud-init",
  templates: "containers#templates-from-servers",
  upload: "storage#uploads",
  incident: "ha#afterwards-the-account-of-an-incident",
  search: "web-page#tree-and-search",
  password: "access#passwords",
  factors: "access#second-factors",
} as const;
export type Topic = keyof typeof TOPICS;

const address = (target: string) => `/docs/${target.replace(/^[^#]+/, "$&.html")}`;

export const helpOf = (pathname: string): string =>
  address(PLACES.find(([pattern]) => pattern.test(pathname))?.[1] ?? ELSE);

export const helpAbout = (topic: Topic): string => address(TOPICS[topic]);

/** For tests: all that can be linked to. */
export const TARGETS: readonly string[] = [...PLACES.map(([, target]) => target), ...Object.values(TOPICS), ELSE];
