import { useState } from "react";
import { ApiError } from "../api/client";
import { t } from "../i18n";
import { errorText } from "./errorText";
import { placeErrors, type PlacedErrors } from "./formErrors";

interface Field {
  name: string;
  required?: boolean;
}

interface Options {
  place?: (errors: Readonly<Record<string, string>>, shown: readonly string[]) => PlacedErrors;
  /** The text for a failure that is not about a parameter. */
  explain?: (reason: unknown) => string;
}

export interface FormOrder {
  busy: boolean;
  /** By field. */
  errors: Readonly<Record<string, string>>;
  /** What belongs to no field. */
  problems: readonly string[];
  /** Checks what must be filled in, then sends. True if the server took it. */
  send(
    fields: readonly Field[],
    values: Readonly<Record<string, string>>,
    order: () => Promise<void>,
  ): Promise<boolean>;
  /** Put errors at fields without asking the server. */
  refuse(errors: Readonly<Record<string, string>>): void;
  /** A field was changed: what was said about it is old. */
  changed(name: string): void;
}

/** Sending a form: errors at their fields, one order at a time. */
export function useFormOrder({ place = placeErrors, explain = errorText }: Options = {}): FormOrder {
  const [errors, setErrors] = useState<Readonly<Record<string, string>>>({});
  const [problems, setProblems] = useState<readonly string[]>([]);
  const [busy, setBusy] = useState(false);
  return {
    busy,
    errors,
    problems,
    refuse: setErrors,
    changed: (name) => setErrors(({ [name]: _gone, ...rest }) => rest),
    send: async (fields, values, order) => {
      if (busy) return false;
      setProblems([]);
      const missing = fields.filter((field) => field.required && !values[field.name]);
      setErrors(Object.fromEntries(missing.map((field) => [field.name, t("form.required")])));
      if (missing.length > 0) return false;
      setBusy(true);
      try {
        await order();
        return true;
      } catch (reason) {
        const told = reason instanceof ApiError ? reason.errors : {};
        const places = place(
          told,
          fields.map((field) => field.name),
        );
        setErrors(places.fields);
        setProblems(Object.keys(told).length > 0 ? places.others : [explain(reason)]);
        return false;
      } finally {
        setBusy(false);
      }
    },
  };
}
