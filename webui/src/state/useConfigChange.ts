import { useQueryClient } from "@tanstack/react-query";
import type { GuestRef } from "../api/guests";
import { type Change, changeConfig } from "../api/hardware";
import { useApp } from "./app";
import { keys } from "./queryKeys";

/** Sends changes of a guest's configuration; views of it are asked for again at once. */
export function useConfigChange(guest: GuestRef): (change: Change) => Promise<void> {
  const { watchTask } = useApp();
  const queryClient = useQueryClient();
  return async (change) => {
    const upid = await changeConfig(guest, change);
    if (upid) watchTask(upid);
    void queryClient.invalidateQueries({ queryKey: keys.guest(guest.vmid) });
  };
}
