// Who is here, whose tokens are shown, and which view of them.
import { useCallback, useEffect, useState } from "preact/hooks";
import { Accounts } from "./accounts.jsx";
import { call, SignedOut } from "./api.js";
import { CreateToken } from "./create.jsx";
import { TokenList } from "./list.jsx";
import { ManageToken } from "./manage.jsx";
import { Heading, Problem } from "./parts.jsx";
import { Secret } from "./secret.jsx";

const NOTHING = { words: "", at: "" };

/** `#/create` -> ["create"], `#/token/ci` -> ["token", "ci"] */
function useRoute() {
  const read = () => location.hash.replace(/^#\/?/, "").split("/").filter(Boolean);
  const [route, setRoute] = useState(read());
  useEffect(() => {
    const changed = () => setRoute(read());
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return route;
}

/** The key of a one-time link is in the fragment, which no server and no log gets to see; it leaves the address bar at once. */
const keyOfLink = () => /^#login=(.+)$/.exec(location.hash)?.[1];
async function signInByLink() {
  const key = keyOfLink();
  if (!key) return;
  history.replaceState(null, "", "#/");
  await call("login", { key });
}

export function App() {
  const [view, setView] = useState({ state: "loading" });
  const [session, setSession] = useState(null);
  const [scope, setScope] = useState({}); // whose tokens: {account, service}, or {} for the caller's own
  const [account, setAccount] = useState(null);
  const [tokens, setTokens] = useState([]);
  const [issued, setIssued] = useState(null);
  const [told, setTold] = useState(NOTHING);
  const route = useRoute();

  const fail = useCallback((error) => {
    setView({ state: error instanceof SignedOut ? "signed-out" : "failed", reason: error.message });
  }, []);

  const load = useCallback(async (nextScope) => {
    try {
      const [me, whose, list] = await Promise.all([call("session"), call("account", nextScope), call("tokens", nextScope)]);
      setSession(me);
      setAccount(whose);
      setTokens(list.tokens);
      setScope(nextScope);
      setView({ state: "ready" });
    } catch (error) {
      fail(error);
    }
  }, [fail]);

  useEffect(() => {
    const start = () => signInByLink().then(() => load({}), fail);
    // A link that is opened where the page is open already changes nothing but the fragment.
    const changed = () => keyOfLink() && start();
    start();
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, [load, fail]);

  // What happened is told once, and read out; the next step takes it away, so that the same words are heard again.
  useEffect(() => setTold((last) => (last.at === location.hash ? last : NOTHING)), [route]);
  const go = (hash, words = "") => {
    setIssued(null);
    setTold({ words, at: hash });
    location.hash = hash;
  };
  const changed = (words) => {
    setTold(NOTHING);
    return load(scope).then(() => setTold({ words, at: location.hash }));
  };

  if (view.state === "loading") return <main><p role="status">Loading…</p></main>;
  if (view.state === "signed-out") return <SignedOutView />;
  if (view.state === "failed") {
    return (
      <main>
        <Heading>API tokens</Heading>
        <Problem>{view.reason}</Problem>
        <button type="button" onClick={() => load(scope)}>Try again</button>
      </main>
    );
  }

  const token = route[0] === "token" ? tokens.find((other) => other.name === route[1]) : null;
  const shared = { session, account, tokens, scope };
  let content;
  if (issued) {
    content = (
      <Secret issued={issued} session={session} canRepeat={route[0] === "create"}
        onDone={(again) => load(scope).then(() => go(again ? "#/create" : "#/"))} />
    );
  } else if (route[0] === "accounts" && session.can_choose_account) {
    content = (
      <Accounts onChanged={changed} onFailure={fail}
        onChoose={(user) => load({ account: user, service: "cpanel" }).then(() => go("#/"))} />
    );
  } else if (route[0] === "create") {
    content = <CreateToken {...shared} onIssued={setIssued} />;
  } else if (token) {
    content = (
      <ManageToken {...shared} token={token} onChanged={changed} onIssued={setIssued}
        onRenamed={(name) => load(scope).then(() => go(`#/token/${name}`, `The token is called “${name}” now.`))}
        onRevoked={(words) => load(scope).then(() => go("#/", words))} />
    );
  } else {
    // Ticks and search are about this list, and no other account's or service's.
    content = (
      <TokenList key={`${account.service} ${account.user}`} {...shared} onChanged={changed}
        onRefresh={() => changed("The list is up to date.")} />
    );
  }

  // Of other accounts, only an administrator gets at more than what the account itself would.
  const services = account.user === session.user || session.administrator ? session.services : [account.service];
  return (
    <>
      <header>
        <a class="title" href="#/">API tokens</a>
        {services.length > 1 && (
          <label>
            Service{" "}
            <select value={account.service} onChange={(event) => load({ ...scope, service: event.target.value }).then(() => go("#/"))}>
              {services.map((service) => <option key={service} value={service}>{service}</option>)}
            </select>
          </label>
        )}
        <span class="grow" />
        {session.can_choose_account && <a href="#/accounts">Accounts</a>}
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
            <button type="button" onClick={() => load({}).then(() => go("#/"))}>Back to my own</button>
          </p>
        )}
        {!account.active && <Problem>This account is suspended: its tokens are refused, and none can be created.</Problem>}
        {!account.tokens_enabled && <Problem>Tokens are switched off for this account.</Problem>}
        {content}
      </main>
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
