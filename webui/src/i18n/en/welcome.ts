/** The first-run page. */
export const welcome = {
  "welcome.text":
    "{node} is installed and runs. Here is what it has, and what is usually done before the first guest. None of it is a must, and each step can be taken later.",
  "welcome.next": "Usually next",
  "welcome.done": "Do not show this again",

  "welcome.storage": "Storage",
  "welcome.storageText": "Storages hold the disks of guests, installation images and backups.",
  "welcome.storageFree": "{free} of {total} free",
  "welcome.storageNone": "There is no storage yet: guests have nowhere to put their disks.",
  "welcome.unused.one": "{n} disk is not used for anything.",
  "welcome.unused.other": "{n} disks are not used for anything.",
  "welcome.useDisks":
    "Make a storage of what is unused. ZFS over two disks or more survives the loss of one; LVM-thin is the simple choice for one.",
  "welcome.useImages": "Bring an installation image (ISO) for virtual machines, or a template for containers.",
  "welcome.useOther": "Put a disk into the host, or add a storage of your network with pvesm.",
  "welcome.toDisks": "Disks of {node}",
  "welcome.toUpload": "Upload to {storage}",

  "welcome.network": "Network",
  "welcome.networkText": "Guests are plugged into a bridge, which works like a switch inside the host.",
  "welcome.bridgeOver": "{addresses}, over {ports}",
  "welcome.bridgeAlone": "{addresses}, not connected to a card of the host",
  "welcome.bridgeNoAddress": "no address",
  "welcome.bridgeNone": "There is no bridge that is up: guests cannot reach any network.",
  "welcome.useBridge":
    "Nothing, if guests may be in the same network as {bridge}. Otherwise plan further bridges first.",
  "welcome.makeBridge": "Add a bridge over the network card of the host.",
  "welcome.toNetwork": "Network of {node}",

  "welcome.updates": "Updates",
  "welcome.updatesText": "All parts of the host are packages, and a package that is replaced stops no guest.",
  "welcome.updatesKnown.one": "{n} package has a newer version.",
  "welcome.updatesKnown.other": "{n} packages have newer versions.",
  "welcome.updatesNone": "No newer versions are known.",
  "welcome.useUpdates": "Install them in a shell of the host: {command}",
  "welcome.refreshUpdates": "Ask the repositories whether there are newer versions.",
  "welcome.toUpdates": "Updates of {node}",

  "welcome.cluster": "Cluster",
  "welcome.clusterText":
    "Hosts of a cluster are managed together, guests move between them and can be started again elsewhere when a host fails.",
  "welcome.clusterNone": "{node} is by itself.",
  "welcome.clusterHas.one": "{node} belongs to the cluster {name}, of {n} node.",
  "welcome.clusterHas.other": "{node} belongs to the cluster {name}, of {n} nodes.",
  "welcome.useCluster":
    "Nothing, if this stays the only host. Otherwise begin a cluster here, or join one, before there are guests on this host.",
  "welcome.useMembers": "Look whether all nodes hear each other.",
  "welcome.toCluster": "Cluster",
};
