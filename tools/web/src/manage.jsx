// One token: rename, change, rotate, revoke.
import { useState } from "preact/hooks";
import { call } from "./api.js";
import { Addresses, Note } from "./create.jsx";
import { Expiry } from "./expiry.jsx";
import { addressList, nameProblem, useSubmit } from "./form.js";
import { Field, Heading, LastUse, Problem } from "./parts.jsx";
import { Permissions, permissionWords } from "./permissions.jsx";
import { hashOf } from "./place.js";
import { RevokeDialog } from "./revoke.jsx";
import { day, format } from "./time.js";

export function ManageToken({ session, account, tokens, token, scope, onChanged, onRenamed, onIssued, onRevoked, onOutdated }) {
  const names = tokens.map((other) => other.name);
  const about = { ...scope, name: token.name, id: token.id };
  return (
    <>
      <Heading>Token “{token.name}”</Heading>
      <p><a href={hashOf(scope)}>Back to the list</a></p>
      <Facts token={token} session={session} />
      <Rename token={token} names={names} about={about} onRenamed={onRenamed} />
      <Change token={token} session={session} account={account} about={about} onChanged={onChanged} />
      <Rotate token={token} about={about} onIssued={onIssued} />
      <Revoke token={token} tokens={tokens} session={session} scope={scope} onRevoked={onRevoked} onOutdated={onOutdated} />
    </>
  );
}

function Facts({ token, session }) {
  const end = token.expires_unix_s === null ? "never" : format(token.expires_unix_s, session.time_zone);
  return (
    <dl class="card facts">
      <dt>Created</dt><dd>{format(token.created_unix_s, session.time_zone)}</dd>
      <dt>Expires</dt><dd>{end}</dd>
      <dt>Last used</dt><dd><LastUse token={token} session={session} /></dd>
      <dt>May do</dt><dd>{permissionWords(token)}</dd>
      {token.parent && <><dt>Made by the token</dt><dd>{token.parent}</dd></>}
      {token.former_secret_until_unix_s && (
        <><dt>Former secret</dt><dd>accepted until {format(token.former_secret_until_unix_s, session.time_zone)}</dd></>
      )}
    </dl>
  );
}

function Rename({ token, names, about, onRenamed }) {
  const [name, setName] = useState(token.name);
  const { busy, submit, problemOf, generalProblem } = useSubmit("new_name");
  const wrong = nameProblem(name, names.filter((other) => other !== token.name));
  const rename = submit(async () => {
    await call("rename", { ...about, new_name: name });
    onRenamed(name);
  });
  return (
    <form class="card" onSubmit={rename} aria-label="Rename">
      <h2>Rename</h2>
      <p class="hint">The secret stays the same, and goes on working.</p>
      <Problem>{generalProblem}</Problem>
      <Field label="New name" problem={wrong ?? problemOf("new_name")}>
        {(props) => <input {...props} type="text" required maxLength={50} autoComplete="off" spellcheck={false} value={name} onInput={(event) => setName(event.target.value)} />}
      </Field>
      <div class="actions"><button type="submit" disabled={busy || wrong !== null || name === token.name}>Rename</button></div>
    </form>
  );
}

/** What the form shows of a token. */
function formOf(token, session) {
  return {
    permissions: { full: token.full_access, acls: token.acls, readOnly: token.read_only },
    expiresOn: token.expires_unix_s === null ? null : day(token.expires_unix_s, session.time_zone),
    addresses: token.addresses.join("\n"),
    note: token.note,
  };
}

/** The members of an update for what is another in `now` than in `then`, and nothing else: a limit that somebody else has
 *  tightened since stays so, and an end keeps its time of day. */
