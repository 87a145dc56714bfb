import PauseIcon from "@patternfly/react-icons/dist/esm/icons/pause-icon";
import PlayIcon from "@patternfly/react-icons/dist/esm/icons/play-icon";
import { Button } from "@patternfly/react-core";
import { changeStorage, type StorageChange, type StorageConfig } from "../../api/storageConfigs";
import { t } from "../../i18n";
import { keys } from "../../state/queryKeys";
import { ConfirmedAction } from "../common/ConfirmedAction";
import { useChange } from "../common/useChange";

/** Takes a storage out of use without forgetting it, or into use again. */
export function SwitchStorageButton({ config }: { config: StorageConfig }) {
  const { storage, enabled } = config;
  const change = useChange(keys.allStorage);
  const words = { storage };
  return (
    <ConfirmedAction
      button={(open) => (
        <Button
          variant="plain"
          size="sm"
          icon={enabled ? <PauseIcon /> : <PlayIcon />}
          aria-label={t(enabled ? "storages.switchOff" : "storages.switchOn", words)}
          onClick={open}
        />
      )}
      title={t(enabled ? "storages.switchOffTitle" : "storages.switchOnTitle", words)}
      confirmLabel={t(enabled ? "storages.switchOffSubmit" : "storages.switchOnSubmit")}
      isDanger={enabled}
      order={async () => {
        const wanted: StorageChange = enabled
          ? { set: { disable: "1" }, remove: [] }
          : { set: {}, remove: ["disable"] };
        await change(() => changeStorage(config, wanted));
        return null;
      }}
    >
      <p>{t(enabled ? "storages.switchOffText" : "storages.switchOnText")}</p>
    </ConfirmedAction>
  );
}
