// The question before tokens end: what stops working, and whether what these tokens made goes with them.
import { useState } from "preact/hooks";
import { call } from "./api.js";
import { Confirm, LastUse } from "./parts.jsx";
import { permissionWords } from "./permissions.jsx";

/** `asked`: the tokens to revoke, out of `tokens`. `all`: all of the account's and service's, also ones made meanwhile. */
export function RevokeDialog({ asked, all = false, tokens, session, scope, onRevoked, onCancel }) {
  const [withChildren, setWithChildren] = useState(true);
  const children = all ? [] : descendants(tokens, asked);
  const ending = withChildren ? [...asked, ...children] : asked;
  const revoke = async () => {
    const { revoked } = all
      ? await call("revoke_all", scope)
      : await call("revoke", { ...scope, names: asked.map((token) => token.name), with_children: withChildren && children.length > 0 });
    onRevoked(revoked === 1 ? `Token “${asked[0].name}” is revoked.` : `${revoked} tokens are revoked.`);
  };
  return (
    <Confirm title={asked.length === 1 ? `Revoke “${asked[0].name}”?` : `Revoke these ${asked.length} tokens?`}
      confirm={ending.length === 1 ? "Yes, revoke the token" : `Revoke ${ending.length} tokens`}
      onConfirm={revoke} onCancel={onCancel}>
      <p>From the very next request on, these stop working, for good:</p>
      <ul class="what-stops" tabIndex={0} aria-label="Tokens that stop working">
        {ending.map((token) => (
          <li key={token.name}>
            <strong>{token.name}</strong>: {permissionWords(token)}; last used: <LastUse token={token} session={session} />
          </li>
        ))}
      </ul>
      {children.length > 0 && (
        <label class="choice">
          <input type="checkbox" checked={withChildren} onChange={(event) => setWithChildren(event.target.checked)} />
          Also {children.length === 1 ? "the token" : `the ${children.length} tokens`} that {asked.length === 1 ? "it" : "they"} made
        </label>
      )}
    </Confirm>
  );
}

/** What `asked` made, what that made, and so on, without `asked` itself. */
function descendants(tokens, asked) {
  const family = new Set(asked.map((token) => token.name));
  let before;
  do {
    before = family.size;
    for (const token of tokens) if (family.has(token.parent)) family.add(token.name);
  } while (family.size > before);
  return tokens.filter((token) => family.has(token.name) && !asked.includes(token));
}
