"use strict";
// The page of `authfsm draw --html`. It looks up what settings rule out in the trees of questions that
// authfsm/diagrams/explorer/questions.py computed; this file has no rules of Cognito.
const data = JSON.parse(document.getElementById("data").textContent);
const { nodes, arrows, forks, reasons, nodeTrees, lambdaTrees, switches } = data;
const $ = (id) => document.getElementById(id);
const numberByName = new Map(nodes.map((node, number) => [node.name, number]));
const START = numberByName.get("START"), FAILED = numberByName.get("FAILED");
// Positions are an array: for each switch the number of its value.
const NOTHING_RULED_OUT = switches.map(() => 0);
const positionsOf = (values) => switches.map((each) => Math.max(0, each.values.indexOf(values[each.key] ?? each.values[0])));
const INITIAL = positionsOf(data.preset), INITIALLY_BEFORE = data.before && positionsOf(data.before);
let positions = INITIAL;
let before = INITIALLY_BEFORE; // the positions with which `positions` are compared, or null
let opened = null; // whose details are open: { state: number } or { error: code }, or null

// ---- what settings rule out ---------------------------------------------------------------------------
const arrowKey = (source, response, dest, kind) => `${source} ${response} ${dest} ${kind ?? ""}`;
const numberByKey = new Map(arrows.map((a, number) => [arrowKey(a.from, a.response, a.to, a.kind), number]));

function answer(tree, given = positions) {
  while (tree >= 0) tree = forks[tree][1 + given[forks[tree][0]]];
  return reasons[-1 - tree];
}

const whyNodeRuledOut = (number, given) => answer(nodeTrees[number], given);
const whyArrowRuledOut = (number, given) => answer(arrows[number].ruledOut, given);
const lambdaMayName = (number) => answer(lambdaTrees[number]) === null;
const confidence = (number, given) => answer(arrows[number].confidence, given);
const confidenceMark = (name) => data.marks[name] ?? "";
const allRuledOut = (found) => found.length > 0 && found.every((reason) => reason !== null);

// Whether the settings allow some of these arrows, and all that they allow are inferred, contradicted or refuted.
function allUncertain(numbers) {
  const allowed = numbers.filter((number) => whyArrowRuledOut(number) === null);
  return allowed.length > 0 && allowed.every((number) => confidence(number) in data.marks);
}

// ---- the difference of two settings -------------------------------------------------------------------
const CHANGES = { added: "becomes possible", removed: "becomes impossible", changed: "changes" };

// The change of something that is possible if one of its parts is possible: "added", "removed", or "".
function changeOf(reasonsBefore, reasonsNow) {
  const was = !allRuledOut(reasonsBefore), is = !allRuledOut(reasonsNow);
  return was === is ? "" : is ? "added" : "removed";
}

function arrowChange(number) {
  if (!before) return "";
  const change = changeOf([whyArrowRuledOut(number, before)], [whyArrowRuledOut(number)]);
  const isPossible = whyArrowRuledOut(number) === null;
  return change || (isPossible && confidence(number, before) !== confidence(number) ? "changed" : "");
}

function arrowsChange(numbers) {
  if (!before || !numbers.length) return "";
  const change = changeOf(numbers.map((n) => whyArrowRuledOut(n, before)), numbers.map((n) => whyArrowRuledOut(n)));
  return change || (numbers.some(arrowChange) ? "changed" : "");
}

const nodeChange = (number) => (before ? changeOf([whyNodeRuledOut(number, before)], [whyNodeRuledOut(number)]) : "");

const setChange = (element, change) => Object.keys(CHANGES).forEach((each) => element.classList.toggle(each, each === change));

// ---- elements -------------------------------------------------------------------------------------------
function h(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}
const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
const slug = (group) => group.replace(" ", "-");
const awsLink = (href, text) => h("a", { href, target: "_blank", rel: "noopener" }, text);

const stateButton = (number, reason = null) => h("button", { type: "button", class: `go${reason ? " ruled-out" : ""}`, title: reason && `ruled out: ${reason}`, onclick: () => openState(number, true) }, nodes[number].name);

