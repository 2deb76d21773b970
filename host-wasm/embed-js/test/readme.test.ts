/** What the README shows is what runs here. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { Relay } from "./relay.js";
import { directory } from "./stage.js";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

test("the README's example is a program that works", async (test) => {
  const readme = readFileSync(at("../../README.md"), "utf8");
  const example = readFileSync(at("../../test/example.ts"), "utf8");
  const shown = /```ts\n([^]*?)```/.exec(readme)?.[1];
  assert.equal(shown, example);

  const relay = await new Relay().start();
  test.after(() => relay.stop());
  // Beside the compiled one, since it imports the package by its name.
  const program = at(`example-${process.pid}.js`);
  const compiled = readFileSync(at("example.js"), "utf8")
    .replace("http://localhost:4850/api/mcp", relay.endpoint)
    .replace("/var/lib/runner/agent-7", join(directory(test), "data"));
  assert.ok(compiled.includes(relay.endpoint) && !compiled.includes("/var/lib"));
  writeFileSync(program, compiled);
  const env = { ...process.env, RELAY_TOKEN: "the-token" };
  const { stdout } = await promisify(execFile)(process.execPath, [program], { env });
  assert.match(stdout, /^http:\/\/127\.0\.0\.1:\d+\/mcp \[[^]*"?relay_workspace_ready"?[^]*\] 0\n$/);
  assert.ok(relay.arrived.length > 0 && relay.arrived.every(({ token }) => token === "the-token"));
});
