"use strict";
// The page works out what settings rule out as authfsm.settings does: the trees are its rules, asked in
// Python; `verdicts` is its walk (authfsm/settings/reach.py), held to it by tests.
const data = JSON.parse(document.getElementById("data").textContent);
const { places, arrows, forks, reasons, own, switches } = data;
const $ = (id) => document.getElementById(id);
const byName = new Map(places.map((place, number) => [place.name, number]));
const START = byName.get("START"), FAILED = byName.get("FAILED");
const at = switches.map(() => 0); // which of its values each switch has
let chosen = null, seen = null;

// ---- what settings rule out ------------------------------------------------------------------------
const [SOURCE, GIVEN, DEST, WHIMS, PLAIN, USUAL, ECHOES, SURE, KIND] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
const into = places.map(() => []), outOf = places.map(() => []);
for (const arrow of arrows) {
  if (arrow[ECHOES]) continue;
  into[arrow[DEST]].push(arrow);
  outOf[arrow[SOURCE]].push(arrow);
}
const numberOf = new Map(arrows.map((arrow, number) => [arrow, number]));

function answer(tree) {
  while (tree >= 0) tree = forks[tree][1 + at[forks[tree][0]]];
  return reasons[-1 - tree];
}

function verdicts(column) {
  const why = arrows.map((arrow) => answer(arrow[column]));
  const reached = new Set([START]);
  for (const place of reached) // a set grows while it is walked
    for (const arrow of outOf[place]) if (why[numberOf.get(arrow)] === null) reached.add(arrow[DEST]);
  const cut = places.map((_, place) => (reached.has(place) ? null : cutOff(place, why, reached)));
  const told = arrows.map((arrow, number) => why[number] ?? cut[arrow[SOURCE]] ?? (arrow[ECHOES] ? cut[arrow[DEST]] : null));
  return { arrows: told, places: cut };
}

function cutOff(place, why, reached) {
  const reason = place in own ? answer(own[place]) : null;
  if (reason !== null) return reason;
  const causes = new Set(), met = new Set([place]);
  for (const node of met) {
    const usual = into[node].filter((arrow) => arrow[USUAL]);
    for (const arrow of usual.length ? usual : into[node]) {
      if (reached.has(arrow[SOURCE])) causes.add(why[numberOf.get(arrow)] ?? "");
      else met.add(arrow[SOURCE]);
    }
  }
  return [...causes].join("; ");
}

function look() {
  const plain = verdicts(PLAIN), full = verdicts(WHIMS);
  const arrow = new Map(arrows.map((each, n) => [`${each[SOURCE]} ${each[GIVEN]} ${each[DEST]} ${each[KIND]}`, n]));
  return { plain, full, arrow };
}

// ---- elements ----------------------------------------------------------------------------------------
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
const aws = (href, words) => h("a", { href, target: "_blank", rel: "noopener" }, words);
const mark = (confidence) => data.marks[confidence] ?? "";

function go(number, ruled = null) {
  return h("button", { type: "button", class: `go${ruled ? " ruled" : ""}`, title: ruled && `ruled out: ${ruled}`, "data-go": number, onclick: () => open(number, true) }, places[number].name);
}