function setTitle(element, text) {
  let title = element.querySelector(":scope > title");
  if (!title) element.prepend((title = document.createElementNS("http://www.w3.org/2000/svg", "title")));
  title.textContent = text;
}

// ---- the switches ---------------------------------------------------------------------------------------
function buildSwitches() {
  const form = $("switches"), groups = new Map();
  switches.forEach((each, number) => {
    if (!groups.has(each.group)) groups.set(each.group, form.appendChild(h("fieldset", {}, h("legend", {}, each.group))));
    groups.get(each.group).append(control(each, number));
  });
  const examples = () => Object.keys(data.examples).map((name) => h("option", { value: name }, name.replaceAll("_", " ")));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => go({ positions: readSwitches() }));
  $("example").append(h("option", { value: "" }, "as set below"), ...examples());
  $("example").addEventListener("change", () => { if ($("example").value) go({ positions: positionsOf(data.examples[$("example").value]) }); });
  $("compare").append(h("option", { value: "" }, "nothing"), h("option", { value: "now" }, "the settings as they are now"), h("option", { value: "file" }, "a file"), h("option", { value: "other", hidden: true }, "other settings"), ...examples());
  $("compare").addEventListener("change", () => {
    const { value } = $("compare");
    if (value === "file") chooseFile("before");
    else go({ before: value === "now" ? positions : value ? positionsOf(data.examples[value]) : null });
  });
}

function control(each, number) {
  if (each.values[0] === true) {
    const box = h("input", { type: "checkbox", name: each.key, "data-switch": number, checked: true });
    return h("label", {}, box, h("span", {}, h("span", { class: "mono" }, each.label), each.help && h("span", { class: "quiet" }, ` ${each.help}`)));
  }
  if (number === 0) {
    const radios = each.values.map((value) => h("label", {}, h("input", { type: "radio", name: each.key, value, "data-switch": number }), h("span", { class: "mono" }, value)));
    return h("div", { class: "choice", role: "radiogroup", "aria-label": each.label }, h("span", { class: "mono" }, each.label), radios);
  }
  const select = h("select", { name: each.key, "data-switch": number }, each.values.map((value) => h("option", { value }, value)));
  return h("label", { class: "choice" }, h("span", { class: "mono" }, each.label), select);
}

function readSwitches() {
  const found = [...positions];
  for (const input of document.querySelectorAll("[data-switch]")) {
    const number = Number(input.dataset.switch);
    if (input.type === "checkbox") found[number] = input.checked ? 0 : 1;
    else if (input.type !== "radio" || input.checked) found[number] = switches[number].values.indexOf(input.value);
  }
  return found;
}

const isSame = (one, other) => one === other || (one && other && one.every((each, number) => each === other[number]));
const exampleOf = (given) => Object.keys(data.examples).find((name) => isSame(given, positionsOf(data.examples[name])));

function showSwitches() {
  for (const input of document.querySelectorAll("[data-switch]")) {
    const number = Number(input.dataset.switch), value = switches[number].values[positions[number]];
    if (input.type === "checkbox") input.checked = value;
    else if (input.type === "radio") input.checked = input.value === value;
    else input.value = value;
  }
  $("example").value = exampleOf(positions) ?? "";
  $("compare").value = before ? exampleOf(before) ?? "other" : "";
}

// ---- files: a description of a pool, as authfsm.settings reads it ---------------------------------------
const memberAt = (description, path) => path.reduce((found, name) => (found === null || found === undefined ? null : found[name]), description);

function descriptionOf(given) {
  const description = {};
  switches.forEach(({ path, listed, on, values }, number) => {
    const value = values[given[number]], last = path.at(-1);
    let place = description;
    for (const name of path.slice(0, -1)) place = place[name] ??= {};
    if (listed) place[last] = [...(place[last] ?? []), ...(value ? [listed] : [])];
    else place[last] = on === null ? value : value ? on : null;
  });
  return description;
}

