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

/** By another tab, the browser is signed in as somebody else than this tab believes. */
export class OtherUser extends Error {}

let caller = null;
let tellOther = () => {};
let era = 0;

/** All calls from now on are meant as this session's, and refused if it is another by then: which `told` hears too. */
export function actAs(session, told) {
  caller = `${session.user}/${session.service}`;
  tellOther = told;
}
/** Before it is known who is signed in, one can only ask that, or sign in where nobody is. Answers to what was asked
 *  before are for nobody: they never come. */
export function actAsNobody() {
  caller = null;
  ++era;
}

/** `as`: whom it is meant as. */
export async function call(name, input = {}, as = caller) {
  const asked = era;
  try {
    return await ask(name, input, as);
  } catch (error) {
    if (asked === era && as && error instanceof OtherUser) tellOther(error);
    throw error;
  } finally {
    if (asked !== era) await new Promise(() => {});
  }
}

async function ask(name, input, as) {
  let response;
  try {
    response = await fetch(`api/${name}`, {
      method: "POST",
      // A form on another site can send neither of these.
      headers: { "Content-Type": "application/json", "X-Tokengate-Page": "1", ...(as && { "X-Tokengate-As": as }) },
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
  if (response.status === 409) throw new OtherUser(reply.error);
  if (!reply.ok) throw new Refused(reply.error ?? `Refused with status ${response.status}.`, reply.field);
  return reply.data;
}
