// Everything by the keyboard alone.
import assert from "node:assert/strict";
import { test } from "node:test";
import { dialog, endOf, heading, json, listed, page, run, said, signIn, stopping, tokenNames, tokenOf, until } from "./browser.js";

/** Presses Tab until what has the focus is called so. */
async function to(words) {
  let now;
  for (let i = 0; i < 60; ++i) {
    await page.keyboard.press("Tab");
    now = await page.evaluate(() => {
      const it = document.activeElement;
      return `${it.getAttribute("aria-label") ?? ""} ${it.labels?.[0]?.textContent ?? ""} ${it.textContent}`.trim();
    });
    if (words.test(now)) return;
  }
  assert.fail(`${words} is not reached; the last was ${now}`);
}
const key = (name) => page.keyboard.press(name);
const type = (text) => page.keyboard.type(text);
const focused = (words) => page.locator("button:focus", { hasText: words }).waitFor();

test("by keyboard alone: make a token", async () => {
  await signIn("keys");
  await to(/^Create token/);
  await key("Enter");
  await heading("Create a token for keys");
  await to(/^Name/);
  await type("by-keyboard");
  await to(/^dns/);
  await key("Space");
  await to(/^Create token/);
  await key("Enter");
  await heading("Token “by-keyboard” is ready");
  await to(/I saved/);
  await key("Enter");
  await heading("API tokens of keys");
  assert.deepEqual(tokenOf("by-keyboard", "keys").acls, ["dns"]);
  await to(/^Revoke all/);
  await key("Enter");
  await dialog().waitFor();
  await key("Escape");
  await dialog().waitFor({ state: "detached" });
  await focused("Revoke all");
  assert.ok(tokenNames("keys").includes("by-keyboard"));
});

test("by keyboard alone: find, tick, change and revoke tokens", async () => {
  for (const name of ["one", "two", "three"]) run("token", "create", "keys", `key-${name}`, "--acl", "email");
  await signIn("keys");
  await to(/^Search/);
  await type("key-");
  await listed("key-one", "key-three", "key-two");
  await to(/^Expires/);
  await key("Enter");
  await page.locator("th[aria-sort=ascending]", { hasText: "Expires" }).waitFor();
  await to(/^Select key-three/);
  await key("Space");
  await key("Shift+Tab");
  await until(() => page.evaluate(() => document.activeElement.textContent), "Manage key-one", "the way back");
  await key("Enter");
  await heading("Token “key-one”");
  await to(/^New name/);
  await key("Control+A");
  await type("key-renamed");
  await key("Enter");
  await said("The token is called “key-renamed” now.");
  await to(/^files/);
  await key("Space");
  await to(/^It ends on a date|^It will not expire/);
  await key("ArrowDown");
  await until(() => page.getByLabel("It ends on a date").isChecked(), true, "an end");
  await to(/^Last day/);
  await type("06302033");
  await to(/^Addresses/);
  await type("192.0.2.9");
  await to(/^Save/);
  await key("Enter");
  await said("Token “key-renamed” is changed.");
  const { acls, addresses, expires } = tokenOf("key-renamed", "keys");
  assert.deepEqual([acls.sort(), addresses, expires], [["email", "files"], ["192.0.2.9"], endOf("2033-06-30")]);
  await to(/^The former secret ends/);
  await type("at once");
  await to(/^Make a new secret/);
  await key("Enter");
  await heading("Token “key-renamed” is ready");
  await to(/I saved/);
  await key("Enter");
  await heading("API tokens of keys");
  await to(/^Manage key-renamed/);
  await key("Enter");
  await heading("Token “key-renamed”");
  await to(/^Revoke the token/);
  await key("Enter");
  await stopping("key-renamed");
  await focused("Cancel");
  await to(/^Yes, revoke the token/);
  await key("Enter");
  await heading("API tokens of keys");
  assert.ok(!tokenNames("keys").includes("key-renamed"));
});

test("by keyboard alone: find an account, suspend it, look at its tokens", async () => {
  await signIn("admin", "whm");
  await to(/^Accounts/);
  await key("Enter");
  await heading("Accounts");
  await to(/^Search/);
  await type("keys");
  await listed("keys");
  for (const [button, confirm, told] of [
    [/^Suspend/, "Suspend keys", "keys is suspended."], [/^Unsuspend/, null, "keys is active again."],
    [/^Tokens off/, "Switch tokens off", "Tokens of keys are off."], [/^Tokens on/, null, "Tokens of keys work again."],
  ]) {
    await to(button);
    await key("Enter");
    if (confirm) {
      await focused("Cancel");
      await key("Tab");
      await focused(confirm);
      await key("Enter");
      await dialog().waitFor({ state: "detached" });
    }
    await said(told);
  }
  const { active, tokens_enabled } = json("account", "show", "keys");
  assert.deepEqual([active, tokens_enabled], [true, true]);
  await to(/^Show tokens of keys/);
  await key("Enter");
  await heading("API tokens of keys");
  await to(/^Back to my own/);
  await key("Enter");
  await heading("API tokens of admin");
});