// The positions in a description that has all settings; an error if it leaves one out.
function positionsIn(description) {
  const unclear = [];
  const found = switches.map(({ path, listed, on, values }) => {
    const value = memberAt(description, path), known = switches.filter((each) => each.path.join() === path.join());
    const isPart = memberAt(description, path.slice(0, 1)) !== null;
    const isList = Array.isArray(value) && value.length && value.every((name) => known.some((each) => each.listed === name));
    const position = values.indexOf(listed ? isList && value.includes(listed) : on === null ? value : isPart && value !== null && value !== undefined);
    if (position < 0 || (listed && !isList) || !isPart) unclear.push(path.join("."));
    return position;
  });
  if (unclear.length) throw new Error(`This page cannot read these settings in the file, or the file does not have them: ${[...new Set(unclear)].join(", ")}.`);
  return found;
}

function saveFile() {
  const text = JSON.stringify(descriptionOf(positions), null, 2);
  const link = h("a", { href: URL.createObjectURL(new Blob([`${text}\n`], { type: "application/json" })), download: "pool.json" });
  link.click();
  URL.revokeObjectURL(link.href);
  $("message").textContent = "Saved to pool.json. The commands read it: authfsm check --settings pool.json.";
}

function chooseFile(destination) {
  $("file").value = "";
  $("file").onchange = () => readFile($("file").files[0], destination);
  $("file").oncancel = showSwitches;
  $("file").click();
}

async function readFile(file, destination) {
  try {
    const found = positionsIn(JSON.parse(await file.text()));
    go({ [destination]: found });
    $("message").textContent = `Read ${file.name}.`;
  } catch (error) {
    const reason = error instanceof SyntaxError ? `The file is not JSON: ${error.message}.` : error.message;
    const command = destination === "before" ? "--diff BEFORE AFTER" : `--settings ${file.name}`;
    $("message").textContent = `${reason} This command reads every description of a pool: authfsm draw --html page.html ${command}`;
    showSwitches();
  }
}

// ---- the picture ------------------------------------------------------------------------------------------
function update() {
  showSwitches();
  document.querySelectorAll("[data-node]").forEach(updateNode);
  document.querySelectorAll("[data-line]").forEach(updateLine);
  for (const junction of document.querySelectorAll("[data-junction]")) {
    const members = data.junctions[junction.dataset.junction];
    junction.classList.toggle("ruled-out", allRuledOut(members.map((n) => whyNodeRuledOut(n))));
  }
  showReasons();
  showDifference();
  showDetails();
}

function updateNode(element) {
  const number = Number(element.dataset.node), node = nodes[number], reason = whyNodeRuledOut(number);
  element.classList.toggle("ruled-out", Boolean(reason));
  const labels = [...element.querySelectorAll("[data-response]")], names = labels.map((label) => ` ${label.dataset.response}`).join("");
  const change = nodeChange(number);
  setChange(element, change);
  element.setAttribute("aria-label", `${node.name}${names}: ${node.meaning}${reason ? ` Ruled out: ${reason}.` : ""}${change ? ` It ${CHANGES[change]}.` : ""}`);
  setTitle(element, reason ? `Ruled out: ${reason}` : node.meaning);
  for (const label of labels) {
    const numbers = arrows.flatMap((a, n) => (a.from === number && a.response === label.dataset.response && a.to !== FAILED ? [n] : []));
    label.classList.toggle("ruled-out", allRuledOut(numbers.map((n) => whyArrowRuledOut(n))));
  }
}

function updateLine(element) {
  const line = data.lines[Number(element.dataset.line)], numbers = line.to ? line.through : Object.values(line.by).flat();
  setChange(element, arrowsChange(numbers));
  element.classList.toggle("uncertain", allUncertain(numbers));
  if (line.to) { // from a junction
    element.classList.toggle("ruled-out", allRuledOut(line.to.map((n) => whyNodeRuledOut(n))));
    return;
  }
  element.classList.toggle("ruled-out", Object.values(line.by).every((each) => allRuledOut(each.map((n) => whyArrowRuledOut(n)))));
  for (const label of element.querySelectorAll("[data-response]")) {
    const those = line.by[label.dataset.response] ?? [];
    label.classList.toggle("ruled-out", allRuledOut(those.map((n) => whyArrowRuledOut(n))));
    setChange(label, arrowsChange(those));
  }
}

