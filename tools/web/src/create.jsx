// Making a token.
import { useState } from "preact/hooks";
import { call } from "./api.js";
import { Expiry } from "./expiry.jsx";
import { addressList, nameProblem, useSubmit } from "./form.js";
import { Field, Heading, Problem } from "./parts.jsx";
import { Permissions } from "./permissions.jsx";
import { hashOf } from "./place.js";
import { day } from "./time.js";

export function CreateToken({ session, account, tokens, scope, onIssued }) {
  const [name, setName] = useState("");
  const [expiresOn, setExpiresOn] = useState(day(session.now_unix_s, session.time_zone, 1));
  const [permissions, setPermissions] = useState({ full: false, acls: [], readOnly: false });
  const [addresses, setAddresses] = useState("");
  const [note, setNote] = useState("");
  const { busy, submit, problemOf, generalProblem } = useSubmit("name", "acls", "expires_on", "addresses", "note");
  const wrongName = nameProblem(name, tokens.map((token) => token.name));

  const create = submit(async () => {
    const what = permissions.full ? { full_access: true } : { acls: permissions.acls };
    onIssued(await call("create", {
      ...scope,
      name,
      ...what,
      read_only: permissions.readOnly,
      expires_on: expiresOn,
      addresses: addressList(addresses),
      note,
    }));
  });

  return (
    <form class="card" onSubmit={create}>
      <Heading>Create a token for {account.user}</Heading>
      <Problem>{generalProblem}</Problem>
      <Field label="Name" hint={`${session.name_rule}. Name it after what will use it.`} problem={wrongName ?? problemOf("name")}>
        {(props) => (
          <input {...props} type="text" required maxLength={50} autoComplete="off" spellcheck={false} value={name}
            onInput={(event) => setName(event.target.value)} />
        )}
      </Field>
      <Expiry session={session} value={expiresOn} onChange={setExpiresOn} problem={problemOf("expires_on")} />
      <Permissions whose={account.user === session.user ? null : account.user} acls={account.acls} value={permissions} onChange={setPermissions} problem={problemOf("acls")} />
      <Addresses session={session} value={addresses} onChange={setAddresses} problem={problemOf("addresses")} />
      <Note session={session} value={note} onChange={setNote} problem={problemOf("note")} />
      <div class="actions">
        <a class="button" href={hashOf(scope)}>Cancel</a>
        <button type="submit" class="primary" disabled={busy || wrongName !== null}>Create token</button>
      </div>
    </form>
  );
}

export function Addresses({ session, value, onChange, problem }) {
  return (
    <Field label="Addresses that may use it" problem={problem}
      hint={`Addresses or ranges such as 192.0.2.7 or 2001:db8::/32, one a line, at most ${session.max_addresses}. Empty: any.`}>
      {(props) => <textarea {...props} rows={3} spellcheck={false} value={value} onInput={(event) => onChange(event.target.value)} />}
    </Field>
  );
}

export function Note({ session, value, onChange, problem }) {
  return (
    <Field label="Note" hint="For people: what it is for, whom to ask." problem={problem}>
      {(props) => <input {...props} type="text" maxLength={session.max_note_bytes} value={value} onInput={(event) => onChange(event.target.value)} />}
    </Field>
  );
}
