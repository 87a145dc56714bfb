/** What a machine is told at its first boot, as a form. Pure. */
import type { GuestConfig } from "../api/guests";
import type { Change } from "../api/hardware";
import { sourceOf } from "./hardware";
import { changeOf, withPart } from "./hardwareChange";
import { parsePropertyString } from "./propertyString";

export type Values = Readonly<Record<string, string>>;

const CARD = /^net(\d+)$/;
const DRIVE = /^(ide|sata|scsi)\d+$/;
const PLAIN = ["ciuser", "nameserver", "searchdomain"] as const;

/** Whether it has the drive from which it is told. */
export function hasCloudInitDrive(config: GuestConfig): boolean {
  return Object.entries(config).some(
    ([key, value]) =>
      DRIVE.test(key) && /:cloudinit$|[:/]vm-\d+-cloudinit(\.\w+)?$/.test(sourceOf(parsePropertyString(value))),
  );
}

/** The numbers of its cards, in order. */
export function cardNumbers(config: GuestConfig): number[] {
  const numbers = Object.keys(config).map((key) => Number(CARD.exec(key)?.[1] ?? NaN));
  return numbers.filter((n) => !Number.isNaN(n)).sort((a, b) => a - b);
}

/** Keys as they are typed, one a line; what is not encoded as it should be is shown as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text).trim();
  } catch {
    return text;
  }
}

/** An option as people read it. */
export function shownOption(key: string, value: string): string {
  return key === "sshkeys" ? decoded(value) : value;
}

/** Of each card `address.` and `gateway.` with its number. The password is never told; empty leaves it as it is. */
export function cloudInitValues(config: GuestConfig): Record<string, string> {
  const values: Record<string, string> = {
    cipassword: "",
    sshkeys: decoded(config["sshkeys"] ?? ""),
    ciupgrade: config["ciupgrade"] === "0" ? "" : "1",
  };
  for (const name of PLAIN) values[name] = config[name] ?? "";
  for (const n of cardNumbers(config)) {
    const parts = parsePropertyString(config[`ipconfig${n}`] ?? "");
    values[`address.${n}`] = parts.get("ip") ?? "";
    values[`gateway.${n}`] = parts.get("gw") ?? "";
  }
  return values;
}

/** The options that the values stand for; the parts of an address that have no field stay. */
function options(config: GuestConfig, values: Values): Record<string, string> {
  const text = (name: string) => (values[name] ?? "").trim();
  const result: Record<string, string> = {
    sshkeys: encodeURIComponent(text("sshkeys")),
    ciupgrade: values["ciupgrade"] === "1" ? "" : "0",
    ...(values["cipassword"] && { cipassword: values["cipassword"] }),
  };
  for (const name of PLAIN) result[name] = text(name);
  for (const n of cardNumbers(config)) {
    const address = withPart(config[`ipconfig${n}`] ?? "", "ip", text(`address.${n}`));
    result[`ipconfig${n}`] = withPart(address, "gw", text(`gateway.${n}`));
  }
  return result;
}

export function cloudInitChange(config: GuestConfig, values: Values): Change {
  return changeOf(options(config, cloudInitValues(config)), options(config, values));
}
