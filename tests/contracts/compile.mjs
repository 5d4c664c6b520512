// Compiles the Solidity files of one folder and prints {name: {bytecode}} as JSON, also of what they import.
// Usage: node compile.mjs <node_modules> <package of the compiler> <folder> <evmVersion>
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [modules, compiler, folder, evmVersion] = process.argv.slice(2);
const require = createRequire(join(modules, compiler, "package.json"));
const solc = require(join(modules, compiler));
const names = readdirSync(folder).filter((name) => name.endsWith(".sol"));
const input = {
  language: "Solidity",
  sources: Object.fromEntries(names.sort().map((name) => [name, { content: readFileSync(join(folder, name), "utf8") }])),
  settings: {
    evmVersion,
    optimizer: { enabled: true, runs: 200 },
    metadata: { bytecodeHash: "none" },
    outputSelection: { "*": { "*": ["evm.bytecode.object"] } },
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
for (const made of Object.values(output.contracts)) {
  for (const [name, { evm }] of Object.entries(made)) {
    if (evm.bytecode.object) contracts[name] = { bytecode: evm.bytecode.object };
  }
}
process.stdout.write(JSON.stringify(contracts));
