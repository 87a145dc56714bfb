import { Button } from "@patternfly/react-core";
import SearchIcon from "@patternfly/react-icons/dist/esm/icons/search-icon";
import { lazy, Suspense, useEffect, useState } from "react";
import { t } from "../../i18n";

const SearchModal = lazy(() => import("./SearchModal"));

/** Opens the search over everything; so does Ctrl+K (on a Mac Command+K), unless something lies over the page. */
export function SearchButton() {
  const [open, setOpen] = useState(false);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const isShortcut =
        (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k";
      if (!isShortcut || event.defaultPrevented || isTaken(event.target)) return;
      event.preventDefault();
      setOpen(true);
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
  return (
    <>
      <Button variant="plain" icon={<SearchIcon />} aria-label={t("search.open")} onClick={() => setOpen(true)} />
      {open && (
        <Suspense fallback={null}>
          <SearchModal onClose={() => setOpen(false)} />
        </Suspense>
      )}
    </>
  );
}

/** A dialog is open, or a console has the keyboard, to which the key belongs (in a shell it cuts the line). */
function isTaken(target: EventTarget | null): boolean {
  const inConsole = target instanceof Element && target.closest(".hf-console-screen") !== null;
  return inConsole || document.querySelector("[role=dialog]") !== null;
}
