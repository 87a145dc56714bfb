/** What is done with a guest seldom, its addresses, cloud-init; loaded with the page of a guest. */
export const guestActions = {
  "guestAction.more": "More actions",
  "guestAction.reboot": "Reboot",
  "guestAction.reset": "Reset",
  "guestAction.pause": "Pause",
  "guestAction.resume": "Go on",
  "guestAction.hibernate": "Hibernate",
  "guestAction.template": "Make a template",
  "guestActionTitle.reboot": "Reboot {vmid} ({name})?",
  "guestActionTitle.reset": "Reset {vmid} ({name})?",
  "guestActionTitle.pause": "Pause {vmid} ({name})?",
  "guestActionTitle.resume": "Let {vmid} ({name}) go on?",
  "guestActionTitle.hibernate": "Hibernate {vmid} ({name})?",
  "guestActionTitle.template": "Make {vmid} ({name}) a template?",
  "guestActionText.reboot": "The guest is asked to end by itself and starts again. Changes that wait are made.",
  "guestActionText.reset":
    "This is like pressing the reset button: whatever the guest has not saved to its disks is lost, and its file systems may need repair.",
  "guestActionText.pause":
    "The guest stands still until it goes on; it keeps its memory, and connections to it may end.",
  "guestActionText.resume": "The guest works again where it stood still.",
  "guestActionText.hibernate":
    "The guest's memory is saved to a disk of its own and the guest ends. With its next start it goes on where it was.",
  "guestActionText.template":
    "A template cannot be started any more; guests are made from it by cloning. This cannot be undone.",

  "addresses.label": "Addresses",
  "addresses.noAgent": "Not known: the machine has no guest agent",
  "addresses.silent": "Not known: the guest does not tell",
  "addresses.none": "None yet",

  "hardware.cloudinit": "Cloud-init",
  "cloudInit.add": "Add cloud-init drive",
  "cloudInit.edit": "Edit cloud-init",
  "cloudInit.driveHelp":
    "A few MiB. A system made from a cloud image reads there who may log in and which addresses it has.",
  "cloudInit.user": "User",
  "cloudInit.userHelp": "Empty: the one that the image has.",
  "cloudInit.password": "Password",
  "cloudInit.passwordHelp": "Empty: as before.",
  "cloudInit.keys": "SSH public keys",
  "cloudInit.keysHelp": "One a line.",
  "cloudInit.address": "IPv4 address of {card}",
  "cloudInit.addressHelp": "With its prefix length, or dhcp. Empty: the card is not set up.",
  "cloudInit.gateway": "Gateway of {card}",
  "cloudInit.hostsHelp": "Empty: as the node has it.",
  "cloudInit.searchdomain": "Search domains",
  "cloudInit.upgrade": "Upgrade packages at the first boot",

  "option.cicustom": "Own files",
  "option.cipassword": "Password",
  "option.citype": "Form of the drive",
  "option.ciupgrade": "Upgrade at first boot",
  "option.ciuser": "User",
  "option.ipconfig": "Addresses",
  "option.sshkeys": "SSH keys",
} as const;
