"use strict";
// The page of `authfsm draw --html`. It answers the trees of questions that authfsm/diagrams/explorer/questions.py
// built from the rules of authfsm.settings, and `verdicts` repeats the search of authfsm/settings/reach.py.
const data = JSON.parse(document.getElementById("data").textContent);
const { nodes, arrows, forks, reasons, nodeTrees, switches } = data;
const $ = (id) => document.getElementById(id);
const numberByName = new Map(nodes.map((node, number) => [node.name, number]));
const START = numberByName.get("START"), FAILED = numberByName.get("FAILED");
const positions = switches.map(() => 0); // for each switch, the number of its present value
let selected = null; // the number of the state whose details are open
let present = null; // the verdicts for the present settings

// ---- what settings rule out ---------------------------------------------------------------------------
// The columns of an arrow.
const [SOURCE, RESPONSE, DEST, WITH_LAMBDA, WITHOUT_LAMBDA, USUAL, ECHOES, CONFIDENCE, KIND] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
const arrowsInto = nodes.map(() => []), arrowsFrom = nodes.map(() => []);
for (const arrow of arrows) {
  if (arrow[ECHOES]) continue;
  arrowsInto[arrow[DEST]].push(arrow);
  arrowsFrom[arrow[SOURCE]].push(arrow);
}
const arrowNumber = new Map(arrows.map((arrow, number) => [arrow, number]));
const arrowKey = (source, response, dest, kind) => `${source} ${response} ${dest} ${kind ?? ""}`;
const numberByKey = new Map(arrows.map((a, number) => [arrowKey(a[SOURCE], a[RESPONSE], a[DEST], a[KIND]), number]));

function answer(tree) {
  while (tree >= 0) tree = forks[tree][1 + positions[forks[tree][0]]];
  return reasons[-1 - tree];
}

// For each arrow and each node the reason why it is ruled out, or null. `column` says whether what a Lambda function
// may name counts as possible.
function verdicts(column) {
  const forbidden = arrows.map((arrow) => answer(arrow[column]));
  const reached = new Set([START]);
  for (const node of reached) // this loop also visits what is added meanwhile
    for (const arrow of arrowsFrom[node]) if (forbidden[arrowNumber.get(arrow)] === null) reached.add(arrow[DEST]);
  const unreached = nodes.map((_, node) => (reached.has(node) ? null : whyUnreached(node, forbidden, reached)));
  const ofArrows = arrows.map((arrow, number) => forbidden[number] ?? unreached[arrow[SOURCE]] ?? (arrow[ECHOES] ? unreached[arrow[DEST]] : null));
  return { arrows: ofArrows, nodes: unreached };
}

function whyUnreached(node, forbidden, reached) {
  const ownReason = node in nodeTrees ? answer(nodeTrees[node]) : null;
  if (ownReason !== null) return ownReason;
  const causes = new Set(), visited = new Set([node]);
  for (const each of visited) {
    const usual = arrowsInto[each].filter((arrow) => arrow[USUAL]);
    for (const arrow of usual.length ? usual : arrowsInto[each]) {
      if (reached.has(arrow[SOURCE])) causes.add(forbidden[arrowNumber.get(arrow)] ?? "");
      else visited.add(arrow[SOURCE]);
    }
  }
  return [...causes].join("; ");
}

const whyNodeRuledOut = (number) => present.withoutLambda.nodes[number];
const whyArrowRuledOut = (number) => present.withoutLambda.arrows[number];
const confidence = (number) => answer(arrows[number][CONFIDENCE]);
const confidenceMark = (name) => data.marks[name] ?? "";
const allRuledOut = (found) => found.length > 0 && found.every((reason) => reason !== null);

