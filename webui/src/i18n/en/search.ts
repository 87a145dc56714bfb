/** The search over everything; loaded when it is opened. */
export const search = {
  "search.title": "Search",
  "search.label": "Search guests, nodes, storages and views",
  "search.help": "Names, ids, tags, nodes; several words narrow it down.",
  "search.results": "What was found",
  "search.none": "Nothing is called “{search}”",
  "search.view": "View",
  "search.action": "Action",
  "search.on": "on {node}",
  "search.storageOn": "Storage on {node}",
  "search.node": "Node",
} as const;