function showReasons() {
  const byReason = new Map();
  const add = (reason, element) => byReason.set(reason, [...(byReason.get(reason) ?? []), element]);
  for (const { response } of nodes[START].accepts) {
    const numbers = arrows.flatMap((a, n) => (a.from === START && a.response === response && a.to !== FAILED && a.to !== START ? [n] : []));
    const found = numbers.map((n) => whyArrowRuledOut(n));
    if (allRuledOut(found)) add(found[0], h("code", {}, response));
  }
  const ruledOut = [...nodes.keys()].filter((number) => whyNodeRuledOut(number) !== null);
  for (const number of ruledOut) add(whyNodeRuledOut(number), stateButton(number));
  $("reasons").replaceChildren(...[...byReason].map(([reason, elements]) => h("li", {}, h("strong", {}, `${reason}: `), elements.flatMap((each, i) => (i ? [" ", each] : [each])))));
  const isAny = byReason.size || arrows.some((_, number) => whyArrowRuledOut(number) !== null);
  if (!byReason.size) $("reasons").append(h("li", {}, isAny ? "No state, and no way to begin; the details of states show the single responses that are ruled out." : "Nothing: everything in the picture is possible."));
  $("ruled-out-count").textContent = ruledOut.length ? `${counted(ruledOut.length, "state")} ruled out` : isAny ? "no state ruled out" : "nothing ruled out";
  const text = (value) => (typeof value === "boolean" ? (value ? "yes" : "no") : value);
  $("summary").textContent = switches.map((each, n) => `${each.label}: ${text(each.values[positions[n]])}`).join("  ·  ");
}

// What changes from the settings `before` to the present ones, in words: each kind of change, by reason.
function showDifference() {
  $("difference").hidden = $("legend").hidden = !before;
  const parts = Object.keys(CHANGES).map((change) => {
    const groups = new Map();
    arrows.forEach((arrow, number) => {
      if (arrowChange(number) !== change) return;
      const now = change === "added" ? before : positions;
      const reason = change === "changed" ? `${confidence(number, before)}, then ${confidence(number)}` : whyArrowRuledOut(number, now);
      groups.set(reason, [...(groups.get(reason) ?? []), arrow]);
    });
    const count = [...groups.values()].flat().length, note = { added: "before: ", removed: "", changed: "certainty: " }[change];
    const arrow = ({ from, response, to, kind }) => h("li", {}, `${nodes[from].name}: `, h("code", {}, response), ` → ${nodes[to].name}${kind ? ` (${kind})` : ""}`);
    const group = ([reason, list]) => h("details", {}, h("summary", {}, `${note}${reason} (${list.length})`), h("ul", {}, list.map(arrow)));
    return [h("h3", { class: `change ${change}` }, `${CHANGES[change]}: ${counted(count || "no", "arrow")}`), ...[...groups].map(group)];
  });
  $("changes").replaceChildren(...(before ? parts.flat() : []));
}

function showSelection() {
  for (const element of document.querySelectorAll("[data-node]")) {
    const isSelected = Number(element.dataset.node) === opened?.state;
    element.classList.toggle("selected", isSelected);
    element.setAttribute("aria-pressed", isSelected);
  }
  const name = nodes[opened?.state]?.name;
  for (const element of document.querySelectorAll("[data-line]"))
    element.classList.toggle("highlighted", name !== undefined && data.lines[Number(element.dataset.line)].from === name);
}

// ---- the address: whose details are open, and the settings where they differ from the page's own ----------
function address() {
  const params = new URLSearchParams();
  const add = (prefix, given, usual) => switches.forEach(({ key, values }, number) => {
    if (given[number] !== usual[number]) params.set(prefix + key, values[given[number]]);
  });
  if (opened) params.set(...(opened.error ? ["error", opened.error] : ["state", nodes[opened.state].name]));
  add("", positions, INITIAL);
  if (!isSame(before, INITIALLY_BEFORE)) params.set("compare", before ? "settings" : "nothing");
  if (before && !isSame(before, INITIALLY_BEFORE)) add("before.", before, NOTHING_RULED_OUT);
  return String(params);
}

