// The page in a real browser, before the real daemon behind a real web server. t/page.t starts all of them and says in
// the environment where they are: PAGE_URL, TOKENGATE (the command), TOKENGATE_STORE, PAGE_SOCKET, CHROMIUM, and
// optionally PAGE_SHOTS, a folder for screenshots.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { chromium } from "playwright-core";

const { PAGE_URL, TOKENGATE, PAGE_SOCKET, CHROMIUM = "/usr/bin/chromium", PAGE_SHOTS } = process.env;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const origin = new URL(PAGE_URL).origin;

const run = (...command) => execFileSync(TOKENGATE, command, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
const json = (...command) => JSON.parse(run(...command, "--json"));
const tokenOf = (name, user = "shop") => json("token", "show", user, name);
const link = (user = "shop", ...more) => {
  const key = new URL(run("login", user, "--socket", PAGE_SOCKET, ...more), PAGE_URL).hash;
  return PAGE_URL + key;
};

let browser, context, page, complaints;

before(async () => {
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
});
after(() => browser.close());

async function open(options = {}) {
  context = await browser.newContext({ timezoneId: "America/New_York", ...options });
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin });
  page = await context.newPage();
  complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => { if (message.type() === "error") complaints.push(message.text()); });
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(origin) && !url.startsWith("data:")) complaints.push(`a request to ${url}`);
  });
}
beforeEach(() => open());
afterEach(async () => {
  await context.close();
  // The browser itself notes an answer with 401.
  assert.deepEqual(complaints.filter((text) => !/status of 401/.test(text)), [], "no error, no violation of the policy, no other host");
});

const signIn = async (...who) => {
  await page.goto(link(...who));
  await page.getByRole("heading", { level: 1, name: /API tokens of/ }).waitFor();
};
const heading = (name) => page.getByRole("heading", { level: 1, name }).waitFor();
const press = (name, within = page) => within.getByRole("button", { name, exact: true }).click();
const said = (words) => page.getByRole("status").filter({ hasText: words }).waitFor();
const names = () => page.locator("tbody th").evaluateAll((cells) => cells.map((cell) => cell.firstChild.textContent));

test("without a link nothing is shown, and a link works once", async () => {
  await page.goto(PAGE_URL);
  await heading("You are not signed in");
  const once = link();
  await page.goto(once);
  await page.reload();
  await heading("API tokens of shop");
  assert.equal(new URL(page.url()).hash, "#/", "the key has left the address bar");
  const cookie = (await context.cookies()).find(({ name }) => name.includes("tokengate"));
  assert.deepEqual([cookie.httpOnly, cookie.secure, cookie.sameSite, cookie.path], [true, true, "Strict", "/tokengate/"]);
  await context.clearCookies();
  await page.goto("about:blank");
  await page.goto(once);
  await page.getByText("This link does not work, or no longer").waitFor();
});

test("a token with one permission is made, shown once, and works as it says", async () => {
  await signIn();
  await page.getByRole("link", { name: "Create token" }).click();
  await heading("Create a token for shop");
  const name = page.getByLabel("Name", { exact: true });
  await name.fill("no blanks");
  await page.getByText("Use 1 to 50 of the letters").waitFor();
  await name.fill("existing");
  await page.getByText("There is a token “existing” already.").waitFor();
  assert.ok(await page.getByRole("button", { name: "Create token" }).isDisabled());
  await name.fill("from-page");
  assert.equal(await page.locator(".groups input:checked").count(), 0, "nothing is ticked by itself");
  const preset = await page.getByLabel("Last day").inputValue();
  assert.equal(Number(preset.slice(0, 4)), new Date().getFullYear() + 1, "one year ahead");
  await page.getByText(/until 23:59:59 of that day, in the server's time zone \(\w+/).waitFor();
  await press("Create token");
  await page.locator(".problem").first().waitFor();
  assert.throws(() => tokenOf("from-page"), "nothing was made without a permission");
  await page.getByLabel("email", { exact: true }).check();
  await page.getByLabel("Read only").check();
  await page.getByLabel("Addresses that may use it").fill("192.0.2.0/24\n2001:db8::/32");
  await page.getByLabel("Note").fill("<img src=x onerror=document.title='owned'>");
  await press("Create token");
  await heading("Token “from-page” is ready");
  const secret = await page.locator("#secret").textContent();
  assert.match(secret, /^[A-Z0-9]{32}$/);
  await press("Copy");
  await said("Copied.");
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), secret);
  await press("Yes, I saved my token");
  await heading("API tokens of shop");
  assert.ok(!(await page.content()).includes(secret), "the secret is gone");
  await page.getByText("<img src=x onerror").waitFor();
  assert.equal(await page.title(), "API tokens");
  const made = tokenOf("from-page");
  assert.deepEqual([made.acls, made.full_access, made.read_only, made.addresses], [["email"], false, true, ["192.0.2.0/24", "2001:db8::/32"]]);
  const end = new Date(made.expires * 1000);
  assert.deepEqual([end.getHours(), end.getMinutes(), end.getSeconds()], [23, 59, 59], "in the server's zone");
});

