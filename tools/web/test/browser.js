// A browser before the page, and the few words that the tests of all views are written in. t/page.t starts the daemons
// and a web server, and says in the environment where they are: PAGE_URL and PAGE_SOCKET; PAGE_IMPATIENT_URL and
// PAGE_IMPATIENT_SOCKET, a daemon that marks tokens five days before their end; TOKENGATE (the command),
// TOKENGATE_STORE, and CHROMIUM.
//
// Nothing here looks once and trusts that the page is done: what a test wants to see is waited for.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, afterEach, before, beforeEach } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { chromium } from "playwright-core";

const { PAGE_URL, PAGE_IMPATIENT_URL, PAGE_SOCKET, PAGE_IMPATIENT_SOCKET, TOKENGATE, CHROMIUM } = process.env;
/** The zone of the daemon, of neither the browser nor UTC, and without summer time. */
export const ZONE = "Asia/Kolkata";
const ZONE_OFFSET = "+05:30";
const PATIENCE_MS = 60_000;

const served = { url: PAGE_URL, socket: PAGE_SOCKET };
export const impatient = { url: PAGE_IMPATIENT_URL, socket: PAGE_IMPATIENT_SOCKET };
export const origin = new URL(PAGE_URL).origin;

// The store, by the command line.

export const run = (...command) => execFileSync(TOKENGATE, command, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
export const json = (...command) => JSON.parse(run(...command, "--json"));
export const tokenOf = (name, user = "shop", service = "cpanel") => {
  const found = json("token", "list", user).find((token) => token.name === name && token.service === service);
  return found ?? assert.fail(`${user} has no token ${name}`);
};
export const tokenNames = (user) => json("token", "list", user).map(({ name }) => name);

/** The status that a script gets which calls the API with a token of the account. */
export const callWith = async (secret, user = "shop", call = "list") =>
  (await fetch(`${origin}/execute/Tokens/${call}`, { headers: { Authorization: `cpanel ${user}:${secret}` } })).status;

/** A link that opens the page once. */
export const link = (user = "shop", service = "cpanel", { url, socket } = served) =>
  url + new URL(run("login", user, "--service", service, "--socket", socket), url).hash;

/** The last second of a day of the server's. */
export const endOf = (day) => Date.parse(`${day}T23:59:59${ZONE_OFFSET}`) / 1000;

// The browser: one for all tests, and for each a context of its own, in a zone that is not the server's.

let browser;
export let context, page, complaints;

before(async () => {
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
});
after(() => browser.close());

export async function open(options = {}) {
  await context?.close();
  context = await browser.newContext({ timezoneId: "America/New_York", reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin });
  page = await context.newPage();
  complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => { if (message.type() === "error") complaints.push(message.text()); });
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !url.startsWith(impatient.url) && !url.startsWith("data:")) complaints.push(`a request to ${url}`);
  });
}
beforeEach(() => open());
afterEach(async () => {
  await context.close();
  // The browser itself notes an answer with 401 or 409.
  assert.deepEqual(complaints.filter((text) => !/status of 4(01|09)/.test(text)), [], "no error, no violation of the policy, no other host");
});

/** For a test that makes the browser complain, and has seen that it did. */
export const forgetComplaints = () => { complaints = []; };

/** Looks until it sees what is wanted, or has looked long enough. */
export async function until(look, wanted, words) {
  for (const end = Date.now() + PATIENCE_MS; ;) {
    const seen = await look();
    if (isDeepStrictEqual(seen, wanted)) return;
    if (Date.now() > end) assert.deepEqual(seen, wanted, words);
    await pause(20);
  }
}

// The page.

/** A view has appeared when its heading has taken the focus. */
export const heading = (name) => page.locator("h1:focus", { hasText: name }).waitFor();
export const signIn = async (...who) => {
  await page.goto(link(...who));
  await heading("API tokens of");
};
/** What follows the fragment's `#` now. */
export const place = () => new URL(page.url()).hash.slice(1);
/** Goes to a view of the account and service that are shown. */
export const visit = async (view, name) => {
  const [, user, service] = place().split("/");
  await page.goto(`${page.url().replace(/#.*/, "")}#/${user}/${service}/${view}`);
  await heading(name);
};
export const press = (name, within = page) => within.getByRole("button", { name, exact: true }).click();
export const follow = (name) => page.getByRole("link", { name, exact: true }).click();
export const said = (words) => page.getByRole("status").filter({ hasText: words }).waitFor();
export const warned = (words) => page.getByRole("alert").filter({ hasText: words }).waitFor();
export const dialog = () => page.getByRole("dialog");
export const field = (label) => page.getByLabel(label, { exact: true });
/** What is wrong with a field, when something is. */
export const problemAt = (input) => page.locator(".field", { has: input }).locator(".problem");

/** The names in the list, in its order. */
export const names = () => page.locator("tbody th").evaluateAll((cells) => cells.map((cell) => cell.firstChild.textContent));
export const listed = (...wanted) => until(names, wanted, "the list");
export const rowOf = (name) => page.getByRole("row").filter({ has: page.getByRole("link", { name: `Manage ${name}`, exact: true }) });
/** The tokens that a dialog says will stop working. */
export const stopping = (...wanted) => until(() => dialog().locator("li strong").allTextContents(), wanted, "what stops working");

/** Types a day into a date box as a person does: month, day and year, in the order of this browser's language. */
export async function typeDay(box, day) {
  const [year, month, date] = day.split("-");
  await box.focus();
  await page.keyboard.type(month + date + year);
}
