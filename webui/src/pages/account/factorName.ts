import type { Factor } from "../../api/factors";
import { tOptional } from "../../i18n";

export const kindName = ({ type }: Factor): string => tOptional(`factor.${type}`) ?? type;

/** What a person calls it: the description, else the kind. */
export const factorName = (factor: Factor): string =>
  factor.type === "recovery" ? kindName(factor) : factor.description || kindName(factor);
