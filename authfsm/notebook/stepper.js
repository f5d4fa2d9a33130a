// Draws the scene, and says what was pressed. It decides nothing: what can be done, and what it means, comes from
// the kernel. What is typed leaves as a message and is kept nowhere; what is told for one look stays in the page.

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

const BUTTONS = [["back", "‹ Back"], ["step", "Step ›"], ["run", "Run on »"], ["restart", "↺ Restart"]];
const TABS = [["wire", "On the wire"], ["history", "History"], ["what_if", "What may come next"], ["srp", "SRP’s values"]];
const LONG = 5000; // milliseconds after which it is said that no answer came
const LARGEST = 1.4; // pixels a point: a state's name is as large as the text beside it
let made = 0; // ids must differ between the steppers of a page

// ---- light or dark: as the page is, whoever's it is -----------------------------------------------------
function background(element) {
  for (let each = element; each; each = each.parentElement) {
    const colour = getComputedStyle(each).backgroundColor, parts = colour.match(/[\d.]+/g)?.map(Number);
    if (parts && parts.length >= 3 && (parts[3] ?? 1) > 0.5) return { colour, parts };
  }
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  return dark ? { colour: "#111", parts: [17, 17, 17] } : { colour: "#fff", parts: [255, 255, 255] };
}

function follow(root) {
  const look = () => {
    if (!root.parentElement) return;
    const { colour, parts: [r, g, b] } = background(root.parentElement);
    root.classList.toggle("dark", 0.2126 * r + 0.7152 * g + 0.0722 * b < 128);
    root.style.setProperty("--background", colour);
  };
  const watcher = new MutationObserver(() => requestAnimationFrame(look));
  for (const each of [document.documentElement, document.body]) watcher.observe(each, { attributes: true });
  // A theme's style sheet may come after the page has said that it is there.
  watcher.observe(document.head, { childList: true });
  const media = matchMedia("(prefers-color-scheme: dark)");
  media.addEventListener("change", look);
  requestAnimationFrame(look);
  return () => { watcher.disconnect(); media.removeEventListener("change", look); };
}

