// Where in the page one is: the fragment says whose tokens are shown and in which view, so that a reload or a bookmark
// comes back to the same account or not at all.
//   #/                             the own tokens
//   #/accounts
//   #/USER/SERVICE                 the list
//   #/USER/SERVICE/create
//   #/USER/SERVICE/token/NAME
import { useEffect, useRef, useState } from "preact/hooks";

const LINK = /^#login=(.+)$/;

/** {scope: {account, service} or null, view, name} */
function read() {
  let parts;
  try {
    parts = location.hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);
  } catch {
    parts = [];
  }
  const [account, service, view = "list", name] = parts;
  if (service === undefined) return { scope: null, view: account === "accounts" ? "accounts" : "list" };
  return { scope: { account, service }, view, name };
}

export const isSameScope = (a, b) => a.account === b.account && a.service === b.service;
export const hashOf = ({ account, service }, ...rest) => `#/${[account, service, ...rest].map(encodeURIComponent).join("/")}`;
export const OWN = "#/";

/** `onLink(key)`: a one-time link was opened. Its key is in the fragment, which no server and no log gets to see; it leaves
 *  the address bar at once. Gives the place, and how to go to another. */
export function usePlace(onLink) {
  const last = useRef(OWN);
  const [place, setPlace] = useState({ scope: null, view: "list" });
  const arrived = () => {
    const key = LINK.exec(location.hash)?.[1];
    if (key) history.replaceState(null, "", last.current);
    last.current = location.hash || OWN;
    if (key) onLink(key);
    else setPlace(read());
  };
  const go = (hash, { instead = false } = {}) => {
    if (hash !== location.hash) history[instead ? "replaceState" : "pushState"](null, "", hash);
    arrived();
  };
  const latest = useRef();
  latest.current = arrived;
  useEffect(() => {
    const changed = () => latest.current();
    changed();
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return [place, go];
}
