// Makes `dist`: the component, which cargo builds unless a file with one is named, transpiled by jco, and TypeScript
// compiled against its types.
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { transpile, writeFiles } from "@bytecodealliance/jco-transpile";

const here = fileURLToPath(new URL(".", import.meta.url));

function built() {
  const component = join(mkdtempSync(join(tmpdir(), "relay-mcp-component-")), "component.wasm");
  const cargo = ["run", "--quiet", "--package", "relay-mcp-artifact", "--", component];
  execFileSync("cargo", cargo, { cwd: here, stdio: "inherit" });
  return component;
}

const { files, imports } = await transpile(process.argv[2] ?? built(), {
  name: "core",
  outDir: join(here, "generated"),
  instantiation: "sync",
  wasiShim: false,
  base64Cutoff: 0,
  noComponentErrorWrapping: true,
});
if (imports.length > 0) throw new Error(`the component asks for something: ${imports.join(", ")}`);

for (const made of ["generated", "dist"]) rmSync(join(here, made), { recursive: true, force: true });
await writeFiles(files);
const tsc = fileURLToPath(import.meta.resolve("typescript/bin/tsc"));
execFileSync(process.execPath, [tsc], { cwd: here, stdio: "inherit" });
cpSync(join(here, "generated"), join(here, "dist", "generated"), { recursive: true });