// ---- the switches --------------------------------------------------------------------------------------
function build() {
  const form = $("switches"), groups = new Map();
  switches.forEach((each, number) => {
    if (!groups.has(each.group)) groups.set(each.group, form.appendChild(h("fieldset", {}, h("legend", {}, each.group))));
    groups.get(each.group).append(control(each, number));
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => { $("example").value = ""; read(); });
  $("example").append(h("option", { value: "" }, "as set below"), ...Object.keys(data.examples).map((name) => h("option", { value: name }, name.replaceAll("_", " "))));
  $("example").addEventListener("change", () => { if ($("example").value) set(data.examples[$("example").value]); });
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

function read() {
  for (const input of document.querySelectorAll("[data-switch]")) {
    const number = Number(input.dataset.switch), values = switches[number].values;
    if (input.type === "checkbox") at[number] = input.checked ? 0 : 1;
    else if (input.type !== "radio" || input.checked) at[number] = values.indexOf(input.value);
  }
  show();
}

function set(values) {
  switches.forEach((each, number) => { at[number] = Math.max(0, each.values.indexOf(values[each.key] ?? each.values[0])); });
  for (const input of document.querySelectorAll("[data-switch]")) {
    const number = Number(input.dataset.switch), value = switches[number].values[at[number]];
    if (input.type === "checkbox") input.checked = value;
    else if (input.type === "radio") input.checked = input.value === value;
    else input.value = value;
  }
  show();
}

// ---- the picture ---------------------------------------------------------------------------------------
function show() {
  seen = look();
  const { plain } = seen;
  for (const node of document.querySelectorAll("[data-place]")) {
    const number = Number(node.dataset.place), place = places[number], why = outOfReach(number);
    node.classList.toggle("ruled", Boolean(why));
    const within = [...node.querySelectorAll("[data-given]")].map((text) => ` ${text.dataset.given}`).join("");
    node.setAttribute("aria-label", `${place.name}${within}: ${place.meaning}${why ? ` Ruled out: ${why}` : ""}`);
    tip(node, why ? `Ruled out: ${why}` : place.meaning);
    for (const text of node.querySelectorAll("[data-given]"))
      text.classList.toggle("ruled", every(arrows.filter((a) => a[SOURCE] === number && a[GIVEN] === text.dataset.given && a[DEST] !== FAILED).map((a) => plain.arrows[numberOf.get(a)])));
  }
  for (const node of document.querySelectorAll("[data-junction]"))
    node.classList.toggle("ruled", every(data.junctions[node.dataset.junction].map((place) => plain.places[place])));
  for (const node of document.querySelectorAll("[data-line]")) {
    const line = data.lines[Number(node.dataset.line)];
    if (line.to) {
      node.classList.toggle("ruled", every(line.to.map((place) => plain.places[place])));
      node.classList.toggle("unsure", unsure(line.through));
      continue;
    }
    const out = Object.entries(line.by).map(([given, which]) => [given, every(which.map((n) => plain.arrows[n]))]);
    node.classList.toggle("ruled", out.every(([, ruled]) => ruled));
    node.classList.toggle("unsure", unsure(Object.values(line.by).flat()));
    for (const text of node.querySelectorAll("[data-given]")) text.classList.toggle("ruled", out.some(([given, ruled]) => ruled && given === text.dataset.given));
  }
  told();
  if (chosen !== null) detail(chosen);
  lit();
}

const confidence = (number) => answer(arrows[number][SURE]);
function unsure(numbers) { // is all that settings leave of them known by inference alone, or contradicted?
  const left = numbers.filter((number) => seen.plain.arrows[number] === null);
  return left.length > 0 && left.every((number) => confidence(number) in data.marks);
}
const every = (reasons_) => reasons_.length > 0 && reasons_.every((why) => why !== null);
const outOfReach = (number) => seen.plain.places[number];

function tip(node, words) {
  let title = node.querySelector(":scope > title");
  if (!title) node.prepend((title = document.createElementNS("http://www.w3.org/2000/svg", "title")));
  title.textContent = words;
}

function told() {
  const by = new Map();
  const add = (why, what) => by.set(why, [...(by.get(why) ?? []), what]);
  for (const each of places[START].takes) {
    const ways = arrows.map((a, n) => [a, n]).filter(([a]) => a[SOURCE] === START && a[GIVEN] === each.given && a[DEST] !== FAILED && a[DEST] !== START).map(([, n]) => seen.plain.arrows[n]);
    if (every(ways)) add(ways[0], h("code", {}, each.given));
  }
  places.forEach((_, number) => { const why = outOfReach(number); if (why !== null) add(why, go(number)); });
  $("reasons").replaceChildren(...[...by].map(([why, names]) => h("li", {}, h("strong", {}, `${why}: `), names.flatMap((name, i) => (i ? [" ", name] : [name])))));
  if (!by.size) $("reasons").append(h("li", {}, "Nothing: everything on the picture is possible."));
  const count = places.filter((_, number) => outOfReach(number) !== null).length;
  $("said").textContent = count ? `${count} of ${places.length} states ruled out` : "nothing ruled out";
  $("summary").textContent = switches.map((each, n) => `${each.label}: ${typeof each.values[0] === "boolean" ? (each.values[at[n]] ? "yes" : "no") : each.values[at[n]]}`).join("  ·  ");
}

function lit() {
  for (const node of document.querySelectorAll("[data-place]")) {
    const mine = Number(node.dataset.place) === chosen;
    node.classList.toggle("chosen", mine);
    node.setAttribute("aria-pressed", mine);
  }
  for (const node of document.querySelectorAll("[data-line]")) {
    const line = data.lines[Number(node.dataset.line)];
    node.classList.toggle("lit", chosen !== null && line.from === places[chosen].name);
  }
}

// ---- the details ---------------------------------------------------------------------------------------
function open(number, focus = false) {
  chosen = number;
  lit();
  detail(number);
  history.replaceState(null, "", `#${encodeURIComponent(places[number].name)}`);
  $("details").scrollTop = 0;
  if (focus) $("details").focus({ preventScroll: window.innerWidth > 1056 });
}

function close() {
  const node = chosen !== null && document.querySelector(`[data-place="${chosen}"]`);
  chosen = null;
  lit();
  index();
  history.replaceState(null, "", location.pathname + location.search);
  if (node) node.focus();
}

function head(title, group) {
  return h("div", { class: "title" }, h("div", {}, h("h2", {}, title), h("span", { class: `chip ${slug(group)}` }, group)), h("button", { type: "button", id: "close", onclick: close, "aria-keyshortcuts": "Escape" }, "Close"));
}

function index() {
  const groups = Map.groupBy ? Map.groupBy(places.keys(), (n) => places[n].group) : places.reduce((m, p, n) => m.set(p.group, [...(m.get(p.group) ?? []), n]), new Map());
  const lists = [...groups].map(([group, numbers]) => [h("h3", {}, h("span", { class: `chip ${slug(group)}` }, group)), h("ul", { class: "index all" }, [...numbers].map((n) => h("li", {}, go(n, outOfReach(n)))))]);
  $("details").replaceChildren(h("h2", {}, "Choose a state"), h("p", {}, "Click one in the picture, or here: what it asks, what it takes, where that leads, and what can go wrong. The switches above fade what a pool’s settings rule out."), ...lists.flat());
}

function detail(number) {
  const place = places[number], why = outOfReach(number);
  const parts = [head(place.name, place.group), h("p", {}, place.meaning), h("p", {}, aws(place.page, "AWS’s page about it"))];
  if (why !== null) parts.push(h("p", { class: "why" }, h("strong", {}, "Ruled out: "), why, seen.full.places[number] === null ? ". Only a Lambda function may still name it." : "."));
  if (place.carries.length) parts.push(h("h3", {}, "Carries"), parameters(place.carries));
  if (!place.session) parts.push(h("p", { class: "quiet" }, "May come without a Session."));
  for (const each of place.takes) parts.push(...taken(number, each));
  if (!place.takes.length) parts.push(h("p", {}, "Takes nothing: it ends here."));
  if (place.from.length) parts.push(h("h3", {}, "Comes from"), sources(number));
  if (place.errors.length) parts.push(h("h3", {}, "Errors"), ...errors(place));
  $("details").replaceChildren(...parts);
}

function parameters(every_) {
  return h("dl", {}, every_.flatMap((each) => {
    const words = [each.value && `= ${each.value}`, each.about?.replaceAll("`", ""), each.when && `(${each.when})`].filter(Boolean).join(" ");
    return [h("dt", {}, each.within && each.within !== "ChallengeParameters" ? h("span", { class: "quiet" }, `${each.within}.`) : "", h("code", {}, each.name)), h("dd", {}, words)];
  }));
}

function taken(number, each) {
  const ways = each.leads_to.map((way) => {
    const to = byName.get(way.state);
    const arrow = seen.arrow.get(`${number} ${each.given} ${to} ${way.kind ?? ""}`), known = confidence(arrow);
    const ruled = outOfReach(number) === null ? seen.plain.arrows[arrow] : null;
    const evidence = h("details", { class: "evidence" }, h("summary", {}, `${known}${mark(known)}`), way.evidence.map(([sure, when, source]) => h("p", {}, `${sure}: ${[when, source].filter(Boolean).join(" — ")}`)));
    return h("li", {}, go(to, ruled), way.kind ? h("span", { class: "quiet" }, ` (${way.kind})`) : "", ruled ? h("div", { class: "quiet" }, `ruled out: ${ruled}`) : "", evidence);
  });
  return [
    h("h3", {}, "Takes ", h("code", {}, each.given)),
    h("p", {}, `${each.meaning}${each.needs ? ` (${each.needs})` : ""}`),
    h("details", { class: "request" }, h("summary", {}, `${each.request.operation}, with ${each.request.parameters.length} parameters`), h("p", {}, aws(each.request.page, `AWS’s page about ${each.request.operation}`)), parameters(each.request.parameters)),
    h("p", { class: "quiet" }, "leads to"),
    h("ul", { class: "ways" }, ways),
  ];
}

function sources(number) {
  const by = new Map();
  for (const each of places[number].from) by.set(each.state, [...(by.get(each.state) ?? []), each.given + (each.kind ? ` (${each.kind})` : "") + mark(confidence(seen.arrow.get(`${byName.get(each.state)} ${each.given} ${number} ${each.kind ?? ""}`)))]);
  return h("ul", { class: "ways" }, [...by].map(([state, given]) => h("li", {}, go(byName.get(state), outOfReach(byName.get(state))), " ", h("span", { class: "quiet" }, given.join(", ")))));
}

function errors(place) {
  const groups = new Map();
  for (const [number, stays] of place.errors) {
    const [code, part, action] = data.errors[number], key = `${stays} ${action}`;
    if (!groups.has(key)) groups.set(key, { stays, action, codes: new Map() });
    const { codes } = groups.get(key);
    codes.set(code, [...(codes.get(code) ?? []), ...(part ? [part] : [])]);
  }
  const sorted = [...groups.values()].sort((a, b) => b.stays - a.stays);
  return sorted.map(({ stays, action, codes }) => h("details", { class: "errors", open: Boolean(stays) && action === "TRY_AGAIN" }, h("summary", {}, h("strong", {}, action), ` ${data.actions[action]} ${stays ? "It stays here." : "Leads to FAILED."}`), h("ul", {}, [...codes].map(([code, parts]) => h("li", {}, h("button", { type: "button", class: "go", onclick: () => error(code) }, code), parts.length ? h("span", { class: "quiet" }, ` “${parts.join("”, “")}”`) : "")))));
}

function error(code) {
  const rows = data.errors.map((row, number) => [...row, number]).filter(([name]) => name === code);
  const met = places.flatMap((place, number) => (place.errors.some(([n]) => data.errors[n][0] === code) ? [number] : []));
  chosen = null;
  lit();
  $("details").replaceChildren(
    head(code, "outside"),
    ...rows.map(([, part, action, fault, source]) => h("div", {}, h("h3", {}, part ? `“${part}”` : rows.length > 1 ? "Any other message" : "Any message"), h("p", {}, h("strong", {}, action), ` ${data.actions[action]}`), h("p", { class: "quiet" }, `Fault: ${fault}. ${source}`))),
    ...(met.length ? [h("h3", {}, "May be met in"), h("ul", { class: "index" }, met.map((n) => h("li", {}, go(n))))] : [h("p", {}, "Any operation of AWS’s may give it.")]),
  );
  $("details").querySelector(".chip").textContent = "error";
  $("details").scrollTop = 0;
  $("details").focus();
}

// ---- the search ----------------------------------------------------------------------------------------
const entries = [];
const entry = (name, kind, hint, words, act, number) => entries.push({ name, kind, hint, words: `${name} ${words}`.toLowerCase(), act, number });
places.forEach((place, number) => entry(place.name, 0, place.group, place.meaning, () => open(number, true), number));
places.forEach((place, number) => {
  for (const each of place.takes) entry(each.given, 1, `in ${place.name}`, `${each.class} ${each.meaning}`, () => open(number, true), number);
});
for (const code of new Set(data.errors.map(([name]) => name)))
  entry(code, 2, "error", data.errors.filter(([name]) => name === code).map(([, part]) => part).join(" "), () => error(code), null);
places.forEach((place, number) => {
  for (const each of place.carries) entry(each.name, 3, `carried by ${place.name}`, "", () => open(number, true), number);
  for (const each of place.takes)
    for (const parameter of each.request.parameters)
      if (parameter.within || parameter.value) entry(parameter.value || parameter.name, 3, `${parameter.value ? `${parameter.name} ` : ""}of ${each.given} in ${place.name}`, "", () => open(number, true), number);
});

function seek(words) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  if (!wanted.length) return [];
  const rank = ({ name, kind }) => (name === words ? -1 : name.toLowerCase() === words.toLowerCase() ? 0 : name.toLowerCase().startsWith(wanted[0]) ? 1 : name.toLowerCase().includes(wanted[0]) ? 2 : 3) * 10 + kind;
  const met = new Set();
  return entries.filter(({ words: told }) => wanted.every((word) => told.includes(word))).sort((a, b) => rank(a) - rank(b)).filter(({ name, hint }) => !met.has(`${name} ${hint}`) && met.add(`${name} ${hint}`));
}

function searched() {
  const words = $("search").value.trim(), found = seek(words), list = $("found");
  const numbers = new Set(found.map(({ number }) => number));
  for (const node of document.querySelectorAll("[data-place]")) node.classList.toggle("found", Boolean(words) && numbers.has(Number(node.dataset.place)));
  list.hidden = !words;
  list.replaceChildren(...found.slice(0, 14).map(({ name, hint, act }) => h("li", {}, h("button", { type: "button", onclick: () => { leave(); act(); } }, h("span", { class: "mono" }, name), h("span", {}, hint)))));
  if (words && !found.length) list.append(h("li", { class: "none" }, "Nothing of that name."));
}

function leave() {
  $("search").value = "";
  searched();
}

function step(by) {
  const buttons = [...$("found").querySelectorAll("button")], next = buttons.indexOf(document.activeElement) + by;
  if (next < 0 && by < 0) $("search").focus();
  else buttons[Math.min(next, buttons.length - 1)]?.focus();
}

// ---- the keys, the size, the colours -----------------------------------------------------------------------
document.addEventListener("keydown", (event) => {
  const seeking = $("seek").contains(document.activeElement);
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
  const node = event.target.closest?.("[data-place]");
  if (node && (event.key === "Enter" || event.key === " ")) open(Number(node.dataset.place), true);
  else if (event.key === "/" && !typing) $("search").focus();
  else if (event.key === "Escape" && seeking) { leave(); $("search").focus(); }
  else if (event.key === "Escape") close();
  else if (event.key === "ArrowDown" && seeking) step(1);
  else if (event.key === "ArrowUp" && seeking) step(-1);
  else if (event.key === "Enter" && event.target === $("search")) $("found").querySelector("button")?.click();
  else return;
  event.preventDefault();
});
$("picture").addEventListener("click", (event) => {
  const node = event.target.closest("[data-place]");
  if (node) open(Number(node.dataset.place));
});
$("search").addEventListener("input", searched);
document.addEventListener("click", (event) => { if (!$("seek").contains(event.target)) $("found").hidden = true; });
$("search").addEventListener("focus", () => { $("found").hidden = !$("search").value.trim(); });
const size = (factor) => { const picture = $("picture"), width = picture.getBoundingClientRect().width * factor; picture.style.width = factor ? `${Math.round(width)}px` : ""; picture.style.minWidth = factor ? "0" : ""; };
$("smaller").addEventListener("click", () => size(0.8));
$("larger").addEventListener("click", () => size(1.25));
$("fit").addEventListener("click", () => size(0));
$("theme").addEventListener("change", () => { document.documentElement.dataset.theme = $("theme").value; if (!$("theme").value) delete document.documentElement.dataset.theme; });

if (window.innerWidth < 700) $("settings").open = false; // the picture first
build();
set(data.preset);
index();
const asked = byName.get(decodeURIComponent(location.hash.slice(1)));
if (asked !== undefined) open(asked);
window.explorer = { set, confidences: () => arrows.map((_, number) => confidence(number)), verdicts: () => ({ plain: verdicts(PLAIN), full: verdicts(WHIMS) }) };
