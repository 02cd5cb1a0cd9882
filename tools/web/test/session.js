// Getting in and out.
import assert from "node:assert/strict";
import { test } from "node:test";
import { context, forgetComplaints, heading, link, page, press, signIn } from "./browser.js";

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
  assert.equal(new URL(page.url()).hash, "#/", "the key has left the address bar");
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

test("a call that the page itself did not send is refused", async () => {
  await signIn();
  const status = (options) => page.evaluate(async (init) => (await fetch("api/tokens", { method: "POST", body: "{}", ...init })).status, options);
  assert.equal(await status({ headers: { "Content-Type": "application/json", "X-Tokengate-Page": "1" } }), 200);
  assert.equal(await status({ headers: { "Content-Type": "application/json" } }), 403);
  assert.equal(await status({ headers: { "Content-Type": "text/plain", "X-Tokengate-Page": "1" } }), 403);
  forgetComplaints();
});
