// The question before tokens end: what stops working, and whether what these tokens made goes with them.
import { useState } from "preact/hooks";
import { call } from "./api.js";
import { Confirm, LastUse } from "./parts.jsx";
import { permissionWords } from "./permissions.jsx";

/** `asked`: the tokens to revoke, out of `tokens`. `all`: all of the account's and service's, also ones made meanwhile.
 *  `onOutdated` gets `tokens` anew. */
export function RevokeDialog({ asked, all = false, tokens, session, scope, onRevoked, onOutdated, onCancel }) {
  const [withChildren, setWithChildren] = useState(true);
  // What is made while the question stands is asked about once more, but once only: a token that makes others all the time
  // could else not be ended.
  const [askedAgain, setAskedAgain] = useState(false);
  const children = all ? [] : descendants(tokens, asked);
  const ending = withChildren ? [...asked, ...children] : asked;
  const revoke = async () => {
    const family = {
      tokens: asked.map(({ name, id }) => ({ name, id })),
      with_children: withChildren && (askedAgain || children.length > 0),
      ...(!askedAgain && { made: children.map(({ id }) => id) }),
    };
    try {
      const { revoked } = await (all ? call("revoke_all", scope) : call("revoke", { ...scope, ...family }));
      onRevoked(revoked === 1 ? `Token “${asked[0].name}” is revoked.` : `${revoked} tokens are revoked.`);
    } catch (error) {
      if (error.field === "made") {
        await onOutdated();
        setAskedAgain(true);
      }
      throw error;
    }
  };
  return (
    <Confirm title={asked.length === 1 ? `Revoke “${asked[0].name}”?` : `Revoke these ${asked.length} tokens?`}
      confirm={ending.length === 1 ? "Yes, revoke the token" : `Revoke ${ending.length} tokens`}
      onConfirm={revoke} onCancel={onCancel}>
      <p>From the very next request on, these stop working, for good:</p>
      <ul class="what-stops" tabIndex={0} aria-label="Tokens that stop working">
        {ending.map((token) => (
          <li key={token.id}>
            <strong>{token.name}</strong>: {permissionWords(token)}; last used: <LastUse token={token} session={session} />
          </li>
        ))}
      </ul>
      {children.length > 0 && (
        <label class="choice">
          <input type="checkbox" checked={withChildren} onChange={(event) => setWithChildren(event.target.checked)} />
          Also {children.length === 1 ? "the token" : `the ${children.length} tokens`} that {asked.length === 1 ? "it" : "they"} made{askedAgain && ", and what is made until then"}
        </label>
      )}
    </Confirm>
  );
}

/** What `asked` made, what that made, and so on, without `asked` itself. */
function descendants(tokens, asked) {
  const family = new Set(asked.map((token) => token.id));
  let before;
  do {
    before = family.size;
    for (const token of tokens) if (family.has(token.parent_id)) family.add(token.id);
  } while (family.size > before);
  return tokens.filter((token) => family.has(token.id) && !asked.some(({ id }) => id === token.id));
}