function readAddress() {
  const params = new URLSearchParams(location.hash.slice(1));
  const read = (prefix, usual) => switches.map(({ key, values }, number) => {
    const position = values.findIndex((value) => String(value) === params.get(prefix + key));
    return position < 0 ? usual[number] : position;
  });
  const state = numberByName.get(params.get("state")), error = params.get("error"), compare = params.get("compare");
  const isError = data.errors.some(([code]) => code === error);
  opened = state !== undefined ? { state } : isError ? { error } : null;
  positions = read("", INITIAL);
  before = compare === "settings" ? read("before.", NOTHING_RULED_OUT) : compare === "nothing" ? null : INITIALLY_BEFORE;
  update();
}

// Show other settings or details, as a step that the browser's Back button undoes.
function go(change) {
  ({ positions = positions, before = before, opened = opened } = change);
  $("message").textContent = "";
  update();
  const hash = address();
  if (hash !== location.hash.slice(1)) history.pushState(null, "", hash ? `#${hash}` : location.pathname + location.search);
}

// ---- the details ------------------------------------------------------------------------------------------
function open(what, focus = false) {
  go({ opened: what });
  $("details").scrollTop = 0;
  if (focus) $("details").focus({ preventScroll: true });
}

const openState = (state, focus) => open({ state }, focus);

function closeDetails() {
  const element = opened && document.querySelector(`[data-node="${opened.state}"]`);
  go({ opened: null });
  if (element) element.focus({ preventScroll: true });
}

function showDetails() {
  showSelection();
  document.body.classList.toggle("details-open", opened !== null);
  const parts = !opened ? indexOfStates() : opened.error ? detailsOfError(opened.error) : detailsOfState(opened.state);
  $("details").replaceChildren(...parts);
}

const heading = (title, group, label = group) => h("div", { class: "title" }, h("div", {}, h("h2", {}, title), h("span", { class: `chip ${slug(group)}` }, label)), h("button", { type: "button", id: "close", onclick: closeDetails, "aria-keyshortcuts": "Escape" }, "Close"));

function indexOfStates() {
  const groups = new Map();
  nodes.forEach(({ group }, number) => groups.set(group, [...(groups.get(group) ?? []), number]));
  const lists = [...groups].map(([group, numbers]) => [h("h3", {}, h("span", { class: `chip ${slug(group)}` }, group)), h("ul", { class: "index all" }, numbers.map((n) => h("li", {}, stateButton(n, whyNodeRuledOut(n)))))]);
  return [h("h2", {}, "Choose a state"), h("p", {}, "Select a state in the picture, or here, to see what it asks for, which responses it accepts, where they lead, and which errors can occur. States and responses that the settings rule out are faded."), ...lists.flat()];
}

function detailsOfState(number) {
  const node = nodes[number], reason = whyNodeRuledOut(number), change = nodeChange(number);
  const parts = [heading(node.name, node.group), h("p", {}, node.meaning), h("p", {}, awsLink(node.page, "AWS’s page about this state"))];
  if (change) parts.push(h("p", { class: `change ${change}` }, `It ${CHANGES[change]}.`));
  if (reason !== null) parts.push(h("p", { class: "why" }, h("strong", {}, "Ruled out: "), reason, lambdaMayName(number) ? ". Only a Lambda function may still name it." : "."));
  if (node.carries.length) parts.push(h("h3", {}, "Carries"), parameterList(node.carries));
  if (!node.session) parts.push(h("p", { class: "quiet" }, "Cognito may issue this challenge without a Session."));
  for (const each of node.accepts) parts.push(...acceptedResponse(number, each));
  if (!node.accepts.length) parts.push(h("p", {}, "Accepts no response: the attempt has ended."));
  if (node.from.length) parts.push(h("h3", {}, "Comes from"), sources(number));
  if (node.errors.length) parts.push(h("h3", {}, "Errors"), h("p", { class: "quiet" }, LISTED), ...errorGroups(node));
  return parts;
}

