// Runs SCXML. Standard input: {name: {text, events}}. Standard output: {states, entered}, both by name: the configuration
// after each event, and each state at each entry.

import { readFileSync } from "node:fs";
import scxml from "@scion-scxml/scxml";

const later = (call, ...given) => new Promise((resolve, reject) =>
  call(...given, (error, value) => error ? reject(error) : resolve(value)));

const states = {}, entered = {};
for (const [name, { text, events }] of Object.entries(JSON.parse(readFileSync(0, "utf8")))) {
  const model = await later(scxml.documentStringToModel, `file:///${name}.scxml`, text);
  const chart = new scxml.core.Statechart(await later(model.prepare.bind(model)));
  entered[name] = [];
  chart.on("onEntry", (id) => { if (!id.startsWith("$")) entered[name].push(id); });
  chart.start();
  states[name] = [chart.getConfiguration().join()];
  for (const { type, ...data } of events) {
    chart.gen({ name: type, data });
    states[name].push(chart.getConfiguration().join());
  }
}
process.stdout.write(JSON.stringify({ states, entered }));
