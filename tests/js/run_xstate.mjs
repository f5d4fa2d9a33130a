// Runs statecharts. Standard input: {name: {module, events}}; standard output: {name: [state after each event]}.

import { readFileSync } from "node:fs";
import { createActor } from "xstate";

const walked = {};
for (const [name, { module, events }] of Object.entries(JSON.parse(readFileSync(0, "utf8")))) {
  const { machine } = await import(module);
  const actor = createActor(machine).start();
  walked[name] = events.map(event => (actor.send(event), actor.getSnapshot().value));
  walked[name].push(actor.getSnapshot().status);
}
process.stdout.write(JSON.stringify(walked));
