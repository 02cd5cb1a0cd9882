// The variant for the service whm: the same views, with privileges.
import assert from "node:assert/strict";
import { test } from "node:test";
import { dialog, endOf, field, follow, heading, listed, page, press, said, signIn, stopping, tokenOf, typeDay, until, ZONE } from "./browser.js";

const service = (name) => page.getByLabel("Service").selectOption(name);
const groups = () => page.locator(".groups fieldset").evaluateAll((all) => Object.fromEntries(
  all.map((group) => [group.querySelector("legend").textContent, [...group.querySelectorAll("input[type=checkbox]")].map((box) => box.labels[0].textContent)])));
const hints = () => page.locator(".acl").evaluateAll((all) => all.map((acl) => [
  acl.querySelector("label").textContent, acl.querySelector(".hint").firstChild.textContent.length > 5, acl.querySelector("span.warning")?.textContent ?? null]));

test("a token for whm is made, changed and revoked", async () => {
  await signIn("reseller", "whm");
  await listed("panel");
  await follow("Create token");
  await heading("Create a token for reseller");
  assert.deepEqual(await groups(), {
    Access: ["create-user-session", "manage-api-tokens"],
    Accounts: ["acct-summary", "cpanel-api", "edit-account", "list-accts", "passwd"],
    Server: ["clustering"],
  }, "one box for each privilege, grouped");
  assert.equal(await page.locator(".groups input:checked").count(), 0, "none is ticked by itself");
  assert.ok(await page.getByLabel("Only what I tick here").isChecked());
  const told = await hints();
  assert.ok(told.every(([, hasWords]) => hasWords), "each privilege says what it is");
  assert.deepEqual(told.filter(([, , warning]) => warning !== null).map(([name]) => name).sort(),
    ["clustering", "create-user-session", "edit-account", "manage-api-tokens", "passwd"], "a warning at each way out");
  assert.match(told.find(([name]) => name === "passwd")[2], /password/);
  await page.getByLabel("Everything I have").check();
  await page.getByText("Whoever holds this token can do all").waitFor();
  await until(groups, {}, "then nothing is left to tick");
  await page.getByLabel("Only what I tick here").check();
  await field("Name").fill("from-whm");
  await field("list-accts").check();
  await field("acct-summary").check();
  await typeDay(page.getByLabel("Last day"), "2030-12-31");
  await press("Create token");
  await heading("Token “from-whm” is ready");
  assert.match(await page.locator("#secret").textContent(), /^[A-Z0-9]{32}$/);
  await page.getByText(`It ends 2030-12-31 23:59 (${ZONE}).`).waitFor();
  await page.getByText("Authorization: whm reseller:…").waitFor();
  await press("Yes, I saved my token");
  await heading("API tokens of reseller");
  await listed("from-whm", "panel");
  const made = tokenOf("from-whm", "reseller", "whm");
  assert.deepEqual([made.acls.sort(), made.full_access, made.expires], [["acct-summary", "list-accts"], false, endOf("2030-12-31")]);

  await follow("Manage from-whm");
  await heading("Token “from-whm”");
  await field("list-accts").uncheck();
  await field("acct-summary").uncheck();
  await press("Save");
  await page.locator("form fieldset > .problem").waitFor();
  await field("passwd").check();
  await page.getByLabel("Addresses that may use it").fill("192.0.2.0/24");
  await press("Save");
  await said("Token “from-whm” is changed.");
  const changed = tokenOf("from-whm", "reseller", "whm");
  assert.deepEqual([changed.acls, changed.addresses, changed.expires], [["passwd"], ["192.0.2.0/24"], endOf("2030-12-31")]);
  await page.getByLabel("New name").fill("by-another-name");
  await press("Rename");
  await said("The token is called “by-another-name” now.");
  await press("Revoke the token");
  await stopping("by-another-name");
  await press("Yes, revoke the token", dialog());
  await said("Token “by-another-name” is revoked.");
  await listed("panel");
});

test("the service is chosen, and nothing goes along from one to the other", async () => {
  await signIn("reseller", "whm");
  assert.deepEqual(await page.getByLabel("Service").locator("option").allTextContents(), ["cpanel", "whm"]);
  assert.equal(await page.getByLabel("Service").inputValue(), "whm");
  const { id } = tokenOf("panel", "reseller", "whm");
  await field("Select panel").check();
  await page.getByRole("searchbox").fill("pan");
  await service("cpanel");
  await listed("mail", "panel");
  assert.equal(await page.locator("input:checked").count(), 0);
  await follow("Create token");
  await heading("Create a token for reseller");
  assert.deepEqual(await groups(), { Domains: ["dns"], Mail: ["email"] });
  await service("whm");
  await listed("panel");
  await service("cpanel");
  await listed("mail", "panel");
  await field("Select panel").check();
  await press("Revoke selected (1)");
  await press("Yes, revoke the token", dialog());
  await listed("mail");
  assert.equal(tokenOf("panel", "reseller", "whm").id, id, "the other one of that name stays");
});

test("who has every privilege sees each there is, with a warning at the one that is all", async () => {
  await signIn("admin", "whm");
  await follow("Create token");
  await heading("Create a token for admin");
  assert.deepEqual((await groups()).Everything, ["all"]);
  await page.locator(".acl", { has: field("all") }).locator("span.warning").waitFor();
  assert.ok((await hints()).length > 30);
});