// Whether all arrows that settings allow are known only by inference, or contradicted.
function allUncertain(numbers) {
  const allowed = numbers.filter((number) => whyArrowRuledOut(number) === null);
  return allowed.length > 0 && allowed.every((number) => confidence(number) in data.marks);
}

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
const slug = (group) => group.replace(" ", "-");
const awsLink = (href, text) => h("a", { href, target: "_blank", rel: "noopener" }, text);

function stateButton(number, reason = null) {
  return h("button", { type: "button", class: `go${reason ? " ruled-out" : ""}`, title: reason && `ruled out: ${reason}`, onclick: () => openState(number, true) }, nodes[number].name);
}

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
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => { $("example").value = ""; readSwitches(); });
  $("example").append(h("option", { value: "" }, "as set below"), ...Object.keys(data.examples).map((name) => h("option", { value: name }, name.replaceAll("_", " "))));
  $("example").addEventListener("change", () => { if ($("example").value) setSwitches(data.examples[$("example").value]); });
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
  for (const input of document.querySelectorAll("[data-switch]")) {
    const number = Number(input.dataset.switch), { values } = switches[number];
    if (input.type === "checkbox") positions[number] = input.checked ? 0 : 1;
    else if (input.type !== "radio" || input.checked) positions[number] = values.indexOf(input.value);
  }
  update();
}

function setSwitches(values) {
  switches.forEach((each, number) => { positions[number] = Math.max(0, each.values.indexOf(values[each.key] ?? each.values[0])); });
  for (const input of document.querySelectorAll("[data-switch]")) {
    const number = Number(input.dataset.switch), value = switches[number].values[positions[number]];
    if (input.type === "checkbox") input.checked = value;
    else if (input.type === "radio") input.checked = input.value === value;
    else input.value = value;
  }
  update();
}

// ---- the picture ------------------------------------------------------------------------------------------
function update() {
  present = { withoutLambda: verdicts(WITHOUT_LAMBDA), withLambda: verdicts(WITH_LAMBDA) };
  document.querySelectorAll("[data-node]").forEach(updateNode);
  document.querySelectorAll("[data-line]").forEach(updateLine);
  for (const junction of document.querySelectorAll("[data-junction]"))
    junction.classList.toggle("ruled-out", allRuledOut(data.junctions[junction.dataset.junction].map(whyNodeRuledOut)));
  showReasons();
  if (selected !== null) showDetails(selected);
  showSelection();
}

function updateNode(element) {
  const number = Number(element.dataset.node), node = nodes[number], reason = whyNodeRuledOut(number);
  element.classList.toggle("ruled-out", Boolean(reason));
  const labels = [...element.querySelectorAll("[data-response]")], names = labels.map((label) => ` ${label.dataset.response}`).join("");
  element.setAttribute("aria-label", `${node.name}${names}: ${node.meaning}${reason ? ` Ruled out: ${reason}` : ""}`);
  setTitle(element, reason ? `Ruled out: ${reason}` : node.meaning);
  for (const label of labels) {
    const numbers = arrows.flatMap((a, n) => (a[SOURCE] === number && a[RESPONSE] === label.dataset.response && a[DEST] !== FAILED ? [n] : []));
    label.classList.toggle("ruled-out", allRuledOut(numbers.map(whyArrowRuledOut)));
  }
}

function updateLine(element) {
  const line = data.lines[Number(element.dataset.line)];
  if (line.to) { // from a junction
    element.classList.toggle("ruled-out", allRuledOut(line.to.map(whyNodeRuledOut)));
    element.classList.toggle("uncertain", allUncertain(line.through));
    return;
  }
  const ruledOut = new Map(Object.entries(line.by).map(([response, numbers]) => [response, allRuledOut(numbers.map(whyArrowRuledOut))]));
  element.classList.toggle("ruled-out", [...ruledOut.values()].every(Boolean));
  element.classList.toggle("uncertain", allUncertain(Object.values(line.by).flat()));
  for (const label of element.querySelectorAll("[data-response]")) label.classList.toggle("ruled-out", ruledOut.get(label.dataset.response) ?? false);
}

