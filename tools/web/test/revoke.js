// Ending tokens: one, the ticked ones, all; and what these made.
import assert from "node:assert/strict";
import { test } from "node:test";
import { callWith, dialog, field, follow, heading, listed, page, press, rowOf, run, said, signIn, stopping, tokenNames, tokenOf, until } from "./browser.js";

const ticked = (wanted) => until(() => page.locator("tbody input:checked").count(), wanted, "ticked");

test("revoking names what stops, and can be called off", async () => {
  run("token", "create", "shop", "to-revoke", "--acl", "email", "--read-only");
  await signIn();
  await follow("Manage to-revoke");
  await heading("Token “to-revoke”");
  await press("Revoke the token");
  await dialog().getByText("to-revoke: email (read only); last used: not seen yet").waitFor();
  assert.equal(await dialog().getByRole("checkbox").count(), 0, "it made none");
  await press("Cancel", dialog());
  await dialog().waitFor({ state: "detached" });
  assert.ok(tokenNames("shop").includes("to-revoke"));
  await page.locator("button:focus", { hasText: "Revoke the token" }).waitFor();
  await press("Revoke the token");
  await press("Yes, revoke the token", dialog());
  await said("Token “to-revoke” is revoked.");
  await heading("API tokens of shop");
  assert.ok(!tokenNames("shop").includes("to-revoke"));
});

test("selected tokens go, then all", async () => {
  await signIn("bulk");
  await listed("one", "three", "two");
  assert.ok(await page.getByRole("button", { name: "Revoke selected" }).isDisabled());
  await field("Select one").check();
  await field("Select two").check();
  await press("Revoke selected (2)");
  await stopping("one", "two");
  await press("Revoke 2 tokens", dialog());
  await said("2 tokens are revoked.");
  await listed("three");
  assert.deepEqual(tokenNames("bulk"), ["three"]);
  run("token", "create", "bulk", "four", "--acl", "email");
  await press("Refresh");
  await listed("four", "three");
  const all = page.getByLabel("Select all tokens");
  await all.check();
  await ticked(2);
  await field("Select four").uncheck();
  await until(() => all.isChecked(), false, "not all");
  await all.check();
  await all.uncheck();
  await ticked(0);
  // Only what can be seen goes by a tick.
  await all.check();
  await page.getByRole("searchbox").fill("four");
  await press("Revoke selected (1)");
  await stopping("four");
  await press("Cancel", dialog());
  await page.getByRole("searchbox").fill("");
  await press("Revoke selected (2)");
  // What is made while the question stands is not in it, and stays.
  run("token", "create", "bulk", "meanwhile", "--acl", "email");
  await press("Revoke 2 tokens", dialog());
  await listed("meanwhile");
  assert.deepEqual(tokenNames("bulk"), ["meanwhile"]);
  run("token", "create", "bulk", "five", "--acl", "email");
  await press("Refresh");
  await listed("five", "meanwhile");
  await press("Revoke all");
  await stopping("five", "meanwhile");
  await press("Revoke 2 tokens", dialog());
  await page.getByText("There are no tokens yet.").waitFor();
  assert.deepEqual(tokenNames("bulk"), []);
  assert.ok(await page.getByRole("button", { name: "Revoke all" }).isDisabled());
});