test("everything is a choice of its own, sensitive permissions warn, and another token can follow", async () => {
  await signIn();
  await page.goto(PAGE_URL + "#/create");
  await page.getByLabel("Name", { exact: true }).fill("everything");
  await page.locator(".acl", { hasText: "manage-api-tokens" }).locator("span.warning").waitFor();
  await page.getByLabel("Everything I have").check();
  await page.getByText("Whoever holds this token can do all").waitFor();
  await page.getByLabel("It will not expire").check();
  await press("Create token");
  await heading("Token “everything” is ready");
  await page.getByText("It does not expire.").waitFor();
  await page.getByLabel("Create another token").check();
  await press("Yes, I saved my token");
  await heading("Create a token for shop");
  assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), "");
  const made = tokenOf("everything");
  assert.deepEqual([made.full_access, made.expires], [true, null]);
});

test("what the server refuses is told at the field, and what was typed stays", async () => {
  await signIn();
  await page.goto(PAGE_URL + "#/create");
  await page.getByLabel("Name", { exact: true }).fill("refused");
  await page.getByLabel("dns", { exact: true }).check();
  const addresses = page.getByLabel("Addresses that may use it");
  await addresses.fill("192.0.2.1/8");
  await press("Create token");
  await page.locator(".field", { has: addresses }).locator(".problem").waitFor();
  assert.equal(await addresses.inputValue(), "192.0.2.1/8");
  assert.ok(await page.getByLabel("dns", { exact: true }).isChecked());
  assert.throws(() => tokenOf("refused"));
});

test("the list can be searched, sorted, paged, and marks what ends", async () => {
  await signIn("many");
  assert.equal((await names()).length, 20);
  await page.getByText("1 to 20 of 27").waitFor();
  await press("Next");
  assert.equal((await names()).length, 7);
  await page.getByLabel("Rows").selectOption("50");
  assert.equal((await names()).length, 27);
  await page.getByRole("searchbox").fill("ends-");
  assert.deepEqual(await names(), ["ends-ago", "ends-soon"]);
  await press("Expires");
  assert.deepEqual(await names(), ["ends-ago", "ends-soon"]);
  await page.getByRole("columnheader", { name: /Expires/ }).getByRole("button").click();
  assert.deepEqual(await names(), ["ends-soon", "ends-ago"]);
  assert.equal(await page.locator("th[aria-sort=descending]").count(), 1);
  for (const [name, state, words] of [["ends-soon", "soon", /ends in \d+ days/], ["ends-ago", "ended", /has ended/]]) {
    const row = page.locator(`tr.${state}`, { hasText: name });
    assert.match(await row.locator(".mark").textContent(), words);
    assert.equal(await row.locator(".mark svg").count(), 1);
  }
  await page.getByRole("searchbox").fill("nothing like it");
  await page.getByText("No token's name contains “nothing like it”.").waitFor();
});