function showReasons() {
  const byReason = new Map();
  const add = (reason, element) => byReason.set(reason, [...(byReason.get(reason) ?? []), element]);
  for (const { given } of nodes[START].takes) {
    const numbers = arrows.flatMap((a, n) => (a[SOURCE] === START && a[RESPONSE] === given && a[DEST] !== FAILED && a[DEST] !== START ? [n] : []));
    const found = numbers.map(whyArrowRuledOut);
    if (allRuledOut(found)) add(found[0], h("code", {}, given));
  }
  const ruledOut = [...nodes.keys()].filter((number) => whyNodeRuledOut(number) !== null);
  for (const number of ruledOut) add(whyNodeRuledOut(number), stateButton(number));
  $("reasons").replaceChildren(...[...byReason].map(([reason, elements]) => h("li", {}, h("strong", {}, `${reason}: `), elements.flatMap((each, i) => (i ? [" ", each] : [each])))));
  if (!byReason.size) $("reasons").append(h("li", {}, "Nothing: everything in the picture is possible."));
  $("ruled-out-count").textContent = ruledOut.length ? `${ruledOut.length} of ${nodes.length} states ruled out` : "nothing ruled out";
  const text = (value) => (typeof value === "boolean" ? (value ? "yes" : "no") : value);
  $("summary").textContent = switches.map((each, n) => `${each.label}: ${text(each.values[positions[n]])}`).join("  ·  ");
}

function showSelection() {
  for (const element of document.querySelectorAll("[data-node]")) {
    const isSelected = Number(element.dataset.node) === selected;
    element.classList.toggle("selected", isSelected);
    element.setAttribute("aria-pressed", isSelected);
  }
  for (const element of document.querySelectorAll("[data-line]"))
    element.classList.toggle("highlighted", selected !== null && data.lines[Number(element.dataset.line)].from === nodes[selected].name);
}

// ---- the details ------------------------------------------------------------------------------------------
function openState(number, focus = false) {
  selected = number;
  showSelection();
  showDetails(number);
  history.replaceState(null, "", `#${encodeURIComponent(nodes[number].name)}`);
  $("details").scrollTop = 0;
  if (focus) $("details").focus({ preventScroll: window.innerWidth > 1056 });
}

function closeDetails() {
  const element = selected !== null && document.querySelector(`[data-node="${selected}"]`);
  selected = null;
  showSelection();
  showIndex();
  history.replaceState(null, "", location.pathname + location.search);
  if (element) element.focus();
}

function heading(title, group, label = group) {
  return h("div", { class: "title" }, h("div", {}, h("h2", {}, title), h("span", { class: `chip ${slug(group)}` }, label)), h("button", { type: "button", id: "close", onclick: closeDetails, "aria-keyshortcuts": "Escape" }, "Close"));
}

function showIndex() {
  const groups = new Map();
  nodes.forEach(({ group }, number) => groups.set(group, [...(groups.get(group) ?? []), number]));
  const lists = [...groups].map(([group, numbers]) => [h("h3", {}, h("span", { class: `chip ${slug(group)}` }, group)), h("ul", { class: "index all" }, numbers.map((n) => h("li", {}, stateButton(n, whyNodeRuledOut(n)))))]);
  $("details").replaceChildren(h("h2", {}, "Choose a state"), h("p", {}, "Click a state in the picture, or here, to see what it asks for, which responses it accepts, where they lead, and which errors can occur. The switches above fade what a pool’s settings rule out."), ...lists.flat());
}