function parameterList(parameters) {
  return h("dl", {}, parameters.flatMap((each) => {
    const text = [each.value && `= ${each.value}`, each.about?.replaceAll("`", ""), each.when && `(${each.when})`].filter(Boolean).join(" ");
    const map = each.within && each.within !== "ChallengeParameters" ? h("span", { class: "quiet" }, `${each.within}.`) : "";
    return [h("dt", {}, map, h("code", {}, each.name)), h("dd", {}, text)];
  }));
}

function acceptedResponse(number, each) {
  const { operation, parameters, page } = each.request;
  const targets = each.leads_to.map((target) => {
    const dest = numberByName.get(target.state), arrow = numberByKey.get(arrowKey(number, each.response, dest, target.kind));
    const known = confidence(arrow), reason = whyNodeRuledOut(number) === null ? whyArrowRuledOut(arrow) : null;
    const change = arrowChange(arrow);
    const evidence = target.evidence.map(([name, when, source]) => h("p", {}, `${name}: ${[when, source].filter(Boolean).join(" — ")}`));
    return h("li", {}, stateButton(dest, reason), target.kind ? h("span", { class: "quiet" }, ` (${target.kind})`) : "", reason ? h("div", { class: "quiet" }, `ruled out: ${reason}`) : "", change ? h("div", { class: `change ${change}` }, CHANGES[change]) : "",
      h("details", { class: "evidence" }, h("summary", {}, `${known}${confidenceMark(known)}`), evidence));
  });
  return [
    h("h3", {}, "Accepts ", h("code", {}, each.response)),
    h("p", {}, `${each.meaning}${each.condition ? ` (${each.condition})` : ""}`),
    h("details", { class: "request" }, h("summary", {}, `${operation}, with ${counted(parameters.length, "parameter")}`), h("p", {}, awsLink(page, `AWS’s page about ${operation}`)), parameterList(parameters)),
    h("p", { class: "quiet" }, "leads to"),
    h("ul", { class: "targets" }, targets),
  ];
}

function sources(number) {
  const responses = new Map();
  for (const { state, response, kind } of nodes[number].from) {
    const arrow = numberByKey.get(arrowKey(numberByName.get(state), response, number, kind));
    const text = `${response}${kind ? ` (${kind})` : ""}${confidenceMark(confidence(arrow))}`;
    responses.set(state, [...(responses.get(state) ?? []), text]);
  }
  const item = ([state, texts]) => h("li", {}, stateButton(numberByName.get(state), whyNodeRuledOut(numberByName.get(state))), " ", h("span", { class: "quiet" }, texts.join(", ")));
  return h("ul", { class: "targets" }, [...responses].map(item));
}

const LISTED = "AWS lists these errors for the operation. If a line says “only listed”, no other source shows that this state returns the error.";
const onlyListed = () => h("span", { class: "listed" }, "only listed");

// The errors of a state, grouped by recovery action, beginning with those after which the state stays the same.
function errorGroups(node) {
  const groups = new Map();
  for (const [number, stays] of node.errors) {
    const [code, part, action, , , isListed] = data.errors[number], key = `${stays} ${action}`;
    if (!groups.has(key)) groups.set(key, { stays, action, codes: new Map() });
    const { codes } = groups.get(key), known = codes.get(code) ?? { parts: [], isListed };
    codes.set(code, { parts: [...known.parts, ...(part ? [part] : [])], isListed: known.isListed && isListed });
  }
  const item = ([code, { parts, isListed }]) => h("li", {}, h("button", { type: "button", class: "go", onclick: () => open({ error: code }, true) }, code),
    isListed ? [" ", onlyListed()] : "", parts.length ? h("span", { class: "quiet" }, ` “${parts.join("”, “")}”`) : "");
  return [...groups.values()].sort((a, b) => b.stays - a.stays).map(({ stays, action, codes }) =>
    h("details", { class: "errors", open: Boolean(stays) && action === "TRY_AGAIN" },
      h("summary", {}, h("strong", {}, action), ` ${data.actions[action]} ${stays ? "The state stays the same." : "Leads to FAILED."}`),
      h("ul", {}, [...codes].map(item))));
}

