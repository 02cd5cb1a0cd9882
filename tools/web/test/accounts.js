// Other accounts: found, looked at, suspended, their tokens switched off.
import assert from "node:assert/strict";
import { test } from "node:test";
import { dialog, field, follow, heading, json, listed, names, page, place, press, run, said, signIn, tokenNames, tokenOf, until, visit, warned } from "./browser.js";

const row = (name) => page.locator("tr", { has: page.getByRole("rowheader", { name, exact: true }) });
const act = (name, words) => row(name).getByRole("button", { name: words }).click();
const state = (name) => row(name).locator("[data-label=State]");
const stateIs = (name, wanted) => until(() => state(name).textContent(), wanted, "the state");

test("an administrator chooses accounts, suspends them, switches tokens off", async () => {
  await signIn("admin", "whm");
  await follow("Accounts");
  await heading("Accounts");
  const search = page.getByRole("searchbox");
  await search.pressSequentially("cli");
  await listed("client");
  await search.fill("nobody at all");
  await page.getByText("No account's name contains “nobody at all”.").waitFor();
  await search.fill("");
  await until(async () => (await names()).length, json("account", "list").length, "all accounts");
  await act("client", /^Suspend/);
  await dialog().getByText("All 0 tokens of client are refused from the next request on.").waitFor();
  await press("Cancel", dialog());
  await page.locator("button:focus", { hasText: "Suspend of client" }).waitFor();
  assert.equal(json("account", "show", "client").active, true);
  await act("client", /^Suspend/);
  await press("Suspend client", dialog());
  await said("client is suspended.");
  await stateIs("client", "suspended, tokens on");
  assert.equal(json("account", "show", "client").active, false);
  await act("client", /^Show tokens/);
  await heading("API tokens of client");
  await warned("This account is suspended");
  await follow("Accounts");
  await act("client", /^Unsuspend/);
  await said("client is active again.");
  assert.equal(json("account", "show", "client").active, true);
  await act("client", /^Tokens off/);
  await press("Switch tokens off", dialog());
  await said("Tokens of client are off.");
  await stateIs("client", "active, tokens off");
  assert.equal(json("account", "show", "client").tokens_enabled, false);
  // The account that is looked at is this one.
  await warned("Tokens are switched off for this account.");
  await act("client", /^Tokens on/);
  await said("Tokens of client work again.");
  await stateIs("client", "active, tokens on");
  assert.equal(await page.getByRole("alert").count(), 0);
  await act("client", /^Show tokens/);
  await heading("API tokens of client");
  await follow("Create token");
  await heading("Create a token for client");
  await field("Name").fill("made-by-admin");
  await field("email").check();
  await press("Create token");
  await heading("Token “made-by-admin” is ready");
  assert.deepEqual(tokenOf("made-by-admin", "client").acls, ["email"]);
  await press("Yes, I saved my token");
  await heading("API tokens of client");
  await page.getByText("These are the tokens of client.").waitFor();
  assert.deepEqual(await page.getByLabel("Service").locator("option").allTextContents(), ["cpanel", "whm"]);
  await press("Back to my own");
  await heading("API tokens of admin");
  assert.equal(await page.getByText("These are the tokens of").count(), 0);
});

test("an owner sees what it owns, and nothing else", async () => {
  await signIn("reseller", "whm");
  await follow("Accounts");
  await heading("Accounts");
  await listed("reseller", "owned");
  assert.equal(await row("reseller").getByRole("button", { name: /Suspend|Tokens o/ }).count(), 0, "it cannot lock itself out");
  await until(() => row("owned").locator("td").evaluateAll((cells) => cells.slice(0, 3).map((cell) => cell.textContent)),
    ["reseller", "1", "active, tokens on"], "owner, number of tokens, state");
  await act("owned", /^Show tokens/);
  await heading("API tokens of owned");
  await listed("of-owned");
  assert.equal(await page.getByLabel("Service").count(), 0, "its tokens for whm are its own affair");
  await press("Back to my own");
  await heading("API tokens of reseller");
});

test("a reload or a bookmark shows the same account, or says that it may not", async () => {
  run("token", "create", "owned", "panel", "--acl", "email");
  const own = tokenNames("reseller");
  await signIn("reseller", "whm");
  await follow("Accounts");
  await act("owned", /^Show tokens/);
  await heading("API tokens of owned");
  await follow("Manage panel");
  await heading("Token “panel”");
  await page.reload();
  await heading("Token “panel”");
  assert.equal(place(), "/owned/cpanel/token/panel");
  await page.getByText("These are the tokens of owned.").waitFor();
  await page.getByLabel("Everything owned has, now and later").waitFor();
  await press("Revoke the token");
  await press("Yes, revoke the token", dialog());
  await said("Token “panel” is revoked.");
  assert.deepEqual([tokenNames("reseller"), tokenNames("owned")], [own, ["of-owned"]]);
  await visit("token/panel", "Token “panel”");
  await warned("owned has no token “panel” for cpanel, or no longer.");
  await follow("Back to the list");
  await heading("API tokens of owned");
  await page.goto(page.url().replace(/#.*/, "#/client/cpanel/token/existing"));
  await warned("There is no account “client” that you may act on.");
  await follow("My own tokens");
  await heading("API tokens of reseller");
  assert.equal(place(), "/reseller/whm");
});

test("who came for cpanel has no accounts to choose from", async () => {
  await signIn("reseller", "cpanel");
  assert.equal(await page.getByRole("link", { name: "Accounts" }).count(), 0);
  await page.goto(page.url().replace(/#.*/, "#/accounts"));
  await heading("API tokens of reseller");
});
