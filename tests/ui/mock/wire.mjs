// TEST CODE. What handlers share of the wire's conventions.

/** What a handler throws where parameters are wrong; `errors` by parameter. */
export const invalid = (errors) => ({
  status: 400,
  message: "Parameter verification failed.",
  errors,
});

/** The parts of a list in a parameter. */
export const words = (text) => (text ?? "").split(",").filter(Boolean);
