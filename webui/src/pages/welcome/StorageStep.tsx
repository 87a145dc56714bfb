import { useQuery } from "@tanstack/react-query";
import type { Storage } from "../../api/storage";
import { Facts } from "../../components/Facts";
import { t, tn } from "../../i18n";
import { bytes } from "../../state/format";
import { disksQuery } from "../../state/nodeQueries";
import { storagesQuery } from "../../state/queries";
import { storageStep } from "../../state/welcome";
import { Answer } from "../common/Answer";
import { urls } from "../urls";
import { Next, Step } from "./Step";

export function StorageStep({ node }: { node: string }) {
  return (
    <Step title={t("welcome.storage")} text={t("welcome.storageText")}>
      <Answer query={useQuery(storagesQuery(node))}>{(storages) => <Found node={node} storages={storages} />}</Answer>
    </Step>
  );
}

function Found({ node, storages }: { node: string; storages: readonly Storage[] }) {
  const { data: disks = [] } = useQuery(disksQuery(node)); // who may not see disks is told of storages alone
  const { unused, upload } = storageStep(storages, disks);
  const links = [
    ...(unused > 0 ? [{ label: t("welcome.toDisks", { node }), to: urls.node(node, "disks") }] : []),
    ...(upload ? [{ label: t("welcome.toUpload", { storage: upload }), to: urls.storage(node, upload) }] : []),
  ];
  return (
    <>
      {storages.length === 0 ? (
        <p>{t("welcome.storageNone")}</p>
      ) : (
        <Facts
          facts={storages.map(({ storage, availableBytes, totalBytes }) => ({
            label: storage,
            value: t("welcome.storageFree", { free: bytes(availableBytes), total: bytes(totalBytes) }),
          }))}
        />
      )}
      {unused > 0 && <p>{tn("welcome.unused", unused)}</p>}
      <Next
        text={t(unused > 0 ? "welcome.useDisks" : upload ? "welcome.useImages" : "welcome.useOther")}
        links={links}
      />
    </>
  );
}
