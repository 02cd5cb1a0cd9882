// For administrators and owners of accounts: whose tokens to look at, and who may use tokens at all.
import { useEffect, useState } from "preact/hooks";
import { call } from "./api.js";
import { Confirm, Heading, Problem } from "./parts.jsx";

export function Accounts({ onChoose, onChanged, onFailure }) {
  const [accounts, setAccounts] = useState(null);
  const [search, setSearch] = useState("");
  const load = () => call("accounts").then((data) => setAccounts(data.accounts)).catch(onFailure);
  useEffect(() => { load(); }, []);
  if (accounts === null) return <p role="status">Loading…</p>;
  const found = accounts.filter((account) => account.user.toLowerCase().includes(search.toLowerCase()));
  const changed = (message) => load().then(() => onChanged(message));
  return (
    <>
      <Heading>Accounts</Heading>
      <div class="toolbar">
        <label class="grow">Search <input type="search" value={search} onInput={(event) => setSearch(event.target.value)} /></label>
      </div>
      <div class="table-frame">
        <table>
          <caption class="hidden">Accounts</caption>
          <thead>
            <tr>
              <th scope="col">Account</th><th scope="col">Owner</th><th scope="col">Tokens</th><th scope="col">State</th><th scope="col">Actions</th>
            </tr>
          </thead>
          <tbody>
            {found.map((account) => (
              <tr key={account.user}>
                <th scope="row" data-label="Account">{account.user}</th>
                <td data-label="Owner">{account.owner ?? "–"}</td>
                <td data-label="Tokens">{account.token_count}</td>
                <td data-label="State">{stateWords(account)}</td>
                <td data-label="Actions" class="row-actions">
                  <button type="button" onClick={() => onChoose(account.user)}>Show tokens<Of account={account} /></button>
                  {account.may_administer && <Switches account={account} onChanged={changed} />}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {found.length === 0 && <p class="empty">No account's name contains “{search}”.</p>}
    </>
  );
}

/** For those who hear a button without seeing its row. */
function Of({ account }) {
  return <span class="hidden"> of {account.user}</span>;
}

function stateWords(account) {
  return `${account.active ? "active" : "suspended"}, tokens ${account.tokens_enabled ? "on" : "off"}`;
}

/** Switching on is done at once; switching off is asked about first, since it stops things. */
function Switches({ account, onChanged }) {
  const [asking, setAsking] = useState(null);
  const [problem, setProblem] = useState(null);
  const set = async (name, input, message) => {
    await call(name, { account: account.user, ...input });
    setAsking(null);
    onChanged(message);
  };
  const on = (...change) => set(...change).catch((error) => setProblem(error.message));
  return (
    <>
      {account.active
        ? <button type="button" onClick={() => setAsking("suspend")}>Suspend<Of account={account} /></button>
        : <button type="button" onClick={() => on("set_active", { active: true }, `${account.user} is active again.`)}>Unsuspend<Of account={account} /></button>}
      {account.tokens_enabled
        ? <button type="button" onClick={() => setAsking("tokens")}>Tokens off<Of account={account} /></button>
        : <button type="button" onClick={() => on("set_tokens_enabled", { enabled: true }, `Tokens of ${account.user} work again.`)}>Tokens on<Of account={account} /></button>}
      <Problem>{problem}</Problem>
      {asking && (
        <Confirm title={asking === "suspend" ? `Suspend ${account.user}?` : `Switch the tokens of ${account.user} off?`}
          confirm={asking === "suspend" ? `Suspend ${account.user}` : "Switch tokens off"}
          onCancel={() => setAsking(null)}
          onConfirm={() => (asking === "suspend"
            ? set("set_active", { active: false }, `${account.user} is suspended.`)
            : set("set_tokens_enabled", { enabled: false }, `Tokens of ${account.user} are off.`))}>
          <p>
            All {account.token_count} tokens of {account.user} are refused from the next request on. None is lost: they work again
            when you {asking === "suspend" ? "unsuspend the account" : "switch them on"}.
          </p>
        </Confirm>
      )}
    </>
  );
}
