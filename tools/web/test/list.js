// The list: what its rows say, and how a token is found.
import assert from "node:assert/strict";
import { test } from "node:test";
import { callWith, field, follow, heading, listed, names, open, page, press, rowOf, run, said, signIn, tokenOf, until } from "./browser.js";

const cells = (name) => rowOf(name).locator("[data-label]").evaluateAll((all) =>
  Object.fromEntries(all.map((cell) => [cell.dataset.label, cell.innerText.replace(/\s+/g, " ")])));
const sortBy = (column) => page.getByRole("columnheader", { name: column }).getByRole("button").click();
const sortedBy = (column, direction) => page.locator(`th[aria-sort=${direction}]`, { hasText: column }).waitFor();

test("a row says all there is to know, in the server's time zone", async () => {
  const secret = run("token", "create", "rows", "used", "--acl", "manage-api-tokens", "--address", "127.0.0.1");
  assert.equal(await callWith(secret, "rows"), 200);
  await signIn("rows");
  const columns = await page.getByRole("columnheader").evaluateAll((all) => all.map((cell) => cell.innerText.replace(/[^A-Za-z ]/g, "").trim()));
  assert.deepEqual(columns, ["", "Name", "Created", "Expires", "Last used", "Permissions", "Addresses", "Manage"]);
  // Created and ended at half past one in the night there, when it was the day before in UTC and in the browser's zone.
  assert.deepEqual(await cells("a-full-row"), {
    Name: "a-full-row for the <b>bookkeeper</b>",
    Created: "2024-01-06",
    Expires: "2041-07-01",
    "Last used": "not seen yet",
    Permissions: "dns, email (read only)",
    Addresses: "192.0.2.0/24, 2001:db8::/32",
    Manage: "Manage a-full-row",
  });
  assert.deepEqual(await cells("b-plain-row"), {
    Name: "b-plain-row",
    Created: "2023-05-17",
    Expires: "never",
    "Last used": "not seen yet",
    Permissions: "everything the account may",
    Addresses: "any",
    Manage: "Manage b-plain-row",
  });
  const used = await cells("used");
  assert.match(used["Last used"], /^(less than a minute|\d+ minutes?) ago from 127\.0\.0\.1$/);
  assert.equal(used.Addresses, "127.0.0.1");
  assert.equal((await cells("c-begins-later")).Expires, "begins 2040-02-03 04:05");
  assert.equal(await page.getByLabel("Service").count(), 0, "who came for cpanel has no other service");
});

test("every order, in both directions", async () => {
  const first = run("token", "create", "sorted", "used-first", "--acl", "manage-api-tokens");
  const last = run("token", "create", "sorted", "a-used-last", "--acl", "manage-api-tokens");
  assert.equal(await callWith(first, "sorted"), 200);
  const used = tokenOf("used-first", "sorted").use.last;
  await until(() => Math.floor(Date.now() / 1000) > used, true, "another second");
  assert.equal(await callWith(last, "sorted"), 200);
  await signIn("sorted");
  await page.getByRole("searchbox").fill("made-");
  await sortBy("Created");
  await sortedBy("Created", "ascending");
  await listed("made-z-2019", "made-a-2020", "made-m-2021");
  await sortBy("Created");
  await sortedBy("Created", "descending");
  await listed("made-m-2021", "made-a-2020", "made-z-2019");
  await sortBy("Expires");
  await sortedBy("Expires", "ascending");
  await listed("made-m-2021", "made-z-2019", "made-a-2020");
  await sortBy("Expires");
  await listed("made-a-2020", "made-z-2019", "made-m-2021");
  await sortBy("Name");
  await listed("made-a-2020", "made-m-2021", "made-z-2019");
  await sortBy("Name");
  await listed("made-z-2019", "made-m-2021", "made-a-2020");
  await page.getByRole("searchbox").fill("used");
  await sortBy("Last used");
  await sortedBy("Last used", "ascending");
  await listed("used-first", "a-used-last");
  await sortBy("Last used");
  await sortedBy("Last used", "descending");
  await listed("a-used-last", "used-first");
  await page.getByRole("searchbox").fill("");
  await until(async () => (await names()).slice(0, 2), ["a-used-last", "used-first"], "what was never used comes last");
});

test("pages of a size to choose, and a search that follows each letter", async () => {
  await signIn("many");
  const count = (wanted) => until(async () => (await names()).length, wanted, "rows");
  const place = (words) => page.getByRole("navigation", { name: "Pages" }).getByText(words, { exact: true }).waitFor();
  const can = (name, wanted) => until(() => page.getByRole("button", { name }).isEnabled(), wanted, name);
  await count(20);
  await place("1 to 20 of 27");
  await can("Previous", false);
  await press("Next");
  await place("21 to 27 of 27");
  await count(7);
  await can("Next", false);
  await press("Previous");
  await place("1 to 20 of 27");
  assert.deepEqual(await page.getByLabel("Rows").locator("option").allTextContents(), ["10", "20", "50", "100"]);
  await page.getByLabel("Rows").selectOption("10");
  await place("1 to 10 of 27");
  await press("Next");
  await press("Next");
  await place("21 to 27 of 27");
  await page.getByLabel("Rows").selectOption("50");
  await count(27);
  assert.equal(await page.getByRole("navigation", { name: "Pages" }).count(), 0);
  const search = page.getByRole("searchbox");
  await search.pressSequentially("EN");
  await count(27);
  await search.pressSequentially("D");
  await listed("ends-ago", "ends-soon");
  await search.pressSequentially("s-s");
  await listed("ends-soon");
  await search.fill("nothing like it");
  await page.getByText("No token's name contains “nothing like it”.").waitFor();
});

test("Refresh shows what was done elsewhere", async () => {
  await signIn("sorted");
  run("token", "create", "sorted", "made-elsewhere", "--acl", "email");
  await press("Refresh");
  await said("The list is up to date.");
  await rowOf("made-elsewhere").waitFor();
  run("token", "revoke", "sorted", "made-elsewhere");
  await press("Refresh");
  await rowOf("made-elsewhere").waitFor({ state: "detached" });
  await said("The list is up to date.");
  // What was told is told once.
  await follow("Create token");
  await heading("Create a token for sorted");
  await until(() => page.getByRole("status").allTextContents(), [""], "nothing is said any more");
  await follow("Cancel");
  await heading("API tokens of sorted");
  await until(() => page.getByRole("status").allTextContents(), [""], "nor is it said again");
});

test("in a narrow window each value has its column's name", async () => {
  await open({ viewport: { width: 380, height: 800 } });
  await signIn("rows");
  const named = await rowOf("a-full-row").locator("[data-label]").evaluateAll((all) =>
    all.map((cell) => getComputedStyle(cell, "::before").content.replace(/^"|: "$/g, "")));
  assert.deepEqual(named, ["Name", "Created", "Expires", "Last used", "Permissions", "Addresses", "Manage"]);
  assert.ok(await field("Select a-full-row").isVisible());
});
