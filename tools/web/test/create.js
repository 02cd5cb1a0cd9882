// Making a token, and the one time that its secret is shown.
import assert from "node:assert/strict";
import { test } from "node:test";
import { day } from "../src/time.js";
import { endOf, field, follow, heading, page, press, problemAt, said, signIn, tokenNames, tokenOf, typeDay, visit, ZONE } from "./browser.js";

const inAYear = () => day(Date.now() / 1000, ZONE, 1);

test("a token with one permission is made, shown once, and works as it says", async () => {
  await signIn();
  const possible = [inAYear()];
  await follow("Create token");
  await heading("Create a token for shop");
  possible.push(inAYear());
  const name = field("Name");
  await name.fill("no blanks");
  await page.getByText("Use 1 to 50 of the letters").waitFor();
  await name.fill("existing");
  await page.getByText("There is a token “existing” already.").waitFor();
  assert.ok(await page.getByRole("button", { name: "Create token" }).isDisabled());
  await name.fill("from-page");
  assert.equal(await page.locator(".groups input:checked").count(), 0, "nothing is ticked by itself");
  const preset = await page.getByLabel("Last day").inputValue();
  assert.ok(possible.includes(preset), `${preset} is one year ahead, by the server's calendar`);
  await page.getByText(`It works until 23:59:59 of that day, in the server's time zone (${ZONE}).`).waitFor();
  await press("Create token");
  await page.locator(".problem").first().waitFor();
  assert.ok(!tokenNames("shop").includes("from-page"), "nothing was made without a permission");
  await field("email").check();
  await page.getByLabel("Read only").check();
  await page.getByLabel("Addresses that may use it").fill("192.0.2.0/24\n2001:db8::/32");
  await page.getByLabel("Note").fill("<img src=x onerror=document.title='owned'>");
  await press("Create token");
  await heading("Token “from-page” is ready");
  const secret = await page.locator("#secret").textContent();
  assert.match(secret, /^[A-Z0-9]{32}$/);
  await page.getByText(`It ends ${preset} 23:59 (${ZONE}).`).waitFor();
  await press("Copy");
  await said("Copied.");
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), secret);
  await press("Yes, I saved my token");
  await heading("API tokens of shop");
  assert.ok(!(await page.content()).includes(secret), "the secret is gone");
  await page.getByText("<img src=x onerror").waitFor();
  assert.equal(await page.title(), "API tokens");
  const made = tokenOf("from-page");
  assert.deepEqual([made.acls, made.full_access, made.read_only, made.addresses, made.expires],
    [["email"], false, true, ["192.0.2.0/24", "2001:db8::/32"], endOf(preset)]);
});

test("a date is typed, and the result says when the token ends", async () => {
  assert.equal(day(Date.UTC(2028, 1, 29, 12) / 1000, "UTC", 1), "2029-02-28", "a year after the 29th of February");
  assert.equal(day(Date.UTC(2027, 11, 31, 20) / 1000, ZONE, 1), "2029-01-01", "when it is already next year there");
  await signIn();
  await visit("create", "Create a token for shop");
  await field("Name").fill("typed-date");
  await field("dns").check();
  const last = page.getByLabel("Last day");
  await typeDay(last, "2020-02-29");
  assert.equal(await last.inputValue(), "2020-02-29");
  await press("Create token");
  assert.ok(await last.evaluate((box) => box.validity.rangeUnderflow && box === document.activeElement), "a day that is over is refused");
  await page.getByLabel("It will not expire").check();
  await last.waitFor({ state: "detached" });
  await page.getByLabel("It ends on a date").check();
  await typeDay(last, "2031-03-09");
  await press("Create token");
  await heading("Token “typed-date” is ready");
  await page.getByText(`It ends 2031-03-09 23:59 (${ZONE}).`).waitFor();
  assert.equal(tokenOf("typed-date").expires, endOf("2031-03-09"));
});

test("everything is a choice of its own, sensitive permissions warn, and another token can follow", async () => {
  await signIn();
  await visit("create", "Create a token for shop");
  await field("Name").fill("everything");
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
  assert.equal(await field("Name").inputValue(), "");
  const made = tokenOf("everything");
  assert.deepEqual([made.full_access, made.expires], [true, null]);
});

test("what the server refuses is told at the field, and what was typed stays", async () => {
  await signIn();
  await visit("create", "Create a token for shop");
  await field("Name").fill("refused");
  await field("dns").check();
  const addresses = page.getByLabel("Addresses that may use it");
  for (const [typed, words] of [["192.0.2.1/8", /192\.0\.2\.1\/8/], [Array.from({ length: 101 }, (_, i) => `192.0.2.${i}`).join("\n"), /100/]]) {
    await addresses.fill(typed);
    await press("Create token");
    await problemAt(addresses).filter({ hasText: words }).waitFor();
    assert.equal(await addresses.inputValue(), typed);
  }
  assert.ok(await field("dns").isChecked());
  assert.ok(!tokenNames("shop").includes("refused"));
});