test("a token is renamed, changed and rotated", async () => {
  run("token", "create", "shop", "to-change", "--acl", "email", "--expires", "2035-01-31");
  await signIn();
  await page.getByRole("link", { name: "Manage to-change" }).click();
  await heading("Token “to-change”");
  const before = tokenOf("to-change");
  await page.getByLabel("New name").fill("changed");
  await press("Rename");
  await said("The token is called “changed” now.");
  assert.equal(tokenOf("changed").id, before.id);
  await page.getByLabel("files", { exact: true }).check();
  await page.getByLabel("email", { exact: true }).uncheck();
  await page.getByLabel("Addresses that may use it").fill("198.51.100.7");
  await press("Save");
  await said("Token “changed” is changed.");
  const after = tokenOf("changed");
  assert.deepEqual([after.acls, after.addresses, after.expires], [["files"], ["198.51.100.7"], before.expires]);
  await page.getByLabel("It will not expire").check();
  await press("Save");
  await said("Token “changed” is changed.");
  assert.equal(tokenOf("changed").expires, null);
  await page.getByLabel("The former secret ends").selectOption("3600");
  await press("Make a new secret for “changed”");
  await heading("Token “changed” is ready");
  assert.match(await page.locator("#secret").textContent(), /^[A-Z0-9]{32}$/);
  await press("Yes, I saved my token");
  await heading("API tokens of shop");
  assert.ok(tokenOf("changed").former_secret_until > Date.now() / 1000 + 3000);
});

test("revoking names what stops, and can be called off", async () => {
  run("token", "create", "shop", "to-revoke", "--acl", "email");
  await signIn();
  await page.getByRole("link", { name: "Manage to-revoke" }).click();
  await press("Revoke the token");
  const dialog = page.getByRole("dialog");
  await dialog.getByText("to-revoke").first().waitFor();
  await press("Cancel", dialog);
  assert.equal(tokenOf("to-revoke").name, "to-revoke");
  await press("Revoke the token");
  await press("Yes, revoke the token", dialog);
  await said("Token “to-revoke” is revoked.");
  assert.throws(() => tokenOf("to-revoke"));
});

test("selected tokens go, then all", async () => {
  await signIn("bulk");
  assert.deepEqual(await names(), ["one", "three", "two"]);
  assert.ok(await page.getByRole("button", { name: "Revoke selected" }).isDisabled());
  await page.getByLabel("Select one").check();
  await page.getByLabel("Select two").check();
  await press("Revoke selected (2)");
  const dialog = page.getByRole("dialog");
  assert.deepEqual(await dialog.locator("li strong").allTextContents(), ["one", "two"]);
  await press("Revoke 2 tokens", dialog);
  await said("2 tokens are revoked.");
  assert.deepEqual(json("token", "list", "bulk").map(({ name }) => name), ["three"]);
  run("token", "create", "bulk", "four", "--acl", "email");
  await press("Refresh");
  await said("The list is up to date.");
  await page.getByLabel("Select all tokens").check();
  assert.equal(await page.locator("tbody input:checked").count(), 2);
  await press("Revoke all");
  await press("Revoke 2 tokens", dialog);
  await page.getByText("There are no tokens yet.").waitFor();
  assert.deepEqual(json("token", "list", "bulk"), []);
});

test("by keyboard alone", async () => {
  await signIn();
  const to = async (words) => {
    for (let i = 0; i < 60; ++i) {
      await page.keyboard.press("Tab");
      const now = await page.evaluate(() => {
        const it = document.activeElement;
        return `${it.getAttribute("aria-label") ?? ""} ${it.labels?.[0]?.textContent ?? ""} ${it.textContent}`;
      });
      if (words.test(now)) return;
    }
    assert.fail(`${words} is not reached`);
  };
  await to(/Create token/);
  await page.keyboard.press("Enter");
  await heading("Create a token for shop");
  await to(/Name/);
  await page.keyboard.type("by-keyboard");
  await to(/^ *dns/);
  await page.keyboard.press("Space");
  await to(/Create token/);
  await page.keyboard.press("Enter");
  await heading("Token “by-keyboard” is ready");
  await to(/I saved/);
  await page.keyboard.press("Enter");
  await heading("API tokens of shop");
  assert.deepEqual(tokenOf("by-keyboard").acls, ["dns"]);
  await to(/Revoke all/);
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
});