function detailsOfError(code) {
  const rows = data.errors.filter(([name]) => name === code);
  const states = [...nodes.keys()].filter((number) => nodes[number].errors.some(([n]) => data.errors[n][0] === code));
  const row = ([, part, action, fault, source, isListed]) => h("div", {},
    h("h3", {}, part ? `“${part}”` : rows.length > 1 ? "Any other message" : "Any message"),
    h("p", {}, h("strong", {}, action), ` ${data.actions[action]}`),
    h("p", { class: "quiet" }, `Fault: ${fault}. ${source} `, isListed ? onlyListed() : ""));
  return [
    heading(code, "other", "error"),
    ...rows.map(row),
    ...(states.length ? [h("h3", {}, "Can occur in"), h("ul", { class: "index" }, states.map((n) => h("li", {}, stateButton(n))))] : [h("p", {}, "No state lists this error: it is one of AWS’s common errors, which any request can return, or one of other operations than a sign-in’s.")]),
  ];
}

// ---- the search ---------------------------------------------------------------------------------------------
const entries = []; // what can be found: states (rank 0), responses (1), errors (2), parameters (3)
const addEntry = (name, rank, hint, words, show, number) => entries.push({ name, rank, hint, words: `${name} ${words}`.toLowerCase(), show, number });
nodes.forEach((node, number) => {
  const show = () => openState(number, true);
  addEntry(node.name, 0, node.group, node.meaning, show, number);
  for (const each of node.carries) addEntry(each.name, 3, `carried by ${node.name}`, "", show, number);
  for (const each of node.accepts) {
    addEntry(each.response, 1, `in ${node.name}`, `${each.class} ${each.meaning}`, show, number);
    for (const { name, value, within } of each.request.parameters)
      if (within || value) addEntry(value || name, 3, `${value ? `${name} ` : ""}of ${each.response} in ${node.name}`, "", show, number);
  }
});
for (const code of new Set(data.errors.map(([name]) => name)))
  addEntry(code, 2, "error", data.errors.filter(([name]) => name === code).map(([, part]) => part).join(" "), () => open({ error: code }, true), null);

function findEntries(query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean), found = new Map();
  if (!words.length) return [];
  const closeness = (name) => (name === query ? -1 : name.toLowerCase() === query.toLowerCase() ? 0 : name.toLowerCase().startsWith(words[0]) ? 1 : name.toLowerCase().includes(words[0]) ? 2 : 3);
  const order = ({ name, rank }) => closeness(name) * 10 + rank;
  const matching = entries.filter((entry) => words.every((word) => entry.words.includes(word)));
  for (const entry of matching.sort((a, b) => order(a) - order(b))) {
    const key = `${entry.name} ${entry.hint}`;
    if (!found.has(key)) found.set(key, entry);
  }
  return [...found.values()];
}

function showFound() {
  const query = $("search").value.trim(), found = findEntries(query), list = $("found");
  const numbers = new Set(found.map(({ number }) => number));
  for (const element of document.querySelectorAll("[data-node]")) element.classList.toggle("found", Boolean(query) && numbers.has(Number(element.dataset.node)));
  list.hidden = !query;
  list.replaceChildren(...found.slice(0, 14).map(({ name, hint, show }) => h("li", {}, h("button", { type: "button", onclick: () => { clearSearch(); show(); } }, h("span", { class: "mono" }, name), h("span", {}, hint)))));
  if (query && !found.length) list.append(h("li", { class: "none" }, "Nothing has this name."));
}

function clearSearch() {
  $("search").value = "";
  showFound();
}

function moveInFound(by) {
  const buttons = [...$("found").querySelectorAll("button")], next = buttons.indexOf(document.activeElement) + by;
  if (next < 0 && by < 0) $("search").focus();
  else buttons[Math.min(next, buttons.length - 1)]?.focus();
}

