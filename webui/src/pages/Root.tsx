import { lazy, useCallback, useEffect, useState } from "react";
import { Route, Routes } from "react-router";
import { Failed, Loading } from "../components/States";
import { useApp } from "../state/app";
import { errorText } from "../state/errorText";
import { useStore } from "../state/store";
import { DatacenterPage } from "./datacenter/DatacenterPage";
import { LoginPage } from "./login/LoginPage";
import { NotFoundPage } from "./notfound/NotFoundPage";
import { PartBoundary } from "./shell/PartBoundary";
import { Shell } from "./shell/Shell";

// The log-in page and the overview come first; each of the others when it is opened.
const AccessPage = lazy(() => import("./access/AccessPage"));
const GuestPage = lazy(() => import("./guest/GuestPage"));
const NodePage = lazy(() => import("./node/NodePage"));
const StoragePage = lazy(() => import("./storage/StoragePage"));
const WelcomePage = lazy(() => import("./welcome/WelcomePage"));
const TaskPage = lazy(() => import("./tasks/TaskPage"));

/** The log-in page or the shell with its pages, as the session says. */
export function Root() {
  const { session, queryClient } = useApp();
  const state = useStore(session);
  const [error, setError] = useState<unknown>(null);
  const resume = useCallback(() => {
    setError(null);
    session.resume().catch(setError);
  }, [session]);
  useEffect(() => {
    if (session.get().status === "starting") resume();
  }, [resume, session]);
  const anonymous = state.status === "anonymous";
  useEffect(() => {
    if (anonymous) queryClient.clear(); // the next user must not see this one's data
  }, [anonymous, queryClient]);

  if (state.status === "starting")
    return error ? <Failed isPage text={errorText(error)} onRetry={resume} /> : <Loading />;
  if (state.status === "anonymous") return <LoginPage expired={state.reason === "expired"} />;
  return (
    <Routes>
      <Route
        element={
          <PartBoundary place="">
            <Shell />
          </PartBoundary>
        }
      >
        <Route index element={<DatacenterPage />} />
        <Route path="datacenter/:tab" element={<DatacenterPage />} />
        <Route path="nodes/:node/:tab?" element={<NodePage />} />
        <Route path="nodes/:node/storage/:storage" element={<StoragePage />} />
        <Route path="vms/:vmid/:tab?" element={<GuestPage kind="qemu" />} />
        <Route path="containers/:vmid/:tab?" element={<GuestPage kind="lxc" />} />
        <Route path="access/:tab?" element={<AccessPage />} />
        <Route path="welcome" element={<WelcomePage />} />
        <Route path="tasks/:upid" element={<TaskPage />} />
        <Route path="*" element={<NotFoundPage />} />
      </Route>
    </Routes>
  );
}