function showDetails(number) {
  const node = nodes[number], reason = whyNodeRuledOut(number);
  const parts = [heading(node.name, node.group), h("p", {}, node.meaning), h("p", {}, awsLink(node.page, "AWS’s page about it"))];
  if (reason !== null) parts.push(h("p", { class: "why" }, h("strong", {}, "Ruled out: "), reason, present.withLambda.nodes[number] === null ? ". Only a Lambda function may still name it." : "."));
  if (node.carries.length) parts.push(h("h3", {}, "Carries"), parameterList(node.carries));
  if (!node.session) parts.push(h("p", { class: "quiet" }, "May come without a Session."));
  for (const each of node.takes) parts.push(...acceptedResponse(number, each));
  if (!node.takes.length) parts.push(h("p", {}, "Accepts no response: the attempt has ended."));
  if (node.from.length) parts.push(h("h3", {}, "Comes from"), sources(number));
  if (node.errors.length) parts.push(h("h3", {}, "Errors"), ...errorGroups(node));
  $("details").replaceChildren(...parts);
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
    const dest = numberByName.get(target.state), arrow = numberByKey.get(arrowKey(number, each.given, dest, target.kind));
    const known = confidence(arrow), reason = whyNodeRuledOut(number) === null ? whyArrowRuledOut(arrow) : null;
    const evidence = target.evidence.map(([name, when, source]) => h("p", {}, `${name}: ${[when, source].filter(Boolean).join(" — ")}`));
    return h("li", {}, stateButton(dest, reason), target.kind ? h("span", { class: "quiet" }, ` (${target.kind})`) : "", reason ? h("div", { class: "quiet" }, `ruled out: ${reason}`) : "",
      h("details", { class: "evidence" }, h("summary", {}, `${known}${confidenceMark(known)}`), evidence));
  });
  return [
    h("h3", {}, "Accepts ", h("code", {}, each.given)),
    h("p", {}, `${each.meaning}${each.needs ? ` (${each.needs})` : ""}`),
    h("details", { class: "request" }, h("summary", {}, `${operation}, with ${parameters.length} parameters`), h("p", {}, awsLink(page, `AWS’s page about ${operation}`)), parameterList(parameters)),
    h("p", { class: "quiet" }, "leads to"),
    h("ul", { class: "targets" }, targets),
  ];
}

function sources(number) {
  const responses = new Map();
  for (const { state, given, kind } of nodes[number].from) {
    const arrow = numberByKey.get(arrowKey(numberByName.get(state), given, number, kind));
    const text = `${given}${kind ? ` (${kind})` : ""}${confidenceMark(confidence(arrow))}`;
    responses.set(state, [...(responses.get(state) ?? []), text]);
  }
  const item = ([state, texts]) => h("li", {}, stateButton(numberByName.get(state), whyNodeRuledOut(numberByName.get(state))), " ", h("span", { class: "quiet" }, texts.join(", ")));
  return h("ul", { class: "targets" }, [...responses].map(item));
}

// The errors of a state, grouped by what to do, those that it survives first.
function errorGroups(node) {
  const groups = new Map();
  for (const [number, stays] of node.errors) {
    const [code, part, action] = data.errors[number], key = `${stays} ${action}`;
    if (!groups.has(key)) groups.set(key, { stays, action, codes: new Map() });
    const { codes } = groups.get(key);
    codes.set(code, [...(codes.get(code) ?? []), ...(part ? [part] : [])]);
  }
  const item = ([code, parts]) => h("li", {}, h("button", { type: "button", class: "go", onclick: () => showError(code) }, code), parts.length ? h("span", { class: "quiet" }, ` “${parts.join("”, “")}”`) : "");
  return [...groups.values()].sort((a, b) => b.stays - a.stays).map(({ stays, action, codes }) =>
    h("details", { class: "errors", open: Boolean(stays) && action === "TRY_AGAIN" },
      h("summary", {}, h("strong", {}, action), ` ${data.actions[action]} ${stays ? "The state stays the same." : "Leads to FAILED."}`),
      h("ul", {}, [...codes].map(item))));
}

