import { type ComponentType, lazy, Suspense } from "react";
import { useParams } from "react-router";
import { Loading } from "../../components/States";
import { NotFoundPage } from "../notfound/NotFoundPage";
import { DatacenterHeader, type DatacenterTab } from "./DatacenterHeader";
import { DatacenterSummary } from "./DatacenterSummary";

/** The views that have their address here; users and permissions have one of their own. */
const VIEWS: Record<Exclude<DatacenterTab, "access">, ComponentType> = {
  summary: DatacenterSummary,
  ha: lazy(() => import("../ha/HaTab")),
  storage: lazy(() => import("../storages/StoragesTab")),
  pools: lazy(() => import("../pools/PoolsTab")),
  options: lazy(() => import("../options/OptionsTab")),
  cluster: lazy(() => import("../cluster/ClusterTab")),
};

const isView = (name: string): name is keyof typeof VIEWS => Object.hasOwn(VIEWS, name);

/** What concerns all nodes at once. */
export function DatacenterPage() {
  const { tab = "summary" } = useParams();
  if (!isView(tab)) return <NotFoundPage />;
  const View = VIEWS[tab];
  return (
    <>
      <DatacenterHeader active={tab} />
      <Suspense fallback={<Loading />}>
        <View />
      </Suspense>
    </>
  );
}
