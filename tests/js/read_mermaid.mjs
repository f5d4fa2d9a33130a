// Parses Mermaid as GitHub does. Standard input: {name: text}; standard output: {name: error or null}.

import { readFileSync } from "node:fs";
import { JSDOM } from "jsdom";

const { window } = new JSDOM("");
globalThis.window = window;
globalThis.document = window.document;
const { default: mermaid } = await import("mermaid");

const errors = {};
for (const [name, text] of Object.entries(JSON.parse(readFileSync(0, "utf8")))) {
  errors[name] = await mermaid.parse(text).then(() => null, error => String(error));
}
process.stdout.write(JSON.stringify(errors));