// ---- keys, size, colours ------------------------------------------------------------------------------------
document.addEventListener("keydown", (event) => {
  const inSearch = $("search-box").contains(document.activeElement);
  const isTyping = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
  const element = event.target.closest?.("[data-node]");
  if (element && (event.key === "Enter" || event.key === " ")) openState(Number(element.dataset.node), true);
  else if (event.key === "/" && !isTyping) $("search").focus();
  else if (event.key === "Escape" && inSearch) { clearSearch(); $("search").focus(); }
  else if (event.key === "Escape") closeDetails();
  else if (event.key === "ArrowDown" && inSearch) moveInFound(1);
  else if (event.key === "ArrowUp" && inSearch) moveInFound(-1);
  else if (event.key === "Enter" && event.target === $("search")) $("found").querySelector("button")?.click();
  else return;
  event.preventDefault();
});
// A click opens the state there, or the nearest one: in a small picture states are smaller than a fingertip.
const REACH = 24; // pixels
$("drawing").addEventListener("click", ({ clientX, clientY }) => {
  const distance = (element) => {
    const box = element.getBoundingClientRect();
    return Math.hypot(Math.max(box.left - clientX, 0, clientX - box.right), Math.max(box.top - clientY, 0, clientY - box.bottom));
  };
  const nearest = [...document.querySelectorAll("#picture [data-node]")].map((element) => [distance(element), element]).sort(([a], [b]) => a - b)[0];
  if (nearest[0] <= REACH) openState(Number(nearest[1].dataset.node));
});
$("search").addEventListener("input", showFound);
$("search").addEventListener("focus", () => { $("found").hidden = !$("search").value.trim(); });
document.addEventListener("click", (event) => { if (!$("search-box").contains(event.target)) $("found").hidden = true; });
// Set the picture's size in pixels per point; 0 fits it into its section.
function resize(scale) {
  const picture = $("picture"), { width, height } = picture.viewBox.baseVal;
  picture.style.width = scale ? `${Math.round(width * scale)}px` : "";
  picture.style.height = scale ? `${Math.round(height * scale)}px` : "";
  $("drawing").classList.toggle("fitted", !scale);
}
const scale = () => $("picture").getScreenCTM().a;
$("smaller").addEventListener("click", () => resize(scale() * 0.8));
$("larger").addEventListener("click", () => resize(scale() * 1.25));
$("fit").addEventListener("click", () => { resize(0); $("drawing").scrollIntoView({ block: "nearest" }); });
$("save").addEventListener("click", saveFile);
$("load").addEventListener("click", () => chooseFile("positions"));
$("theme").addEventListener("change", () => { document.documentElement.dataset.theme = $("theme").value; if (!$("theme").value) delete document.documentElement.dataset.theme; });

const READABLE = 0.65; // pixels for each point
const isNarrow = window.innerWidth < 700;
$("settings").open = !isNarrow; // on a phone the picture is first, and large enough to read
resize(isNarrow ? READABLE : 0);
$("groups").append(...[...new Set(nodes.map(({ group }) => group))].map((group) => h("span", { class: `chip ${slug(group)}` }, group)));
buildSwitches();
readAddress();
window.addEventListener("popstate", readAddress);
window.explorer = { // for tests
  set: (values) => go({ positions: positionsOf(values) }),
  compare: (values) => go({ before: positionsOf(values) }),
  values: () => Object.fromEntries(switches.map((each, n) => [each.key, each.values[positions[n]]])),
  confidences: () => arrows.map((_, number) => confidence(number)),
  verdicts: () => ({ arrows: arrows.map((_, n) => whyArrowRuledOut(n)), nodes: nodes.map((_, n) => whyNodeRuledOut(n)), lambda: nodes.map((_, n) => lambdaMayName(n)) }),
  changes: () => arrows.map((_, number) => arrowChange(number)),
  arrowNumber: (...parts) => numberByKey.get(arrowKey(...parts)),
  description: () => descriptionOf(positions),
};
