// The one time that a secret can be seen.
import { useRef, useState } from "preact/hooks";
import { Heading, Icon } from "./parts.jsx";
import { format } from "./time.js";

/** `canRepeat`: offers to create another token afterwards. */
export function Secret({ issued, session, canRepeat, onDone }) {
  const [copied, setCopied] = useState(false);
  const [again, setAgain] = useState(false);
  const text = useRef(null);
  const { token, secret } = issued;
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(secret);
      setCopied(true);
    } catch {
      // Without the clipboard (a page over plain HTTP), it is at least ready to be copied by hand.
      getSelection().selectAllChildren(text.current);
    }
  };
  return (
    <section class="card">
      <Heading>Token “{token.name}” is ready</Heading>
      <p class="warning"><Icon name="warning" /> Copy it now. It is not stored, and cannot be shown again.</p>
      <div class="secret">
        <code ref={text} id="secret" tabIndex={0} aria-label="Secret">{secret}</code>
        <button type="button" onClick={copy}>Copy</button>
        <span role="status">{copied ? "Copied." : ""}</span>
      </div>
      <p>{token.expires_unix_s === null ? "It does not expire." : `It ends ${format(token.expires_unix_s, session.time_zone)} (${session.time_zone}).`}</p>
      <p class="hint">Scripts send it as <code>Authorization: {token.service} {token.account}:…</code> or <code>Authorization: Bearer …</code></p>
      {canRepeat && (
        <label class="choice">
          <input type="checkbox" checked={again} onChange={(event) => setAgain(event.target.checked)} />
          Create another token after this
        </label>
      )}
      <div class="actions">
        <button type="button" class="primary" onClick={() => onDone(again)}>Yes, I saved my token</button>
      </div>
    </section>
  );
}
