// Runs statecharts. Standard input: {name: {machine, events}}; standard output: {name: [state after each event]}.

import { readFileSync } from "node:fs";
import { createActor, setup } from "xstate";

const guards = {
  leadsTo: ({ event }, to) => event.to === to.state && (!to.role || event.role === to.role),
};

const walked = {};
for (const [name, { machine, events }] of Object.entries(JSON.parse(readFileSync(0, "utf8")))) {
  const actor = createActor(setup({ guards }).createMachine(machine)).start();
  walked[name] = events.map(event => (actor.send(event), actor.getSnapshot().value));
  walked[name].push(actor.getSnapshot().status);
}
process.stdout.write(JSON.stringify(walked));