test("what a token made goes with it, or stays", async () => {
  await signIn("family");
  await follow("Manage b-child");
  await heading("Token “b-child”");
  await page.getByText("Made by the token").waitFor();
  await press("Revoke the token");
  await stopping("b-child", "c-grandchild");
  await dialog().getByLabel("Also the token that it made").uncheck();
  await stopping("b-child");
  await press("Cancel", dialog());
  await page.getByRole("link", { name: "Back to the list" }).click();
  await heading("API tokens of family");
  await field("Select a-parent").check();
  await press("Revoke selected (1)");
  await stopping("a-parent", "b-child", "c-grandchild");
  await dialog().getByLabel("Also the 2 tokens that it made").uncheck();
  await stopping("a-parent");
  await press("Yes, revoke the token", dialog());
  await said("Token “a-parent” is revoked.");
  assert.deepEqual(tokenNames("family"), ["b-child", "c-grandchild", "d-other"]);
  await follow("Manage b-child");
  await heading("Token “b-child”");
  await page.getByText(/^#\d+, which is gone$/).waitFor();
  await press("Revoke the token");
  await stopping("b-child", "c-grandchild");
  await press("Revoke 2 tokens", dialog());
  await said("2 tokens are revoked.");
  await listed("d-other");
  assert.deepEqual(tokenNames("family"), ["d-other"]);
});

test("what a token made while the question stood is asked about, once", async () => {
  const secret = run("token", "create", "family", "a-maker", "--acl", "manage-api-tokens", "--acl", "email");
  const make = async (name) => assert.equal(await callWith(secret, "family", `create_limited?name=${name}&features=email`), 200);
  await signIn("family");
  await follow("Manage a-maker");
  await heading("Token “a-maker”");
  await press("Revoke the token");
  await stopping("a-maker");
  await make("b-made");
  await press("Yes, revoke the token", dialog());
  await dialog().getByRole("alert").filter({ hasText: "Nothing was revoked: what it would end made more meanwhile, “b-made”." }).waitFor();
  await stopping("a-maker", "b-made");
  await dialog().getByLabel("Also the token that it made, and what is made until then").waitFor();
  assert.deepEqual(tokenNames("family"), ["a-maker", "b-made", "d-other"]);
  await make("c-made");
  await press("Revoke 2 tokens", dialog());
  await said("3 tokens are revoked.");
  assert.deepEqual(tokenNames("family"), ["d-other"]);
});

test("another token that took the name is left alone", async () => {
  run("token", "create", "family", "e-taken", "--acl", "email");
  await signIn("family");
  await field("Select e-taken").check();
  await press("Revoke selected (1)");
  run("token", "revoke", "family", "e-taken");
  run("token", "create", "family", "e-taken", "--acl", "dns");
  await press("Yes, revoke the token", dialog());
  await dialog().getByRole("alert").filter({ hasText: "“e-taken” is another token by now" }).waitFor();
  await press("Cancel", dialog());
  await press("Refresh");
  await rowOf("e-taken").getByText("dns").waitFor();
  assert.equal(await page.locator("tbody input:checked").count(), 0, "nor is it ticked");
  await follow("Manage e-taken");
  await heading("Token “e-taken”");
  run("token", "revoke", "family", "e-taken");
  run("token", "create", "family", "e-taken", "--acl", "email");
  await page.getByLabel("Note").fill("for the other one");
  for (const [form, button] of [["Permissions and limits", "Save"], ["Rotate", "Make a new secret for “e-taken”"]]) {
    await press(button);
    await page.getByRole("form", { name: form }).getByRole("alert").filter({ hasText: "another token by now" }).waitFor();
  }
  await page.getByLabel("New name").fill("e-renamed");
  await press("Rename");
  await page.getByRole("form", { name: "Rename" }).getByRole("alert").filter({ hasText: "another token by now" }).waitFor();
  const { acls, note } = tokenOf("e-taken", "family");
  assert.deepEqual([acls, note], [["email"], ""]);
  run("token", "revoke", "family", "e-taken");
});

test("a refusal stays in the dialog", async () => {
  run("token", "create", "family", "gone-meanwhile", "--acl", "email");
  await signIn("family");
  await field("Select gone-meanwhile").check();
  await press("Revoke selected (1)");
  run("token", "revoke", "family", "gone-meanwhile");
  await press("Yes, revoke the token", dialog());
  await dialog().getByRole("alert").filter({ hasText: "gone-meanwhile" }).waitFor();
  await press("Cancel", dialog());
  await press("Refresh");
  await listed("d-other");
});
