// Who is here, whose tokens are shown, and which view of them.
import { useEffect, useRef, useState } from "preact/hooks";
import { Accounts } from "./accounts.jsx";
import { actAs, actAsNobody, call, OtherUser, SignedOut } from "./api.js";
import { CreateToken } from "./create.jsx";
import { TokenList } from "./list.jsx";
import { ManageToken } from "./manage.jsx";
import { Confirm, Heading, Problem } from "./parts.jsx";
import { hashOf, isSameScope, OWN, usePlace } from "./place.js";
import { Secret } from "./secret.jsx";

const NOTHING = { words: "", at: "" };

export function App() {
  const [view, setView] = useState({ state: "loading" });
  const [loaded, setLoaded] = useState(null); // {session, scope, account, tokens}
  const [issued, setIssued] = useState(null);
  const [told, setTold] = useState(NOTHING);
  const [link, setLink] = useState(null); // the key of a one-time link that is asked about
  const [place, move] = usePlace((key) => signIn(key));
  const loads = useRef(0); // of several at once, the last one counts

  /** Of whoever was here before, nothing stays: not on the screen and not in memory. */
  const forget = () => {
    ++loads.current;
    actAsNobody();
    setLoaded(null);
    setIssued(null);
    setTold(NOTHING);
    setLink(null);
    setView({ state: "loading" });
  };

  const fail = (error) => {
    const gone = error instanceof SignedOut || error instanceof OtherUser;
    if (gone) forget();
    setView({ state: error instanceof SignedOut ? "signed-out" : gone ? "other" : "failed", reason: error.message });
  };

  /** Loads the tokens of `scope`, or without one the caller's own. `then(loaded)` runs when they are there, not yet shown. */
  const load = async (scope, then = () => {}) => {
    const turn = ++loads.current;
    try {
      const session = await call("session");
      if (turn !== loads.current) return;
      actAs(session, fail);
      const whose = scope ?? { account: session.user, service: session.service };
      const [account, { tokens }] = await Promise.all([call("account", whose), call("tokens", whose)]);
      if (turn !== loads.current) return;
      const now = { session, scope: whose, account, tokens };
      setLoaded(now);
      setView({ state: "ready" });
      then(now);
    } catch (error) {
      if (turn === loads.current) fail(error);
    }
  };

  const startAnew = () => {
    forget();
    move(OWN);
  };

  /** Whoever is signed in is asked first: another site can open a link too. `sure`: has been asked. */
  const signIn = async (key, sure = false) => {
    try {
      await (sure ? call("login", { key }) : call("login", { key }, null));
    } catch (error) {
      if (sure) throw error;
      if (!(error instanceof OtherUser)) return fail(error);
      setLink(key);
      return load(loaded?.scope ?? place.scope);
    }
    startAnew();
  };

  // The list of accounts goes on with the one that was looked at.
  const own = loaded && { account: loaded.session.user, service: loaded.session.service };
  const wanted = place.scope ?? (place.view === "accounts" && loaded ? loaded.scope : own);
  const started = useRef(false);
  useEffect(() => {
    // The first place is not read yet when the page appears.
    if (!started.current) {
      started.current = true;
      return;
    }
    const shown = view.state === "ready" && isSameScope(wanted, loaded.scope);
    if (!shown && !issued) load(wanted);
  }, [place]);

  // The own tokens have an address as well, at which they are found again by whoever may see them.
  useEffect(() => {
    if (own && place.scope === null && place.view === "list") move(hashOf(own), { instead: true });
  }, [loaded, place]);

  // What happened is told once, and read out; the next step takes it away, so that the same words are heard again.
  useEffect(() => setTold((last) => (last.at === location.hash ? last : NOTHING)), [place]);
  const go = (hash, words = "") => {
    setIssued(null);
    setTold({ words, at: hash });
    move(hash);
  };
  const changed = (words) => {
    setTold(NOTHING);
    return load(loaded.scope, () => setTold({ words, at: location.hash }));
  };

  const refresh = () => load(loaded.scope);

  if (view.state === "loading") return <main><p role="status">Loading…</p></main>;
  if (view.state === "signed-out") return <SignedOutView />;
  if (view.state !== "ready") {
    return (
      <main>
        <Heading>API tokens</Heading>
        <Problem>{view.reason}</Problem>
        <p class="actions">
          {view.state === "other"
            ? <button type="button" onClick={startAnew}>Reload</button>
            : <button type="button" onClick={() => load(wanted)}>Try again</button>}
          {view.state === "failed" && place.scope && <a class="button" href={OWN}>My own tokens</a>}
        </p>
      </main>
    );
  }

  const { session, scope, account, tokens } = loaded;
  const home = hashOf(scope);
  const token = place.view === "token" ? tokens.find((other) => other.name === place.name) : null;
  const shared = { session, account, tokens, scope };
  let content;
  if (issued) {
    content = (
      <Secret issued={issued} session={session} canRepeat={place.view === "create"}
        onDone={(again) => load(scope, () => go(again ? `${home}/create` : home))} />
    );
  } else if (!isSameScope(wanted, scope)) {
    content = <p role="status">Loading…</p>;
  } else if (place.view === "accounts" && session.can_choose_account) {
    content = <Accounts onChanged={changed} onFailure={fail} onChoose={(user) => go(hashOf({ account: user, service: "cpanel" }))} />;
  } else if (place.view === "create") {
    content = <CreateToken {...shared} onIssued={setIssued} />;
  } else if (token) {
    content = (
      <ManageToken key={token.id} {...shared} token={token} onChanged={changed} onIssued={setIssued} onOutdated={refresh}
        onRenamed={(name) => load(scope, () => go(hashOf(scope, "token", name), `The token is called “${name}” now.`))}
        onRevoked={(words) => load(scope, () => go(home, words))} />
    );
  } else if (place.view === "token") {
    content = <Gone name={place.name} scope={scope} />;
  } else {
    // Ticks and search are about this list, and no other account's or service's.
    content = <TokenList key={home} {...shared} onChanged={changed} onOutdated={refresh} onRefresh={() => changed("The list is up to date.")} />;
  }

  // Of other accounts, only an administrator gets at more than what the account itself would.
  const services = account.user === session.user || session.administrator ? session.services : [account.service];
  // While a secret is shown there is one way on: to say that it is saved.
  return (
    <>
      <header>
        {issued ? <span class="title">API tokens</span> : <a class="title" href={home}>API tokens</a>}
        {!issued && services.length > 1 && (
          <label>
            Service{" "}
            <select value={account.service} onChange={(event) => go(hashOf({ ...scope, service: event.target.value }))}>
              {services.map((service) => <option key={service} value={service}>{service}</option>)}
            </select>
          </label>
        )}
        <span class="grow" />
        {!issued && session.can_choose_account && <a href="#/accounts">Accounts</a>}
        <span>Signed in as <strong>{session.user}</strong></span>
        {session.via === "session" && (
          <button type="button" onClick={() => call("logout").then(() => fail(new SignedOut()), fail)}>Log out</button>
        )}
      </header>
      <main onSubmit={() => setTold(NOTHING)}>
        <p role="status" class={told.words ? "banner done" : "hidden"}>{told.words}</p>
        {account.user !== session.user && (
          <p class="banner">
            These are the tokens of <strong>{account.user}</strong>.{" "}
            {!issued && <button type="button" onClick={() => go(OWN)}>Back to my own</button>}
          </p>
        )}
        {!account.active && <Problem>This account is suspended: its tokens are refused, and none can be created.</Problem>}
        {!account.tokens_enabled && <Problem>Tokens are switched off for this account.</Problem>}
        {content}
        {link && (
          <Confirm title="Sign in by this link instead?" confirm="Sign in by the link"
            onConfirm={() => signIn(link, true)} onCancel={() => setLink(null)}>
            <p>You are signed in as <strong>{session.user}</strong>, in all tabs of this browser, until then. Did you open the link yourself?</p>
          </Confirm>
        )}
      </main>
    </>
  );
}

function Gone({ name, scope }) {
  return (
    <>
      <Heading>Token “{name}”</Heading>
      <Problem>{scope.account} has no token “{name}” for {scope.service}, or no longer.</Problem>
      <p><a href={hashOf(scope)}>Back to the list</a></p>
    </>
  );
}

function SignedOutView() {
  return (
    <main>
      <Heading>You are not signed in</Heading>
      <p>This page opens by a link that works once, for ten minutes. Whoever runs the server makes one with</p>
      <p><code>tokengate login USER</code></p>
    </main>
  );
}
