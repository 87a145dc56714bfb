import { Modal, ModalBody, ModalHeader } from "@patternfly/react-core";
import PlusIcon from "@patternfly/react-icons/dist/esm/icons/plus-icon";
import WindowRestoreIcon from "@patternfly/react-icons/dist/esm/icons/window-restore-icon";
import { type ReactNode, useMemo, useState } from "react";
import { useNavigate } from "react-router";
import type { Resource } from "../../api/cluster";
import { FindList } from "../../components/FindList";
import { t } from "../../i18n";
import "../../i18n/wholeSearch";
import { useApp } from "../../state/app";
import { findPlaces, type Place, wordsOf } from "../../state/search";
import { ResourceIcon } from "../common/ResourceIcon";
import { useResources } from "../common/useResources";
import { DATACENTER_TABS } from "../datacenter/DatacenterHeader";
import { resourceUrl, urls } from "../urls";
import { HelpLink } from "../common/HelpLink";

const SHOWN = 20;

interface Found {
  key: string;
  icon: ReactNode;
  name: string;
  about: string;
  go: () => void;
}

/** Everything by a few words: guests, nodes, storages, the views of the cluster, and what can be created. */
export default function SearchModal({ onClose }: { onClose: () => void }) {
  const { resources } = useResources();
  const { createForm } = useApp();
  const navigate = useNavigate();
  const [text, setText] = useState("");
  const places = useMemo(() => {
    const to = (url: string) => () => void navigate(url);
    return [
      ...DATACENTER_TABS.map((tab) => view(t(`datacenter.${tab}`), urls.datacenterTab(tab), to)),
      view(t("welcome.title"), urls.welcome, to),
      action(t("createVm.title"), () => createForm.set("vm")),
      action(t("createCt.title"), () => createForm.set("container")),
      ...resources.map((resource) => place(resource, to)),
    ];
  }, [resources, navigate, createForm]);
  const found = findPlaces(places, text, SHOWN);
  const nothing = text.trim() !== "" && found.length === 0;
  return (
    <Modal
      isOpen
      variant="small"
      position="top"
      elementToFocus="[role=combobox]"
      onClose={onClose}
      aria-labelledby="search-title"
    >
      <ModalHeader title={t("search.title")} labelId="search-title" help={<HelpLink topic="search" />} />
      <ModalBody>
        <div className="hf-stack">
          <FindList
            label={t("search.label")}
            listLabel={t("search.results")}
            text={text}
            onText={setText}
            found={found}
            keyOf={({ key }) => key}
            row={(item) => <Row {...item} />}
            onChoose={({ go }) => {
              onClose();
              go();
            }}
          />
          <p className="hf-subtle" role="status">
            {nothing ? t("search.none", { search: text.trim() }) : t("search.help")}
          </p>
        </div>
      </ModalBody>
    </Modal>
  );
}

function Row({ icon, name, about }: Found) {
  return (
    <>
      {icon}
      <span className="hf-break">{name}</span>
      <span className="hf-subtle hf-find-about">{about}</span>
    </>
  );
}

function view(name: string, url: string, to: (url: string) => () => void): Place<Found> {
  const what = { key: url, icon: <WindowRestoreIcon />, name, about: t("search.view"), go: to(url) };
  return { what, words: [name] };
}

function action(name: string, go: () => void): Place<Found> {
  return { what: { key: name, icon: <PlusIcon />, name, about: t("search.action"), go }, words: [name] };
}

function place(resource: Resource, to: (url: string) => () => void): Place<Found> {
  const icon = <ResourceIcon resource={resource} />;
  const what = { key: resource.id, icon, ...namesOf(resource), go: to(resourceUrl(resource)) };
  return { what, words: wordsOf(resource) };
}

function namesOf(resource: Resource): Pick<Found, "name" | "about"> {
  const { node } = resource;
  switch (resource.kind) {
    case "node":
      return { name: node, about: t("search.node") };
    case "storage":
      return { name: resource.storage, about: t("search.storageOn", { node }) };
    case "qemu":
    case "lxc":
      return { name: `${resource.vmid} (${resource.name})`, about: t("search.on", { node }) };
  }
}
