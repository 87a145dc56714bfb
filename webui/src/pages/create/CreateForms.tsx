import { lazy, Suspense } from "react";
import { useApp } from "../../state/app";
import { useStore } from "../../state/store";

const CreateVm = lazy(() => import("./CreateVm"));
const CreateContainer = lazy(() => import("./CreateContainer"));

/** The create form that is open, if any. */
export function CreateForms() {
  const { createForm } = useApp();
  const form = useStore(createForm);
  const close = () => createForm.set(null);
  return (
    <Suspense fallback={null}>
      {form === "vm" && <CreateVm onClose={close} />}
      {form === "container" && <CreateContainer onClose={close} />}
    </Suspense>
  );
}
