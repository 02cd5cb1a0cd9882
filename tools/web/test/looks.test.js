// What is the same whatever server is in front: what the list shows, the variant for whm, colours, the keyboard alone,
// and what axe-core has to say on each view and dialog.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import "./keyboard.js";
import "./list.js";
import "./whm.js";
import { dialog, field, follow, forgetComplaints, heading, impatient, link, open, page, press, rowOf, signIn, visit } from "./browser.js";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What a person would call the colour behind the cells of a row. */
async function colourOf(name) {
  const backs = await rowOf(name).locator("td, th").evaluateAll((cells) => cells.map((cell) => getComputedStyle(cell).backgroundColor));
  assert.equal(new Set(backs).size, 1, `one colour in the whole row of ${name}`);
  const [red, green, blue, alpha = 1] = backs[0].match(/[\d.]+/g).map(Number);
  if (alpha === 0 || Math.max(red, green, blue) - Math.min(red, green, blue) < 20) return "plain";
  const hue = red >= Math.max(green, blue) ? (60 * (green - blue)) / (red - Math.min(green, blue)) : NaN;
  return hue > 35 && hue < 65 ? "yellow" : Math.abs(hue) < 15 ? "red" : `hue ${hue}`;
}

/** The sign and the words in a row, or null. */
async function markOf(name) {
  const mark = rowOf(name).locator(".mark");
  if (await mark.count() === 0) return null;
  const box = await mark.locator("svg").boundingBox();
  assert.ok(box.width > 10 && box.height > 10, "the sign can be seen");
  return [await mark.locator("path").getAttribute("d"), (await mark.textContent()).trim()];
}

for (const colorScheme of ["light", "dark"]) {
  test(`rows near their end are yellow, ended ones red, each with a sign and words: ${colorScheme}`, async () => {
    await open({ colorScheme });
    await signIn("marks");
    const seen = {};
    for (const name of ["ends-in-10", "ends-in-31", "has-ended", "never-ends"]) seen[name] = [await colourOf(name), await markOf(name)];
    const { "ends-in-10": [soon, [soonSign, soonWords]], "has-ended": [ended, [endedSign, endedWords]] } = seen;
    assert.deepEqual([soon, ended], ["yellow", "red"]);
    // The daemon's clock may have gone on since the token was made to end in ten days.
    assert.match(soonWords, /^ends in (9|10) days$/);
    assert.equal(endedWords, "has ended");
    assert.notEqual(soonSign, endedSign);
    assert.deepEqual([seen["ends-in-31"], seen["never-ends"]], [["plain", null], ["plain", null]]);
  });
}

test("how soon is soon is the daemon's setting", async () => {
  await signIn("marks", "cpanel", impatient);
  assert.deepEqual([await colourOf("ends-in-4"), await colourOf("ends-in-10"), await markOf("ends-in-10"), await colourOf("has-ended")],
    ["yellow", "plain", null, "red"]);
});

/** Shows each view and dialog in turn, as an administrator who looks at the tokens of `many`. */
const views = {
  accounts: async () => {
    await signIn("admin", "whm");
    await follow("Accounts");
    await heading("Accounts");
  },
  "accounts, suspend": () => page.getByRole("button", { name: "Suspend of many" }).click(),
  "accounts, tokens off": async () => {
    await press("Cancel", dialog());
    await page.getByRole("button", { name: "Tokens off of many" }).click();
  },
  list: async () => {
    await press("Cancel", dialog());
    await page.getByRole("button", { name: "Show tokens of many" }).click();
    await heading("API tokens of many");
  },
  "list, revoke all": () => press("Revoke all"),
  create: async () => {
    await press("Cancel", dialog());
    await visit("create", "Create a token for many");
    await field("Name").fill("existing name");
    await page.getByText("Use 1 to 50").waitFor();
  },
  secret: async () => {
    await visit("token/token-a", "Token “token-a”");
    await press("Make a new secret for “token-a”");
    await heading("Token “token-a” is ready");
  },
  manage: async () => {
    await press("Yes, I saved my token");
    await heading("API tokens of many");
    await visit("token/ends-soon", "Token “ends-soon”");
  },
  "manage, revoke": () => press("Revoke the token"),
  "list, a link": async () => {
    await press("Cancel", dialog());
    await page.goto(link("shop"));
  },
  gone: async () => {
    await press("Cancel", dialog());
    await visit("token/gone", "Token “gone”");
  },
  failed: async () => {
    await visit("token/ends-soon", "Token “ends-soon”");
    await page.route("**/api/tokens", (route) => route.abort());
    await page.reload();
    await page.getByRole("alert").filter({ hasText: "The server could not be reached." }).waitFor();
    forgetComplaints();
  },
  "signed out": async () => {
    await page.unroute("**/api/tokens");
    await press("Try again");
    await heading("Token “ends-soon”");
    await press("Log out");
    await heading("You are not signed in");
  },
};

test("every view and dialog is accessible: light and dark, wide and narrow", async () => {
  for (const [name, show] of Object.entries(views)) {
    await page.setViewportSize({ width: 1200, height: 800 });
    await show();
    if (name.includes(",")) await page.getByRole("dialog", { name: /^(Suspend|Switch|Revoke|Sign in) .*\?$/ }).waitFor();
    await page.evaluate(axe);
    for (const width of [1200, 380]) {
      await page.setViewportSize({ width, height: 800 });
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        // Of all that axe looks at, only contrast is another in the dark.
        const rules = colorScheme === "dark" ? { runOnly: ["color-contrast"] } : {};
        const { violations } = await page.evaluate((options) => globalThis.axe.run(options), rules);
        assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), [], `${name}: ${colorScheme}, ${width} pixels`);
      }
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `${name}: nothing sticks out of a window of ${width} pixels`);
    }
  }
});