test("an administrator chooses accounts, suspends them, switches tokens off", async () => {
  await signIn("admin", "--service", "whm");
  await page.getByRole("link", { name: "Accounts" }).click();
  await heading("Accounts");
  const row = page.locator("tr", { has: page.getByRole("rowheader", { name: "client", exact: true }) });
  await row.getByRole("button", { name: /^Suspend/ }).click();
  await press("Suspend client", page.getByRole("dialog"));
  await said("client is suspended.");
  assert.equal(json("account", "show", "client").active, false);
  await row.getByRole("button", { name: /^Unsuspend/ }).click();
  await said("client is active again.");
  await row.getByRole("button", { name: /^Tokens off/ }).click();
  await press("Switch tokens off", page.getByRole("dialog"));
  await said("Tokens of client are off.");
  assert.equal(json("account", "show", "client").tokens_enabled, false);
  await row.getByRole("button", { name: /^Tokens on/ }).click();
  await said("Tokens of client work again.");
  await row.getByRole("button", { name: /^Show tokens/ }).click();
  await heading("API tokens of client");
  await page.getByRole("link", { name: "Create token" }).click();
  await page.getByLabel("Name", { exact: true }).fill("made-by-admin");
  await page.getByLabel("email", { exact: true }).check();
  await press("Create token");
  await heading("Token “made-by-admin” is ready");
  assert.deepEqual(tokenOf("made-by-admin", "client").acls, ["email"]);
});

test("logging out ends the session for good", async () => {
  await signIn();
  const cookies = await context.cookies();
  await press("Log out");
  await heading("You are not signed in");
  await context.addCookies(cookies);
  await page.reload();
  await heading("You are not signed in");
});

test("a call that the page itself did not send is refused", async () => {
  await signIn();
  const status = (options) => page.evaluate(async (init) => (await fetch("api/tokens", { method: "POST", body: "{}", ...init })).status, options);
  assert.equal(await status({ headers: { "Content-Type": "application/json", "X-Tokengate-Page": "1" } }), 200);
  assert.equal(await status({ headers: { "Content-Type": "application/json" } }), 403);
  assert.equal(await status({ headers: { "Content-Type": "text/plain", "X-Tokengate-Page": "1" } }), 403);
  complaints = [];
});

for (const scheme of ["light", "dark"]) {
  for (const width of [1200, 380]) {
    test(`every view is accessible: ${scheme}, ${width} pixels`, async () => {
      await context.close();
      await open({ colorScheme: scheme, viewport: { width, height: 800 } });
      await signIn("many");
      const views = {
        list: () => page.goto(PAGE_URL + "#/"),
        create: () => page.goto(PAGE_URL + "#/create"),
        manage: () => page.goto(PAGE_URL + "#/token/ends-soon"),
        revoke: async () => { await page.goto(PAGE_URL + "#/"); await press("Revoke all"); },
      };
      for (const [name, show] of Object.entries(views)) {
        await show();
        await page.locator("h1").waitFor();
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => globalThis.axe.run());
        assert.deepEqual(violations.map(({ id, nodes }) => `${name}: ${id}: ${nodes[0].html}`), []);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(overflow <= 0, `${name}: nothing sticks out of the window`);
      }
      await context.close();
      await open({ colorScheme: scheme, viewport: { width, height: 800 } });
      await signIn("admin", "--service", "whm");
      await page.goto(PAGE_URL + "#/accounts");
      await heading("Accounts");
      await page.evaluate(axe);
      assert.deepEqual((await page.evaluate(() => globalThis.axe.run())).violations.map(({ id }) => id), []);
    });
  }
}

test("the pictures of README", { skip: !PAGE_SHOTS }, async () => {
  run("account", "rename", "shop", "other-shop");
  run("account", "rename", "picture", "shop");
  for (const scheme of ["light", "dark"]) {
    await context.close();
    await open({ colorScheme: scheme, viewport: { width: 1100, height: 560 } });
    await signIn("shop");
    await page.screenshot({ path: `${PAGE_SHOTS}/page-${scheme}.png` });
  }
});
