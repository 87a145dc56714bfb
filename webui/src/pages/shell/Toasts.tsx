import { Alert, AlertActionCloseButton, AlertActionLink, AlertGroup } from "@patternfly/react-core";
import { t } from "../../i18n";
import { useApp } from "../../state/app";
import { useStore } from "../../state/store";

const TIMEOUT_MS = 6000;

/** Ends of tasks started here, and refused orders. Failures stay until they are closed, or their log is looked at. */
export function Toasts() {
  const { toasts, taskDrawer } = useApp();
  const list = useStore(toasts);
  const showLog = (id: number, upid: string) => {
    taskDrawer.set({ open: true, upid });
    toasts.remove(id);
  };
  return (
    <AlertGroup isToast isLiveRegion aria-label={t("notifications")} className="hf-toasts">
      {list.map(({ id, variant, title, text, upid }) => (
        <Alert
          component="p"
          key={id}
          variant={variant}
          title={title}
          timeout={variant === "success" ? TIMEOUT_MS : false}
          onTimeout={() => toasts.remove(id)}
          actionClose={<AlertActionCloseButton title={title} onClose={() => toasts.remove(id)} />}
          {...(upid && {
            actionLinks: <AlertActionLink onClick={() => showLog(id, upid)}>{t("task.showLog")}</AlertActionLink>,
          })}
        >
          {text}
        </Alert>
      ))}
    </AlertGroup>
  );
}
