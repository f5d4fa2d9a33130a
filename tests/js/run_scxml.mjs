// Runs SCXML. Standard input: {name: {text, events}}; standard output: {name: [configuration after each event]}.

import { readFileSync } from "node:fs";
import scxml from "@scion-scxml/scxml";

const later = (call, ...given) => new Promise((resolve, reject) =>
  call(...given, (error, value) => error ? reject(error) : resolve(value)));

const walked = {};
for (const [name, { text, events }] of Object.entries(JSON.parse(readFileSync(0, "utf8")))) {
  const model = await later(scxml.documentStringToModel, `file:///${name}.scxml`, text);
  const chart = new scxml.core.Statechart(await later(model.prepare.bind(model)));
  chart.start();
  walked[name] = [chart.getConfiguration().join()];
  for (const { type, ...data } of events) {
    chart.gen({ name: type, data });
    walked[name].push(chart.getConfiguration().join());
  }
}
process.stdout.write(JSON.stringify(walked));
