// Compiles every Solidity file of this folder with npm's solc and prints {name: {abi, bytecode}} as JSON.
// Usage: node compile.mjs <folder of node_modules>
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const modules = process.argv[2];
const solc = createRequire(join(modules, "solc", "package.json"))("solc");

const sources = Object.fromEntries(
  readdirSync(here)
    .filter((name) => name.endsWith(".sol"))
    .sort()
    .map((name) => [name, { content: readFileSync(join(here, name), "utf8") }]),
);
const input = {
  language: "Solidity",
  sources,
  settings: {
    evmVersion: "cancun",
    optimizer: { enabled: true, runs: 200 },
    metadata: { appendCBOR: false, bytecodeHash: "none" },
    outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
  },
};
const find = (path) => {
  try {
    return { contents: readFileSync(join(modules, path), "utf8") };
  } catch {
    return { error: `${path} is not in node_modules` };
  }
};
const output = JSON.parse(solc.compile(JSON.stringify(input), { import: find }));
const errors = (output.errors ?? []).filter((entry) => entry.severity === "error");
if (errors.length > 0) {
  process.stderr.write(errors.map((entry) => entry.formattedMessage).join("\n"));
  process.exit(1);
}
const contracts = {};
for (const file of Object.keys(sources)) {
  for (const [name, made] of Object.entries(output.contracts[file] ?? {})) {
    if (made.evm.bytecode.object) contracts[name] = { abi: made.abi, bytecode: `0x${made.evm.bytecode.object}` };
  }
}
process.stdout.write(JSON.stringify(contracts));
