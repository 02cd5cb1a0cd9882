// Makes the pictures of README, in the folder PAGE_SHOTS.
import { test } from "node:test";
import { open, page, run, signIn } from "./browser.js";

test("the pictures of README", async () => {
  run("account", "rename", "shop", "other-shop");
  run("account", "rename", "picture", "shop");
  for (const colorScheme of ["light", "dark"]) {
    await open({ colorScheme, viewport: { width: 1100, height: 560 } });
    await signIn("shop");
    await page.screenshot({ path: `${process.env.PAGE_SHOTS}/page-${colorScheme}.png` });
  }
});
