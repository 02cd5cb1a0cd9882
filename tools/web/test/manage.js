// One token: renamed, changed, rotated.
import assert from "node:assert/strict";
import { test } from "node:test";
import { callWith, endOf, field, follow, heading, page, press, problemAt, run, said, signIn, tokenOf, typeDay, until, visit } from "./browser.js";

const fact = (name) => page.locator("dt", { hasText: name }).locator("xpath=following-sibling::dd[1]");
const saved = async (name) => {
  await press("Save");
  await said(`Token “${name}” is changed.`);
};

test("a token is renamed, and its secret stays", async () => {
  const secret = run("token", "create", "shop", "to-rename", "--acl", "manage-api-tokens");
  await signIn();
  await follow("Manage to-rename");
  await heading("Token “to-rename”");
  const before = tokenOf("to-rename");
  const name = page.getByLabel("New name");
  const button = page.getByRole("button", { name: "Rename", exact: true });
  assert.equal(await name.inputValue(), "to-rename");
  assert.ok(await button.isDisabled(), "not to the name that it has");
  for (const [wrong, words] of [["existing", "There is a token “existing” already."], ["a b", "Use 1 to 50"]]) {
    await name.fill(wrong);
    await problemAt(name).filter({ hasText: words }).waitFor();
    assert.ok(await button.isDisabled());
  }
  // One that the page does not know of yet.
  run("token", "create", "shop", "taken-meanwhile", "--acl", "email");
  await name.fill("taken-meanwhile");
  await button.click();
  await problemAt(name).waitFor();
  await name.fill("renamed");
  await button.click();
  await said("The token is called “renamed” now.");
  await page.getByRole("heading", { level: 1, name: "Token “renamed”" }).waitFor();
  assert.equal(tokenOf("renamed").id, before.id);
  assert.equal(await callWith(secret), 200);
});

test("permissions, addresses, end, note and read-only are changed, each as it is told", async () => {
  // Its end is no end of a day, in any zone.
  run("token", "create", "shop", "to-change", "--acl", "email", "--expires", "2051222437", "--address", "192.0.2.7", "--note", "before");
  await signIn();
  await follow("Manage to-change");
  await heading("Token “to-change”");
  assert.deepEqual(await Promise.all([fact("May do"), fact("Last used")].map((it) => it.textContent())), ["email", "not seen yet"]);
  const addresses = page.getByLabel("Addresses that may use it");
  assert.deepEqual([await field("email").isChecked(), await field("files").isChecked(), await addresses.inputValue(), await page.getByLabel("Note").inputValue()],
    [true, false, "192.0.2.7", "before"]);
  await field("files").check();
  await field("email").uncheck();
  await page.getByLabel("Read only").check();
  await addresses.fill("198.51.100.7, 2001:db8::/48");
  await page.getByLabel("Note").fill("after");
  await saved("to-change");
  let now = tokenOf("to-change");
  assert.deepEqual([now.acls, now.read_only, now.addresses, now.note, now.expires],
    [["files"], true, ["198.51.100.7", "2001:db8::/48"], "after", 2051222437], "an end that was not touched keeps its time of day");
  await until(() => fact("May do").textContent(), "files (read only)", "the facts follow");
  await field("files").uncheck();
  await press("Save");
  await page.locator("form fieldset > .problem").waitFor();
  assert.deepEqual(tokenOf("to-change"), now, "a token without a permission is none");
  await until(() => page.getByRole("status").allTextContents(), [""], "what was said of the change before is gone");
  await field("dns").check();
  await page.getByLabel("Read only").uncheck();
  await addresses.fill("");
  await typeDay(page.getByLabel("Last day"), "2032-02-29");
  await saved("to-change");
  now = tokenOf("to-change");
  assert.deepEqual([now.acls, now.read_only, now.addresses, now.expires], [["dns"], false, [], endOf("2032-02-29")]);
  await until(() => fact("Expires").textContent(), "2032-02-29 23:59", "in the server's zone");
  await page.getByLabel("It will not expire").check();
  await page.getByLabel("Everything I have").check();
  await saved("to-change");
  now = tokenOf("to-change");
  assert.deepEqual([now.expires, now.full_access], [null, true]);
});

