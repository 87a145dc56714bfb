import { Button, Label, Title } from "@patternfly/react-core";
import { useQueryClient } from "@tanstack/react-query";
import { armHa, type HaStatus } from "../../api/ha";
import { Facts } from "../../components/Facts";
import { t } from "../../i18n";
import { keys } from "../../state/queryKeys";
import { ConfirmedAction } from "../common/ConfirmedAction";
import { DisarmButton } from "./DisarmButton";

const ARMED = { standby: undefined, armed: "success", disarming: "warning", disarmed: "warning" } as const;

/** Whether anything is decided, by whom, and whether lost nodes are fenced. */
export function HaState({ status }: { status: HaStatus }) {
  const { quorate, master, armed, fencing } = status;
  const away = armed === "disarmed" || armed === "disarming";
  return (
    <>
      <div className="hf-title-row">
        <Title headingLevel="h2" size="lg">
          {t("ha.state")}
        </Title>
        {away ? <ArmButton /> : <DisarmButton />}
      </div>
      <Facts
        facts={[
          {
            label: t("cluster.quorum"),
            value: (
              <Label isCompact variant="outline" status={quorate ? "success" : "danger"}>
                {t(quorate ? "yes" : "ha.noQuorum")}
              </Label>
            ),
          },
          { label: t("ha.master"), value: master || t("ha.noMaster") },
          {
            label: t("ha.fencing"),
            value: (
              <span className="hf-pending">
                <Label isCompact variant="outline" {...(ARMED[armed] && { status: ARMED[armed] })}>
                  {t(`ha.${armed}`)}
                </Label>
                {t(`haMeans.${armed}`)}
              </span>
            ),
          },
          { label: t("ha.fencingDetail"), value: fencing === armed ? "" : fencing },
        ]}
      />
    </>
  );
}

function ArmButton() {
  const queryClient = useQueryClient();
  return (
    <ConfirmedAction
      button={(open) => <Button onClick={open}>{t("ha.arm")}</Button>}
      title={t("ha.armTitle")}
      confirmLabel={t("ha.arm")}
      order={async () => {
        await armHa();
        void queryClient.invalidateQueries({ queryKey: keys.ha });
        return null;
      }}
    >
      <p>{t("ha.armText")}</p>
    </ConfirmedAction>
  );
}
