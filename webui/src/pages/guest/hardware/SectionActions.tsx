import EditIcon from "@patternfly/react-icons/dist/esm/icons/edit-icon";
import PlusIcon from "@patternfly/react-icons/dist/esm/icons/plus-icon";
import { lazy, type ReactNode } from "react";
import { t } from "../../../i18n";
import { hasCloudInitDrive } from "../../../state/cloudInit";
import type { Section } from "../../../state/hardware";
import { asWanted } from "../../../state/hardwareChange";
import { OpenButton } from "../../common/OpenButton";
import type { Hardware } from "./types";

const AddCloudInit = lazy(() => import("./AddCloudInit"));
const AddDisk = lazy(() => import("./AddDisk"));
const EditCard = lazy(() => import("./EditCard"));
const EditCloudInit = lazy(() => import("./EditCloudInit"));
const EditCompute = lazy(() => import("./EditCompute"));
const EditOptions = lazy(() => import("./EditOptions"));

/** What can be done with a whole section; null where that is nothing. */
export function sectionActions(section: Section, hardware: Hardware): ReactNode {
  const { guest } = hardware;
  const isDisabled = guest.lock !== null;
  const icon = section === "compute" || section === "options" ? <EditIcon /> : <PlusIcon />;
  switch (section) {
    case "compute":
      return (
        <OpenButton variant="link" icon={icon} label={t("hardware.editCompute")} isDisabled={isDisabled}>
          {(onClose) => <EditCompute {...hardware} onClose={onClose} />}
        </OpenButton>
      );
    case "disks":
      return (
        <OpenButton
          variant="link"
          icon={icon}
          label={t(guest.kind === "qemu" ? "hardware.addDisk" : "hardware.addMount")}
          isDisabled={isDisabled}
        >
          {(onClose) => <AddDisk {...hardware} onClose={onClose} />}
        </OpenButton>
      );
    case "network":
      return (
        <OpenButton variant="link" icon={icon} label={t("hardware.addCard")} isDisabled={isDisabled}>
          {(onClose) => <EditCard {...hardware} onClose={onClose} />}
        </OpenButton>
      );
    case "cloudinit":
      if (guest.kind !== "qemu") return null;
      return hasCloudInitDrive(asWanted(hardware.config, hardware.pending)) ? (
        <OpenButton variant="link" icon={<EditIcon />} label={t("cloudInit.edit")} isDisabled={isDisabled}>
          {(onClose) => <EditCloudInit {...hardware} onClose={onClose} />}
        </OpenButton>
      ) : (
        <OpenButton variant="link" icon={<PlusIcon />} label={t("cloudInit.add")} isDisabled={isDisabled}>
          {(onClose) => <AddCloudInit {...hardware} onClose={onClose} />}
        </OpenButton>
      );
    case "options":
      return (
        <OpenButton variant="link" icon={icon} label={t("hardware.editOptions")} isDisabled={isDisabled}>
          {(onClose) => <EditOptions {...hardware} onClose={onClose} />}
        </OpenButton>
      );
    case "devices":
      return null;
  }
}
