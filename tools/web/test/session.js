// Getting in and out.
import assert from "node:assert/strict";
import { test } from "node:test";
import { context, dialog, field, forgetComplaints, heading, link, page, place, press, run, said, signIn, tokenNames, tokenOf, until, visit, warned } from "./browser.js";

const { PAGE_URL } = process.env;

test("without a link nothing is shown, and a link works once", async () => {
  await page.goto(PAGE_URL);
  await heading("You are not signed in");
  // Pasted where the page is open: nothing but the fragment changes.
  const once = link();
  await page.goto(once);
  await heading("API tokens of shop");
  await page.reload();
  await heading("API tokens of shop");
  assert.equal(place(), "/shop/cpanel", "the key has left the address bar");
  const cookie = (await context.cookies()).find(({ name }) => name.includes("tokengate"));
  assert.deepEqual([cookie.httpOnly, cookie.secure, cookie.sameSite, cookie.path], [true, true, "Strict", "/tokengate/"]);
  await context.clearCookies();
  await page.goto("about:blank");
  await page.goto(once);
  await page.getByText("This link does not work, or no longer").waitFor();
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

test("a tab does nothing as whoever signed in by another", async () => {
  run("token", "create", "keys", "in-the-way", "--acl", "email");
  run("token", "create", "shop", "in-the-way", "--acl", "email");
  await signIn("shop");
  await field("Select in-the-way").check();
  await press("Revoke selected (1)");
  const other = await context.newPage();
  await other.goto(link("keys"));
  const question = other.getByRole("dialog", { name: "Sign in by this link instead?" });
  await question.getByText("You are signed in as shop").waitFor();
  await press("Sign in by the link", question);
  await other.locator("h1:focus", { hasText: "API tokens of keys" }).waitFor();
  await press("Yes, revoke the token", dialog());
  await warned("You are signed in as keys/cpanel now. Nothing was done");
  assert.ok(!(await page.content()).includes("in-the-way"), "nothing of the other one stays");
  assert.ok(tokenNames("keys").includes("in-the-way") && tokenNames("shop").includes("in-the-way"), "nobody's token was revoked");
  await press("Reload");
  await heading("API tokens of keys");
  // By another service is another session too.
  await other.goto(link("keys", "whm"));
  await press("Sign in by the link", question);
  await other.locator("h1:focus", { hasText: "API tokens of keys" }).waitFor();
  await press("Refresh");
  await warned("You are signed in as keys/whm now.");
  run("token", "revoke", "keys", "in-the-way");
});

test("a link that somebody else opened signs nobody out, and a secret stays only with its owner", async () => {
  const secret = run("token", "create", "shop", "shown", "--acl", "email");
  await signIn();
  await visit("token/shown", "Token “shown”");
  await press("Make a new secret for “shown”");
  await heading("Token “shown” is ready");
  const shown = await page.locator("#secret").textContent();
  assert.notEqual(shown, secret);
  assert.equal(await page.getByRole("link", { name: "API tokens" }).count(), 0, "nothing leads away from it");
  const before = page.url();
  const theirs = link("keys");
  await page.goto(theirs);
  await dialog().getByText("You are signed in as shop").waitFor();
  assert.equal(page.url(), before, "the key has left the address bar");
  await press("Cancel", dialog());
  await dialog().waitFor({ state: "detached" });
  assert.equal(await page.locator("#secret").textContent(), shown);
  await page.goto(theirs);
  await press("Sign in by the link", dialog());
  await heading("API tokens of keys");
  assert.equal(place(), "/keys/cpanel");
  assert.ok(!(await page.content()).includes(shown), "the secret has gone with its owner");
});

test("an answer that comes when somebody else has signed in is for nobody", async () => {
  run("token", "create", "shop", "late", "--acl", "email");
  let release;
  const held = new Promise((resolve) => { release = resolve; });
  await page.route("**/api/rotate", async (route) => {
    const response = await route.fetch();
    await held;
    await route.fulfill({ response });
  });
  await signIn();
  await visit("token/late", "Token “late”");
  await press("Make a new secret for “late”");
  await until(() => tokenOf("late").former_secret_until > 0, true, "the secret is made");
  await page.goto(link("keys"));
  await press("Sign in by the link", dialog());
  await heading("API tokens of keys");
  const arrived = page.waitForEvent("requestfinished", (request) => request.url().endsWith("/api/rotate"));
  release();
  await arrived;
  await press("Refresh");
  await said("The list is up to date.");
  assert.equal(await page.locator("#secret").count(), 0);
});

test("a secret does not outlast logging out", async () => {
  await signIn();
  await visit("token/existing", "Token “existing”");
  await press("Make a new secret for “existing”");
  await heading("Token “existing” is ready");
  await press("Log out");
  await heading("You are not signed in");
  await page.goto(link("keys"));
  await heading("API tokens of keys");
});

test("a call that the page itself did not send is refused", async () => {
  await signIn();
  const status = (options) => page.evaluate(async (init) => (await fetch("api/tokens", { method: "POST", body: "{}", ...init })).status, options);
  assert.equal(await status({ headers: { "Content-Type": "application/json", "X-Tokengate-Page": "1", "X-Tokengate-As": "shop/cpanel" } }), 200);
  assert.equal(await status({ headers: { "Content-Type": "application/json", "X-Tokengate-Page": "1" } }), 409);
  assert.equal(await status({ headers: { "Content-Type": "application/json" } }), 403);
  assert.equal(await status({ headers: { "Content-Type": "text/plain", "X-Tokengate-Page": "1" } }), 403);
  forgetComplaints();
});