function touched(then, now) {
  const inOrder = (names) => [...names].sort().join();
  const { full, acls, readOnly } = now.permissions;
  const update = {};
  if (full !== then.permissions.full || (!full && inOrder(acls) !== inOrder(then.permissions.acls))) Object.assign(update, full ? { full_access: true } : { acls });
  if (readOnly !== then.permissions.readOnly) update.read_only = readOnly;
  if (now.expiresOn !== then.expiresOn) update.expires_on = now.expiresOn;
  if (inOrder(addressList(now.addresses)) !== inOrder(addressList(then.addresses))) update.addresses = addressList(now.addresses);
  if (now.note !== then.note) update.note = now.note;
  return update;
}

function Change({ token, session, account, about, onChanged }) {
  const [before, setBefore] = useState(() => formOf(token, session));
  const [now, setNow] = useState(before);
  const { busy, submit, problemOf, generalProblem } = useSubmit("acls", "expires_on", "addresses", "note");
  const put = (member) => (value) => setNow((last) => ({ ...last, [member]: value }));
  // What the token holds and the account has lost meanwhile can be unticked here as well.
  const lost = token.acls.filter((name) => !account.acls.some((acl) => acl.name === name));
  const acls = [...account.acls, ...lost.map((name) => ({ name, group: "No longer yours", description: "The account has lost it, so it does nothing.", warning: "" }))];
  const update = touched(before, now);
  const save = submit(async () => {
    const { token: changed } = await call("update", { ...about, ...update });
    const shown = formOf(changed, session);
    setBefore(shown);
    setNow(shown);
    onChanged(`Token “${token.name}” is changed.`);
  });
  return (
    <form class="card" onSubmit={save} aria-label="Permissions and limits">
      <h2>Permissions and limits</h2>
      <Problem>{generalProblem}</Problem>
      <Permissions whose={account.user === session.user ? null : account.user} acls={acls} value={now.permissions} onChange={put("permissions")} problem={problemOf("acls")} />
      <Expiry session={session} value={now.expiresOn} onChange={put("expiresOn")} problem={problemOf("expires_on")} />
      <Addresses session={session} value={now.addresses} onChange={put("addresses")} problem={problemOf("addresses")} />
      <Note session={session} value={now.note} onChange={put("note")} problem={problemOf("note")} />
      <div class="actions"><button type="submit" class="primary" disabled={busy || Object.keys(update).length === 0}>Save</button></div>
    </form>
  );
}

const OVERLAPS = [[0, "at once"], [3600, "in an hour"], [86400, "in a day"], [7 * 86400, "in a week"]];

function Rotate({ token, about, onIssued }) {
  const [overlap, setOverlap] = useState(86400);
  const { busy, submit, generalProblem } = useSubmit();
  const rotate = submit(async () => onIssued(await call("rotate", { ...about, overlap_s: overlap })));
  return (
    <form class="card" onSubmit={rotate} aria-label="Rotate">
      <h2>New secret</h2>
      <p class="hint">Name, permissions and limits stay. Both secrets work until the former one ends.</p>
      <Problem>{generalProblem}</Problem>
      <Field label="The former secret ends">
        {(props) => (
          <select {...props} value={overlap} onChange={(event) => setOverlap(Number(event.target.value))}>
            {OVERLAPS.map(([seconds, words]) => <option key={seconds} value={seconds}>{words}</option>)}
          </select>
        )}
      </Field>
      <div class="actions"><button type="submit" disabled={busy}>Make a new secret for “{token.name}”</button></div>
    </form>
  );
}

function Revoke({ token, tokens, session, scope, onRevoked, onOutdated }) {
  const [asking, setAsking] = useState(false);
  return (
    <section class="card">
      <h2>Revoke</h2>
      <p class="hint">Ends the token for good, from the very next request on.</p>
      <div class="actions"><button type="button" class="danger" onClick={() => setAsking(true)}>Revoke the token</button></div>
      {asking && (
        <RevokeDialog asked={[token]} tokens={tokens} session={session} scope={scope} onRevoked={onRevoked} onOutdated={onOutdated} onCancel={() => setAsking(false)} />
      )}
    </section>
  );
}