function showError(code) {
  const rows = data.errors.filter(([name]) => name === code);
  const states = [...nodes.keys()].filter((number) => nodes[number].errors.some(([n]) => data.errors[n][0] === code));
  const row = ([, part, action, fault, source]) => h("div", {},
    h("h3", {}, part ? `“${part}”` : rows.length > 1 ? "Any other message" : "Any message"),
    h("p", {}, h("strong", {}, action), ` ${data.actions[action]}`),
    h("p", { class: "quiet" }, `Fault: ${fault}. ${source}`));
  selected = null;
  showSelection();
  $("details").replaceChildren(
    heading(code, "outside", "error"),
    ...rows.map(row),
    ...(states.length ? [h("h3", {}, "Can occur in"), h("ul", { class: "index" }, states.map((n) => h("li", {}, stateButton(n))))] : [h("p", {}, "Any operation of AWS’s can return it.")]),
  );
  $("details").scrollTop = 0;
  $("details").focus();
}

// ---- the search ---------------------------------------------------------------------------------------------
const entries = []; // what can be found: states (rank 0), responses (1), errors (2), parameters (3)
const addEntry = (name, rank, hint, words, open, number) => entries.push({ name, rank, hint, words: `${name} ${words}`.toLowerCase(), open, number });
nodes.forEach((node, number) => {
  const open = () => openState(number, true);
  addEntry(node.name, 0, node.group, node.meaning, open, number);
  for (const each of node.carries) addEntry(each.name, 3, `carried by ${node.name}`, "", open, number);
  for (const each of node.takes) {
    addEntry(each.given, 1, `in ${node.name}`, `${each.class} ${each.meaning}`, open, number);
    for (const { name, value, within } of each.request.parameters)
      if (within || value) addEntry(value || name, 3, `${value ? `${name} ` : ""}of ${each.given} in ${node.name}`, "", open, number);
  }
});
for (const code of new Set(data.errors.map(([name]) => name)))
  addEntry(code, 2, "error", data.errors.filter(([name]) => name === code).map(([, part]) => part).join(" "), () => showError(code), null);

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
  list.replaceChildren(...found.slice(0, 14).map(({ name, hint, open }) => h("li", {}, h("button", { type: "button", onclick: () => { clearSearch(); open(); } }, h("span", { class: "mono" }, name), h("span", {}, hint)))));
  if (query && !found.length) list.append(h("li", { class: "none" }, "Nothing of that name."));
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
$("picture").addEventListener("click", (event) => {
  const element = event.target.closest("[data-node]");
  if (element) openState(Number(element.dataset.node));
});
$("search").addEventListener("input", showFound);
$("search").addEventListener("focus", () => { $("found").hidden = !$("search").value.trim(); });
document.addEventListener("click", (event) => { if (!$("search-box").contains(event.target)) $("found").hidden = true; });
function resize(factor) { // 0 fits the picture to the page
  const { style } = $("picture");
  style.width = factor ? `${Math.round($("picture").getBoundingClientRect().width * factor)}px` : "";
  style.minWidth = factor ? "0" : "";
}
$("smaller").addEventListener("click", () => resize(0.8));
$("larger").addEventListener("click", () => resize(1.25));
$("fit").addEventListener("click", () => resize(0));
$("theme").addEventListener("change", () => { document.documentElement.dataset.theme = $("theme").value; if (!$("theme").value) delete document.documentElement.dataset.theme; });

if (window.innerWidth < 700) $("settings").open = false; // show the picture first
buildSwitches();
setSwitches(data.preset);
showIndex();
const fromAddress = numberByName.get(decodeURIComponent(location.hash.slice(1)));
if (fromAddress !== undefined) openState(fromAddress);
window.explorer = { // for tests
  set: setSwitches,
  confidences: () => arrows.map((_, number) => confidence(number)),
  verdicts: () => ({ withoutLambda: verdicts(WITHOUT_LAMBDA), withLambda: verdicts(WITH_LAMBDA) }),
  arrowNumber: (...parts) => numberByKey.get(arrowKey(...parts)),
};