test("only what was touched is saved", async () => {
  run("token", "create", "shop", "shared", "--acl", "email", "--acl", "dns", "--note", "before");
  await signIn();
  await follow("Manage shared");
  await heading("Token “shared”");
  const save = page.getByRole("button", { name: "Save", exact: true });
  assert.ok(await save.isDisabled(), "nothing to save");
  // Somebody else tightens it meanwhile.
  run("token", "update", "shop", "shared", "--acl", "dns", "--read-only", "--address", "192.0.2.7", "--expires", "2051222437");
  await page.getByLabel("Note").fill("after");
  await saved("shared");
  const { acls, read_only, addresses, expires, note } = tokenOf("shared");
  assert.deepEqual([acls, read_only, addresses, expires, note], [["dns"], true, ["192.0.2.7"], 2051222437, "after"]);
  await until(() => field("email").isChecked(), false, "what it may do now is shown");
  assert.ok(await save.isDisabled(), "nothing more to save");
});

test("a token that has ended is changed without moving its end, or begins anew", async () => {
  await signIn("rows");
  await follow("Manage d-has-ended");
  await heading("Token “d-has-ended”");
  const { expires } = tokenOf("d-has-ended", "rows");
  await page.getByLabel("Note").fill("who needs it?");
  await saved("d-has-ended");
  const kept = tokenOf("d-has-ended", "rows");
  assert.deepEqual([kept.note, kept.expires], ["who needs it?", expires]);
});

test("what an account has lost can be taken from its token", async () => {
  run("account", "create", "loser", "--acl", "email", "--acl", "dns");
  run("token", "create", "loser", "kept", "--acl", "email,dns");
  run("account", "deny", "loser", "dns");
  await signIn("loser");
  await follow("Manage kept");
  await heading("Token “kept”");
  const lost = page.getByRole("group", { name: "No longer yours" });
  await lost.getByLabel("dns", { exact: true }).uncheck();
  await saved("kept");
  assert.deepEqual(tokenOf("kept", "loser").acls, ["email"]);
  await lost.waitFor({ state: "detached" });
});

test("a new secret, and the former one for a while", async () => {
  const former = run("token", "create", "shop", "to-rotate", "--acl", "manage-api-tokens");
  await signIn();
  await visit("token/to-rotate", "Token “to-rotate”");
  await page.getByLabel("The former secret ends").selectOption({ label: "in an hour" });
  const before = Math.floor(Date.now() / 1000);
  await press("Make a new secret for “to-rotate”");
  await heading("Token “to-rotate” is ready");
  const secret = await page.locator("#secret").textContent();
  assert.match(secret, /^[A-Z0-9]{32}$/);
  assert.notEqual(secret, former);
  assert.equal(await page.getByLabel("Create another token").count(), 0);
  await press("Yes, I saved my token");
  await heading("API tokens of shop");
  const until_s = tokenOf("to-rotate").former_secret_until;
  assert.ok(until_s >= before + 3600 && until_s <= Date.now() / 1000 + 3600, "in an hour");
  assert.deepEqual([await callWith(former), await callWith(secret)], [200, 200], "both work");
  await follow("Manage to-rotate");
  await fact("Former secret").getByText(/^accepted until \d{4}-\d\d-\d\d \d\d:\d\d$/).waitFor();
  await page.getByLabel("The former secret ends").selectOption({ label: "at once" });
  await press("Make a new secret for “to-rotate”");
  await heading("Token “to-rotate” is ready");
  const third = await page.locator("#secret").textContent();
  assert.deepEqual([await callWith(former), await callWith(secret), await callWith(third)], [401, 401, 200]);
});
