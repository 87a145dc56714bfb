import { lazy, Suspense } from "react";
import { useApp } from "../../state/app";
import { useStore } from "../../state/store";

const ChangePassword = lazy(() => import("./ChangePassword"));
const SecondFactors = lazy(() => import("./SecondFactors"));

/** The dialog about one's own account that is open, if any. */
export function AccountDialogs() {
  const { accountDialog, session } = useApp();
  const open = useStore(accountDialog);
  const state = useStore(session);
  if (state.status !== "active") return null;
  const close = () => accountDialog.set(null);
  return (
    <Suspense fallback={null}>
      {open === "password" && <ChangePassword user={state.user} onClose={close} />}
      {open === "factors" && <SecondFactors user={state.user} onClose={close} />}
    </Suspense>
  );
}
