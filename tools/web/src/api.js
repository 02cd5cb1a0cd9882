// Every word with the server: a name and an object there, an object or an exception back.

/** The server understood and refused. `field` names the input that it is about, if it is about one. */
export class Refused extends Error {
  constructor(message, field) {
    super(message);
    this.field = field ?? null;
  }
}

/** Nobody is signed in, or no longer. */
export class SignedOut extends Error {}

export async function call(name, input = {}) {
  let response;
  try {
    response = await fetch(`api/${name}`, {
      method: "POST",
      // A form on another site can send neither of these.
      headers: { "Content-Type": "application/json", "X-Tokengate-Page": "1" },
      body: JSON.stringify(input),
      credentials: "same-origin",
      cache: "no-store",
    });
  } catch {
    throw new Refused("The server could not be reached. Nothing is known to have changed; try again.");
  }
  if (response.status === 401) throw new SignedOut("You are not signed in, or no longer.");
  let reply;
  try {
    reply = await response.json();
  } catch {
    throw new Refused(`The server answered with status ${response.status} and nothing that this page understands.`);
  }
  if (!reply.ok) throw new Refused(reply.error ?? `Refused with status ${response.status}.`, reply.field);
  return reply.data;
}
