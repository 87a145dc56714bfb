import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { Factor } from "../../api/factors";
import { useApp } from "../../state/app";
import { factorsQuery } from "../../state/queries";
import { keys } from "../../state/queryKeys";
import { AddSecurityKey } from "./AddSecurityKey";
import { AddTotp } from "./AddTotp";
import { FactorsModal } from "./FactorsModal";
import { MakeRecoveryKeys } from "./MakeRecoveryKeys";
import { RecoveryKeysModal } from "./RecoveryKeysModal";
import { RemoveFactor } from "./RemoveFactor";

type Step =
  | { name: "list" | "totp" | "recovery" | "webauthn" }
  | { name: "keys"; keys: readonly string[] }
  | { name: "remove"; factor: Factor };

/** One's own second factors: the list, and one dialog at a time in its place. */
export default function SecondFactors({ user, onClose }: { user: string; onClose: () => void }) {
  const { toasts } = useApp();
  const queryClient = useQueryClient();
  const factors = useQuery(factorsQuery(user));
  const [step, setStep] = useState<Step>({ name: "list" });
  const back = () => setStep({ name: "list" });
  const changed = (told?: string) => {
    void queryClient.invalidateQueries({ queryKey: keys.factors(user) });
    if (told) toasts.add({ variant: "success", title: told });
    back();
  };
  switch (step.name) {
    case "list":
      return (
        <FactorsModal
          user={user}
          factors={factors.data}
          error={factors.error}
          onRetry={() => void factors.refetch()}
          onAdd={(name) => setStep({ name })}
          onRemove={(factor) => setStep({ name: "remove", factor })}
          onClose={onClose}
        />
      );
    case "totp":
      return <AddTotp user={user} onDone={changed} onClose={back} />;
    case "webauthn":
      return <AddSecurityKey user={user} onDone={changed} onClose={back} />;
    case "recovery":
      return <MakeRecoveryKeys user={user} onDone={(made) => setStep({ name: "keys", keys: made })} onClose={back} />;
    case "keys":
      return <RecoveryKeysModal user={user} recoveryKeys={step.keys} onClose={() => changed()} />;
    case "remove":
      return (
        <RemoveFactor
          user={user}
          factor={step.factor}
          isLast={factors.data?.length === 1}
          onDone={() => changed()}
          onClose={back}
        />
      );
  }
}
