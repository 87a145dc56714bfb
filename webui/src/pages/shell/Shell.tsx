import {
  Drawer,
  DrawerContent,
  DrawerContentBody,
  DrawerPanelContent,
  Page,
  SkipToContent,
} from "@patternfly/react-core";
import { Suspense, useCallback, useEffect, useState } from "react";
import { Outlet, useLocation } from "react-router";
import { Loading } from "../../components/States";
import { t } from "../../i18n";
import { useApp } from "../../state/app";
import { useStore } from "../../state/store";
import { AccountDialogs } from "../account/AccountDialogs";
import { CreateForms } from "../create/CreateForms";
import { TaskBar } from "../tasks/TaskBar";
import { TaskDrawer } from "../tasks/TaskDrawer";
import { ConnectionBanner } from "./ConnectionBanner";
import { PartBoundary } from "./PartBoundary";
import { ResourceTree } from "./ResourceTree";
import { Toasts } from "./Toasts";
import { TopBar } from "./TopBar";

/** What surrounds every page of a logged-in user. */
export function Shell() {
  const { taskDrawer, poller, stream, session } = useApp();
  const state = useStore(session);
  const user = state.status === "active" ? state.user : null;
  const { open } = useStore(taskDrawer);
  const [narrow, setNarrow] = useState<boolean | null>(null);
  const [sidebarOpen, setSidebarOpen] = useState(false);
  const { pathname } = useLocation();
  useEffect(() => {
    poller.start();
    return () => poller.stop();
  }, [poller]);
  useEffect(() => {
    if (user !== null) stream.start(user);
    return () => stream.stop();
  }, [stream, user]);
  useEffect(() => {
    if (narrow !== null) setSidebarOpen(!narrow); // beside the page where there is room, else only when asked for
  }, [narrow]);
  const uncover = useCallback(() => {
    if (narrow) setSidebarOpen(false); // it lies over what was just chosen, the page that was there before included
  }, [narrow]);
  useEffect(uncover, [uncover, pathname]);
  return (
    <div className="hf-shell">
      <Page
        masthead={<TopBar sidebarOpen={sidebarOpen} onToggleSidebar={() => setSidebarOpen(!sidebarOpen)} />}
        sidebar={<ResourceTree isOpen={sidebarOpen} onChoose={uncover} />}
        skipToContent={<SkipToContent href="#main">{t("skip")}</SkipToContent>}
        mainContainerId="main"
        onPageResize={(_event, { mobileView }: { mobileView: boolean }) => setNarrow(mobileView)}
        isContentFilled
        className="hf-page"
      >
        <Drawer isExpanded={open} isInline position="bottom">
          <DrawerContent
            panelContent={
              <DrawerPanelContent
                id="task-drawer"
                isResizable
                defaultSize="19rem"
                minSize="9rem"
                resizeAriaLabel={t("task.resize")}
              >
                {open && <TaskDrawer />}
              </DrawerPanelContent>
            }
          >
            <DrawerContentBody className="hf-content">
              <ConnectionBanner />
              <PartBoundary place={pathname}>
                <Suspense fallback={<Loading />}>
                  <Outlet />
                </Suspense>
              </PartBoundary>
            </DrawerContentBody>
          </DrawerContent>
        </Drawer>
      </Page>
      <TaskBar />
      <CreateForms />
      <AccountDialogs />
      <Toasts />
    </div>
  );
}
