import { PageSection } from "@patternfly/react-core";
import { DiskList } from "./disks/DiskList";
import { PoolList } from "./disks/PoolList";

export default function DisksTab({ node }: { node: string }) {
  return (
    <>
      <PageSection>
        <DiskList node={node} />
      </PageSection>
      <PageSection isFilled>
        <PoolList node={node} />
      </PageSection>
    </>
  );
}
