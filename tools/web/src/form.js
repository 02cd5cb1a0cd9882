// What the forms for making and changing a token have in common.
import { useState } from "preact/hooks";

const NAME = /^[A-Za-z0-9_-]{1,50}$/;

/** What is wrong with a name as it stands; null while it is empty, which only the button complains about. */
export function nameProblem(name, taken) {
  if (name === "") return null;
  if (!NAME.test(name)) return "Use 1 to 50 of the letters A to Z and a to z, digits, “-” and “_”.";
  return taken.includes(name) ? `There is a token “${name}” already.` : null;
}

/** Addresses as typed: apart by lines, blanks or commas. */
export function addressList(text) {
  return text.split(/[\s,]+/).filter(Boolean);
}

/** Runs a change and keeps what the server has to say against it: at one of the form's `fields`, or in general. */
export function useSubmit(...fields) {
  const [failure, setFailure] = useState(null);
  const [busy, setBusy] = useState(false);
  const submit = (change) => async (event) => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      await change();
    } catch (error) {
      setFailure(error);
    } finally {
      setBusy(false);
    }
  };
  return {
    busy,
    submit,
    problemOf: (field) => (failure?.field === field ? failure.message : null),
    generalProblem: failure && !fields.includes(failure.field) ? failure.message : null,
  };
}