function render({ model, el }) {
  const id = `authfsm-${++made}`;
  let tab = "wire", busy = false, mine = false, told = null, filling = null, before = null, waiting = null;

  const part = (name, attributes) => h("div", { class: name, ...attributes });
  const parts = {
    who: part("who"), bar: part("bar", { role: "toolbar", "aria-label": "The tape" }),
    where: part("where", { role: "status", "aria-live": "polite" }), wrong: part("refused", { role: "alert" }),
    ask: part("ask"), picture: part("picture"), about: part("about", { role: "group", "aria-label": "About a state", tabindex: "-1" }),
    tabs: part("tabs", { role: "tablist", "aria-label": "More" }), panel: part("panel", { role: "tabpanel", id: `${id}-panel`, tabindex: "0" }),
  };
  const root = h("div", { class: "authfsm-stepper", "data-lm-suppress-shortcuts": "true", role: "group", "aria-label": "A sign-in, step by step" },
    h("div", { class: "head" }, parts.who, parts.bar), parts.where, parts.wrong, parts.ask, parts.picture, parts.about,
    h("div", { class: "more" }, parts.tabs, parts.panel));
  el.append(root);
  // What is typed here is not for the notebook: JupyterLab would take the focus at each key.
  for (const each of ["keydown", "keypress", "keyup"]) root.addEventListener(each, (event) => event.stopPropagation());

  // ---- asking the kernel ---------------------------------------------------------------------------------
  const silent = () => parts.wrong.replaceChildren("The kernel does not answer. If none is running, run the cell again.");
  const ask = (message) => { try { model.send(message); } catch { silent(); } }; // where the kernel is gone, it throws
  function move(message) {
    if (busy) return;
    busy = mine = true;
    root.setAttribute("aria-busy", "true");
    parts.wrong.replaceChildren();
    clearTimeout(waiting);
    waiting = setTimeout(silent, LONG);
    ask(message);
  }

  const buttons = Object.fromEntries(BUTTONS.map(([name, words]) => [name, h("button", { type: "button", class: `move ${name}`, onclick: () => { if (buttons[name].getAttribute("aria-disabled") !== "true") move({ do: name }); } }, words)]));
  parts.bar.append(...Object.values(buttons));
  const shows = h("input", { type: "checkbox", onchange: () => panel() });
  const values = h("div");
  const tabs = Object.fromEntries(TABS.map(([name, words]) => [name, h("button", { type: "button", role: "tab", id: `${id}-${name}`, "aria-controls": `${id}-panel`, onclick: () => { tab = name; panel(); } }, words)]));
  parts.tabs.append(...Object.values(tabs));
  parts.tabs.addEventListener("keydown", (event) => {
    const names = TABS.map(([name]) => name), by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    tab = names[(names.indexOf(tab) + by + names.length) % names.length];
    panel();
    tabs[tab].focus();
  });

  // ---- the forms -----------------------------------------------------------------------------------------
  function input(field, name) {
    const common = { name: field.name, id: name, required: field.needed, autocomplete: "off", spellcheck: "false" };
    if (field.kind === "choice")
      return h("div", { class: "choices", role: "radiogroup", "aria-label": field.label }, field.choices.map(([value, meaning], n) =>
        h("label", {}, h("input", { type: "radio", name: field.name, value, checked: n === 0 }), h("code", {}, value), meaning === value ? "" : h("span", { class: "quiet" }, meaning))));
    if (field.kind === "lines") return h("textarea", { ...common, rows: 3 });
    if (field.kind === "code") return h("input", { ...common, type: "text", inputmode: "numeric", size: 10, class: "code" });
    return h("input", { ...common, type: field.kind === "secret" ? "password" : "text", autocomplete: field.kind === "secret" ? "new-password" : "off", size: 24 });
  }

  function form(given, number) {
    const rows = given.fields.map((field, n) => {
      const name = `${id}-${number}-${n}`;
      if (field.kind === "choice") return input(field, name);
      return h("label", { class: "field", for: name }, h("span", {}, field.label, field.needed ? "" : " (may be left out)"), input(field, name));
    });
    const give = (event) => {
      event.preventDefault();
      move({ do: "give", trigger: given.trigger, values: Object.fromEntries(new FormData(event.target)) });
    };
    return h("form", { class: `form ${number ? "other" : "first"}`, "data-trigger": given.trigger, onsubmit: give },
      h("p", {}, given.says), h("div", { class: "fields" }, rows, h("button", { type: "submit", class: number ? "" : "primary" }, given.button)));
  }

  const hint = h("div", { class: "aside" });
  function aside() {
    hint.replaceChildren();
    if (!told || !(told.code || told.key)) return;
    const code = parts.ask.querySelector("input.code");
    if (told.picture) {
      const drawing = h("div", { class: "qr" });
      drawing.innerHTML = told.picture;
      hint.append(drawing);
    }
    const lines = h("div");
    if (told.key) lines.append(h("p", {}, "To be typed where there is no camera: ", h("code", { class: "key" }, told.key.replace(/(.{4})(?=.)/g, "$1 "))));
    if (told.code) lines.append(h("p", {}, told.says, " ", h("code", { class: "sent" }, told.code), " ", code ? h("button", { type: "button", class: "fill", onclick: () => { filling = true; ask({ do: "aside" }); } }, "Fill it in") : ""));
    hint.append(lines);
    if (filling && code && told.code) { code.value = told.code; code.focus(); }
    filling = null;
  }

  // ---- the scene -----------------------------------------------------------------------------------------
  function where(scene) {
    const slug = scene.group.replace(" ", "-");
    parts.who.replaceChildren(h("b", {}, scene.who), " by ", h("code", {}, scene.flow));
    parts.where.replaceChildren(h("span", { class: `chip ${slug}` }, scene.state), h("span", {}, scene.meaning), h("span", { class: "quiet steps" }, scene.steps === 1 ? "1 step" : `${scene.steps} steps`));
    for (const [name] of BUTTONS) {
      const { on, why } = scene.buttons[name];
      buttons[name].setAttribute("aria-disabled", String(!on));
      buttons[name].title = why;
    }
    buttons.step.classList.toggle("primary", scene.buttons.step.on);
    const refused = scene.refused;
    parts.wrong.replaceChildren(...(refused ? [h("b", {}, refused.code), " ", refused.said, h("div", {}, refused.advice, " ", h("span", { class: "quiet" }, `Fault: ${refused.fault}.`))] : []));
  }

  function forms(scene) {
    const facts = scene.facts.length ? [h("dl", {}, scene.facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]))] : [];
    const [first, ...others] = scene.forms.map(form);
    if (first && scene.aside) first.append(hint);
    const next = scene.next ? [h("div", { class: "next" }, h("p", {}, "Next, without a person: ", h("code", {}, scene.next.trigger), " by ", h("code", {}, scene.next.operation), "."), h("p", { class: "quiet" }, scene.next.about))] : [];
    const rest = others.length ? [h("details", { class: "others" }, h("summary", {}, "Other ways to answer"), others)] : [];
    told = null;
    hint.replaceChildren();
    parts.ask.replaceChildren(...facts, ...next, ...(first ? [first] : []), ...rest);
    if (scene.aside) ask({ do: "aside" });
    if (mine) (parts.ask.querySelector(".first input, .first textarea, .first button") ?? (scene.buttons.step.on ? buttons.step : null))?.focus({ preventScroll: true });
  }

  function picture(scene) {
    if (!scene.picture) { parts.picture.replaceChildren(h("p", { class: "quiet" }, "No program here lays the diagram out.")); return; }
    parts.picture.innerHTML = scene.picture;
    const svg = parts.picture.querySelector("svg");
    svg.style.maxWidth = `${Math.round(svg.dataset.width * LARGEST)}px`; // a small diagram stays small
    const lit = new Set([...parts.picture.querySelectorAll('[data-line] > path[stroke="var(--highlight)"], [data-line] > path[stroke="var(--warning)"]')].map((path) => { path.setAttribute("pathLength", "1"); return path.parentElement.dataset.line; }));
    if (before) for (const line of lit) if (!before.has(line)) parts.picture.querySelector(`[data-line="${line}"]`).classList.add("fresh");
    before = lit;
    for (const node of parts.picture.querySelectorAll("[data-node]")) {
      const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
      title.textContent = `${node.getAttribute("aria-label")} Click for more.`;
      node.prepend(title);
    }
  }

  function panel() {
    const { panels } = model.get("scene");
    for (const [name] of TABS) {
      tabs[name].setAttribute("aria-selected", String(name === tab));
      tabs[name].tabIndex = name === tab ? 0 : -1;
    }
    parts.panel.setAttribute("aria-labelledby", `${id}-${tab}`);
    parts.panel.dataset.tab = tab;
    if (tab !== "srp") { parts.panel.innerHTML = panels[tab]; return; }
    values.replaceChildren();
    parts.panel.replaceChildren(h("label", { class: "switch" }, shows, " Show what SRP reckons, shortened. These are secrets: they are shown here, and not saved with the notebook."), values);
    if (shows.checked) ask({ do: "srp" });
  }

  function draw() {
    const scene = model.get("scene");
    if (!scene?.state) return;
    where(scene);
    forms(scene);
    picture(scene);
    panel();
    root.dataset.state = scene.state;
    root.dataset.steps = scene.steps;
  }

  function heard(message) {
    if (message.aside) { told = message.aside; aside(); }
    if (message.srp && shows.checked) values.innerHTML = message.srp;
    if (message.about) { parts.about.innerHTML = message.about; parts.about.prepend(h("button", { type: "button", class: "close", onclick: () => parts.about.replaceChildren() }, "Close")); parts.about.scrollIntoView({ block: "nearest" }); }
    if (message.wrong) parts.wrong.replaceChildren(h("b", {}, "Not done. "), message.wrong);
    if (message.settled && !["aside", "srp", "about"].includes(message.settled)) { clearTimeout(waiting); if (!message.wrong) where(model.get("scene")); busy = mine = false; root.removeAttribute("aria-busy"); }
  }

  function chosen(event) {
    const node = event.target.closest("[data-node]");
    if (!node || (event.type === "keydown" && event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    ask({ do: "about", place: Number(node.dataset.node) });
  }
  parts.picture.addEventListener("click", chosen);
  parts.picture.addEventListener("keydown", chosen);
  model.on("change:scene", draw);
  model.on("msg:custom", heard);
  const leave = follow(root);
  draw();
  return () => { clearTimeout(waiting); leave(); model.off("change:scene", draw); model.off("msg:custom", heard); };
}

export default { render };
