/** Where the server's errors about parameters stand in a form. */

export interface PlacedErrors {
  fields: Record<string, string>;
  /** Texts for which the form has no field. */
  others: string[];
}

/** `fieldOf` names the field of a parameter where the two differ. */
export function placeErrors(
  errors: Readonly<Record<string, string>>,
  shown: readonly string[],
  fieldOf: (name: string, text: string) => string = (name) => name,
): PlacedErrors {
  const placed: PlacedErrors = { fields: {}, others: [] };
  for (const [name, text] of Object.entries(errors)) {
    const field = fieldOf(name, text);
    if (shown.includes(field)) placed.fields[field] = text;
    else placed.others.push(`${name}: ${text}`);
  }
  return placed;
}
