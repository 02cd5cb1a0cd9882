// The account's tokens: find, sort, tick, revoke.
import { useState } from "preact/hooks";
import { Heading, Icon, LastUse } from "./parts.jsx";
import { permissionWords } from "./permissions.jsx";
import { hashOf } from "./place.js";
import { RevokeDialog } from "./revoke.jsx";
import { format, relative, stateOf } from "./time.js";

const COLUMNS = [
  { key: "name", label: "Name", order: (token) => token.name.toLowerCase() },
  { key: "created", label: "Created", order: (token) => token.created_unix_s },
  { key: "expires", label: "Expires", order: (token) => token.expires_unix_s ?? Infinity },
  { key: "used", label: "Last used", order: (token) => token.last_used_unix_s ?? -1 },
];
const PAGE_SIZES = [10, 20, 50, 100];

function sorted(tokens, { key, down }) {
  const { order } = COLUMNS.find((column) => column.key === key);
  const compare = (a, b) => (order(a) < order(b) ? -1 : order(a) > order(b) ? 1 : 0);
  return [...tokens].sort((a, b) => (down ? compare(b, a) : compare(a, b)));
}

export function TokenList({ session, account, tokens, scope, onChanged, onRefresh, onOutdated }) {
  const [search, setSearch] = useState("");
  const [sort, setSort] = useState({ key: "name", down: false });
  const [pageSize, setPageSize] = useState(20);
  const [page, setPage] = useState(0);
  const [ticked, setTicked] = useState(new Set());
  const [asking, setAsking] = useState(null); // {asked, all}: the tokens that a confirmation is about

  const found = sorted(tokens.filter((token) => token.name.toLowerCase().includes(search.toLowerCase())), sort);
  const pages = Math.max(1, Math.ceil(found.length / pageSize));
  const shownPage = Math.min(page, pages - 1);
  const shown = found.slice(shownPage * pageSize, (shownPage + 1) * pageSize);
  // Only what can be seen may be revoked by a tick.
  const chosen = found.filter((token) => ticked.has(token.id));
  const tick = (ids, on) => {
    const next = new Set(ticked);
    for (const id of ids) on ? next.add(id) : next.delete(id);
    setTicked(next);
  };
  const revoked = (words) => {
    setAsking(null);
    setTicked(new Set());
    onChanged(words);
  };

  return (
    <>
      <Heading>API tokens of {account.user}</Heading>
      <div class="toolbar">
        <a class="button primary" href={`${hashOf(scope)}/create`}>Create token</a>
        <button type="button" class="danger" disabled={chosen.length === 0} onClick={() => setAsking({ asked: chosen })}>
          Revoke selected{chosen.length > 0 && ` (${chosen.length})`}
        </button>
        <button type="button" class="danger" disabled={tokens.length === 0} onClick={() => setAsking({ asked: tokens, all: true })}>Revoke all</button>
        <button type="button" onClick={onRefresh}>Refresh</button>
        <label class="grow">
          Search <input type="search" value={search} onInput={(event) => { setSearch(event.target.value); setPage(0); }} />
        </label>
        <label>
          Rows{" "}
          <select value={pageSize} onChange={(event) => { setPageSize(Number(event.target.value)); setPage(0); }}>
            {PAGE_SIZES.map((size) => <option key={size} value={size}>{size}</option>)}
          </select>
        </label>
      </div>
      <div class="table-frame">
        <table class="tokens">
          <caption class="hidden">API tokens</caption>
          <thead>
            <tr>
              <th scope="col" class="tick">
                <input type="checkbox" aria-label="Select all tokens that are listed" disabled={found.length === 0}
                  checked={found.length > 0 && chosen.length === found.length}
                  onChange={(event) => tick(found.map((token) => token.id), event.target.checked)} />
              </th>
              {COLUMNS.map((column) => (
                <th key={column.key} scope="col" aria-sort={sort.key === column.key ? (sort.down ? "descending" : "ascending") : "none"}>
                  <button type="button" class="sort"
                    onClick={() => setSort({ key: column.key, down: sort.key === column.key && !sort.down })}>
                    {column.label}
                    <span aria-hidden="true">{sort.key === column.key ? (sort.down ? " ▼" : " ▲") : ""}</span>
                  </button>
                </th>
              ))}
              <th scope="col">Permissions</th>
              <th scope="col">Addresses</th>
              <th scope="col">Manage</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((token) => (
              <Row key={token.id} token={token} scope={scope} session={session} checked={ticked.has(token.id)} onTick={(on) => tick([token.id], on)} />
            ))}
          </tbody>
        </table>
      </div>
      {found.length === 0 && (
        <p class="empty">{tokens.length === 0 ? "There are no tokens yet." : `No token's name contains “${search}”.`}</p>
      )}
      {pages > 1 && (
        <nav class="pages" aria-label="Pages">
          <button type="button" disabled={shownPage === 0} onClick={() => setPage(shownPage - 1)}>Previous</button>
          <span>{shownPage * pageSize + 1} to {Math.min(found.length, (shownPage + 1) * pageSize)} of {found.length}</span>
          <button type="button" disabled={shownPage === pages - 1} onClick={() => setPage(shownPage + 1)}>Next</button>
        </nav>
      )}
      {asking && (
        <RevokeDialog {...asking} tokens={tokens} session={session} scope={scope} onRevoked={revoked} onOutdated={onOutdated} onCancel={() => setAsking(null)} />
      )}
    </>
  );
}

function Row({ token, scope, session, checked, onTick }) {
  const state = stateOf(token, session.now_unix_s, session.soon_days);
  return (
    <tr class={state}>
      <td class="tick">
        <input type="checkbox" aria-label={`Select ${token.name}`} checked={checked} onChange={(event) => onTick(event.target.checked)} />
      </td>
      <th scope="row" data-label="Name">{token.name}{token.note && <p class="hint">{token.note}</p>}</th>
      <td data-label="Created" class="date">{format(token.created_unix_s, session.time_zone, false)}</td>
      <td data-label="Expires" class="date"><End token={token} state={state} session={session} /></td>
      <td data-label="Last used"><LastUse token={token} session={session} /></td>
      <td data-label="Permissions">{permissionWords(token)}</td>
      <td data-label="Addresses">{token.addresses.join(", ") || "any"}</td>
      <td data-label="Manage"><a href={hashOf(scope, "token", token.name)}>Manage<span class="hidden"> {token.name}</span></a></td>
    </tr>
  );
}

function End({ token, state, session }) {
  if (state === "waiting") return <>begins {format(token.not_before_unix_s, session.time_zone)}</>;
  if (state === "never") return <>never</>;
  const date = format(token.expires_unix_s, session.time_zone, false);
  if (state === "later") return <>{date}</>;
  return (
    <>
      {date}
      <span class="mark">
        <Icon name={state === "ended" ? "ended" : "warning"} />
        {state === "ended" ? "has ended" : `ends ${relative(token.expires_unix_s, session.now_unix_s)}`}
      </span>
    </>
  );
}
