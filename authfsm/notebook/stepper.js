// Draws the view model, and sends user input to the kernel, which decides what is possible. User input and the
// secrets that the page shows on request are messages; they are not part of the saved notebook.

function h(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

const BUTTONS = [["back", "‹ Back"], ["step", "Step ›"], ["run", "Run on »"], ["play", "▶ Play"], ["restart", "↺ Restart"]];
const DELAYS = [1, 2, 3, 5, 10]; // seconds between the steps of "Play"
const TABS = [["wire", "On the wire"], ["history", "History"], ["what_if", "What may come next"], ["srp", "SRP’s values"]];
const TIMEOUT = 5000; // milliseconds after which the page says that the kernel does not reply
const LARGEST_SCALE = 1.15; // pixels a point: a state's name is as large as the text beside it
const MARGIN = 6; // points around the diagram
let stepperCount = 0; // for ids, which must differ between the steppers of a page

// ---- what a passkey signs (W3C Web Authentication, 6.1 and 7.2) --------------------------------------------------
export function signedParts(credential) {
  const { clientDataJSON, authenticatorData, signature } = JSON.parse(credential).response;
  const text = (encoded) => atob(encoded.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = (encoded) => Array.from(text(encoded), (each) => each.charCodeAt(0));
  const hex = (numbers) => numbers.map((each) => each.toString(16).padStart(2, "0")).join("");
  const data = bytes(authenticatorData), signed = bytes(signature);
  const flags = [[1, "user present"], [4, "user verified"]].filter(([bit]) => data[32] & bit).map(([, name]) => name);
  return [
    ["clientDataJSON", text(clientDataJSON)],
    ["authenticatorData", `SHA-256 of the relying party’s id: ${hex(data.slice(0, 4))}…; flags: ${flags.join(", ")}; counter: ${parseInt(hex(data.slice(33, 37)), 16)}`],
    ["message", "authenticatorData | SHA-256(clientDataJSON)"],
    ["signature", `ECDSA on P-256: ${hex(signed.slice(0, 4))}…${hex(signed.slice(-4))}`],
  ];
}

// ---- light or dark, as the page's background is ---------------------------------------------------------------
function rgba(colour) { // whatever notation it has, such as oklch(...)
  const context = document.createElement("canvas").getContext("2d");
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  return context.getImageData(0, 0, 1, 1).data;
}

function background(element) {
  for (let each = element; each; each = each.parentElement ?? each.getRootNode().host) { // also out of a shadow tree
    const colour = getComputedStyle(each).backgroundColor, parts = rgba(colour);
    if (parts[3] > 127) return { colour, parts };
  }
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  return dark ? { colour: "#111", parts: [17, 17, 17] } : { colour: "#fff", parts: [255, 255, 255] };
}

function followPageTheme(root) {
  const update = () => {
    if (!root.parentElement) return;
    const { colour, parts: [r, g, b] } = background(root.parentElement);
    root.classList.toggle("dark", 0.2126 * r + 0.7152 * g + 0.0722 * b < 128);
    root.style.setProperty("--background", colour);
  };
  const observer = new MutationObserver(() => requestAnimationFrame(update));
  for (const each of [document.documentElement, document.body]) observer.observe(each, { attributes: true });
  observer.observe(document.head, { childList: true }); // a theme's style sheet may load later
  const media = matchMedia("(prefers-color-scheme: dark)");
  media.addEventListener("change", update);
  requestAnimationFrame(update);
  return () => { observer.disconnect(); media.removeEventListener("change", update); };
}

function render({ model, el }) {
  const id = `authfsm-${++stepperCount}`;
  let currentTab = "wire";
  let isBusy = false; // a move was sent and the kernel has not replied
  let hasMoved = false; // this page sent the last move, so the focus may move to the form
  let secrets = null; // the debug secrets that are shown
  let fillIn = false; // whether to fill in the code that the kernel sends next
  let highlightedBefore = null; // the numbers of the lines that were highlighted before the step
  let timer = null;
  let isPlaying = false; // "Play" takes the steps
  let isLecture = false; // "Play" was pressed at least once: "Step" now also sends the answers that are known
  let playTimer = null;

  const part = (name, attributes) => h("div", { class: name, ...attributes });
  const parts = {
    who: part("who"), toolbar: part("bar", { role: "toolbar", "aria-label": "Steps" }),
    position: part("where", { role: "status", "aria-live": "polite" }), error: part("refused", { role: "alert" }),
    ask: part("ask"), picture: part("picture"), about: part("about", { role: "group", "aria-label": "About a state", tabindex: "-1" }),
    tabs: part("tabs", { role: "tablist", "aria-label": "More" }), panel: part("panel", { role: "tabpanel", id: `${id}-panel`, tabindex: "0" }),
  };
  const root = h("div", { class: "authfsm-stepper", "data-lm-suppress-shortcuts": "true", role: "group", "aria-label": "A sign-in, step by step" },
    h("div", { class: "head" }, parts.who, parts.toolbar), parts.position, parts.error, parts.ask, parts.picture, parts.about,
    h("div", { class: "more" }, parts.tabs, parts.panel));
  el.append(root);
  // JupyterLab must not take keys that are typed here for its own shortcuts.
  for (const each of ["keydown", "keypress", "keyup"]) root.addEventListener(each, (event) => event.stopPropagation());

  // ---- messages to the kernel -----------------------------------------------------------------------------------
  const showTimeout = () => { setPlaying(false); parts.error.replaceChildren("The kernel does not reply. If none is running, run the cell again."); };
  const send = (message) => { try { model.send(message); } catch { showTimeout(); } }; // it throws without a kernel
  function sendMove(message) {
    if (isBusy) return;
    isBusy = hasMoved = true;
    root.setAttribute("aria-busy", "true");
    parts.error.replaceChildren();
    clearTimeout(timer);
    timer = setTimeout(showTimeout, TIMEOUT);
    send(message);
  }

  function press(name) {
    if (buttons[name].getAttribute("aria-disabled") === "true") return;
    if (name === "play") { setPlaying(!isPlaying); return; }
    setPlaying(false);
    sendMove({ do: name === "step" && isLecture ? "advance" : name });
  }

  // ---- "Play": a step, a pause for the audience, and the next step --------------------------------------------------
  function setPlaying(value) {
    isPlaying = value;
    isLecture ||= value;
    clearTimeout(playTimer);
    drawButtons(model.get("view_model"));
    if (value) playOn();
  }
  const playOn = () => { sendMove({ do: "advance" }); hasMoved = false; }; // the focus stays where it is
  function scheduleNext(failed) {
    if (!isPlaying) return;
    const { refusal, buttons: { play } } = model.get("view_model");
    if (failed || refusal || !play.enabled) setPlaying(false);
    else playTimer = setTimeout(playOn, 1000 * Number(delay.value));
  }

  const buttons = Object.fromEntries(BUTTONS.map(([name, label]) => [name, h("button", { type: "button", class: `move ${name}`, onclick: () => press(name) }, label)]));
  const delay = h("select", { class: "delay", "aria-label": "Seconds between the steps of Play" }, DELAYS.map((seconds) => h("option", { value: seconds, selected: seconds === 2 }, `${seconds} s`)));
  parts.toolbar.append(...Object.values(buttons).flatMap((each) => (each === buttons.play ? [each, delay] : [each])));
  const srpSwitch = h("input", { type: "checkbox", onchange: () => drawPanel() });
  const srpValues = h("div");
  const openTab = (name) => { currentTab = name; drawPanel(); };
  const tabs = Object.fromEntries(TABS.map(([name, label]) => [name, h("button", { type: "button", role: "tab", id: `${id}-${name}`, "aria-controls": `${id}-panel`, onclick: () => openTab(name) }, label)]));
  parts.tabs.append(...Object.values(tabs));
  parts.tabs.addEventListener("keydown", (event) => {
    const names = TABS.map(([name]) => name), by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    openTab(names[(names.indexOf(currentTab) + by + names.length) % names.length]);
    tabs[currentTab].focus();
  });

  // ---- the forms --------------------------------------------------------------------------------------------------
  function input(field, inputId) {
    const common = { name: field.name, id: inputId, required: field.required, autocomplete: "off", spellcheck: "false" };
    if (field.kind === "choice")
      return h("div", { class: "choices", role: "radiogroup", "aria-label": field.label }, field.choices.map(({ value, label }, n) =>
        h("label", {}, h("input", { type: "radio", name: field.name, value, checked: n === 0 }), h("code", {}, value), label === value ? "" : h("span", { class: "quiet" }, label))));
    if (field.kind === "lines" || field.kind === "credential") return h("textarea", { ...common, rows: 3 });
    if (field.kind === "code") return h("input", { ...common, type: "text", inputmode: "numeric", size: 10, class: "code" });
    const isSecret = field.kind === "password";
    return h("input", { ...common, type: isSecret ? "password" : "text", autocomplete: isSecret ? "new-password" : "off", size: 24 });
  }

  function form(prompt, number) {
    const rows = prompt.fields.map((field, n) => {
      const inputId = `${id}-${number}-${n}`;
      if (field.kind === "choice") return input(field, inputId);
      return h("label", { class: "field", for: inputId }, h("span", {}, field.label, field.required ? "" : " (optional)"), input(field, inputId));
    });
    const submit = (event) => {
      event.preventDefault();
      setPlaying(false);
      sendMove({ do: "answer", trigger: prompt.response, values: Object.fromEntries(new FormData(event.target)) });
    };
    return h("form", { class: `form ${number ? "other" : "first"}`, "data-trigger": prompt.response, onsubmit: submit },
      h("p", {}, prompt.explanation), h("div", { class: "fields" }, rows, h("button", { type: "submit", class: number ? "" : "primary" }, prompt.label)));
  }

  const list = (rows) => h("dl", {}, rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
  const secretsBox = h("div", { class: "debug-secrets" });
  function drawSecrets() {
    secretsBox.replaceChildren();
    if (!secrets || !(secrets.code || secrets.key)) return;
    const codeInput = parts.ask.querySelector(".first :is(input.code, textarea)");
    const signed = codeInput?.matches("textarea") ? signedParts(secrets.code) : [];
    if (secrets.qr_code) {
      const drawing = h("div", { class: "qr" });
      drawing.innerHTML = secrets.qr_code;
      secretsBox.append(drawing);
    }
    const lines = h("div");
    const fill = () => { fillIn = true; send({ do: "debug_secrets" }); };
    if (secrets.key) lines.append(h("p", {}, "To type where there is no camera: ", h("code", { class: "key" }, secrets.key.replace(/(.{4})(?=.)/g, "$1 "))));
    if (secrets.code) lines.append(h("p", {}, secrets.explanation, " ", signed.length ? "" : h("code", { class: "sent" }, secrets.code), " ", codeInput ? h("button", { type: "button", class: "fill", onclick: fill }, "Fill it in") : ""));
    if (signed.length) lines.append(list(signed));
    secretsBox.append(lines);
    if ((fillIn || isPlaying) && codeInput && secrets.code) codeInput.value = secrets.code;
    if (fillIn) codeInput?.focus();
    fillIn = false;
  }

  // ---- the view model ---------------------------------------------------------------------------------------------
  function drawButtons(view) {
    for (const [name, label] of BUTTONS) {
      const { enabled, hint } = view.buttons[name === "step" && isLecture ? "play" : name];
      buttons[name].setAttribute("aria-disabled", String(!enabled && !(name === "play" && isPlaying)));
      buttons[name].title = hint;
      buttons[name].textContent = name === "play" && isPlaying ? "❚❚ Pause" : label;
    }
    buttons.step.classList.toggle("primary", buttons.step.getAttribute("aria-disabled") === "false" && !isPlaying);
  }

  function drawPosition(view) {
    parts.who.replaceChildren(h("b", {}, view.username), " by ", h("code", {}, view.flow));
    parts.position.replaceChildren(h("span", { class: `chip ${view.group.replace(" ", "-")}` }, view.state), h("span", {}, view.meaning), h("span", { class: "quiet steps" }, view.steps === 1 ? "1 step" : `${view.steps} steps`));
    drawButtons(view);
    const { refusal } = view;
    parts.error.replaceChildren(...(refusal ? [h("b", {}, refusal.code), " ", refusal.message, h("div", {}, refusal.advice, " ", h("span", { class: "quiet" }, `Fault: ${refusal.fault}.`))] : []));
  }

  function drawForms(view) {
    const facts = view.facts.length ? [list(view.facts)] : [];
    const [first, ...others] = view.forms.map(form);
    if (first && view.has_debug_secrets) first.append(secretsBox);
    const next = view.next ? [h("div", { class: "next" }, h("p", {}, "Next, without user input: ", h("code", {}, view.next.trigger), " by ", h("code", {}, view.next.operation), "."), h("p", { class: "quiet" }, view.next.about))] : [];
    const rest = others.length ? [h("details", { class: "others" }, h("summary", {}, "Other ways to answer"), others)] : [];
    const act = ({ name, label, response }) => h("button", { type: "button", title: response, "data-action": name, onclick: () => sendMove({ do: "act", name }) }, label);
    const actions = view.actions.length ? [h("div", { class: "actions", role: "group", "aria-label": "After the sign-in" }, view.actions.map(act))] : [];
    secrets = null;
    secretsBox.replaceChildren();
    parts.ask.replaceChildren(...facts, ...actions, ...next, ...(first ? [first] : []), ...rest);
    if (view.has_debug_secrets) send({ do: "debug_secrets" });
    if (hasMoved) (parts.ask.querySelector(".first input, .first textarea, .first button") ?? parts.ask.querySelector(".actions button") ?? (view.buttons.step.enabled ? buttons.step : null))?.focus({ preventScroll: true });
  }

  function drawPicture(view) {
    if (!view.picture) { parts.picture.replaceChildren(h("p", { class: "quiet" }, "No layout engine is installed, so there is no diagram.")); return; }
    parts.picture.innerHTML = view.picture;
    const svg = parts.picture.querySelector("svg");
    const { x, y, width, height } = svg.getBBox(); // without space for a title; empty if nothing is displayed
    if (width) svg.setAttribute("viewBox", `${x - MARGIN} ${y - MARGIN} ${width + 2 * MARGIN} ${height + 2 * MARGIN}`);
    svg.style.maxWidth = `${Math.round(svg.viewBox.baseVal.width * LARGEST_SCALE)}px`; // a small diagram stays small
    const paths = [...parts.picture.querySelectorAll('[data-line] > path[stroke="var(--highlight)"], [data-line] > path[stroke="var(--warning)"]')];
    for (const path of paths) path.setAttribute("pathLength", "1");
    const highlighted = new Set(paths.map((path) => path.parentElement.dataset.line));
    if (highlightedBefore) for (const line of highlighted) if (!highlightedBefore.has(line)) parts.picture.querySelector(`[data-line="${line}"]`).classList.add("fresh");
    highlightedBefore = highlighted;
    for (const element of parts.picture.querySelectorAll("[data-node]")) {
      const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
      title.textContent = `${element.getAttribute("aria-label")} Click for more.`;
      element.prepend(title);
    }
  }

  // ---- the panels -------------------------------------------------------------------------------------------------
  const code = (text) => h("code", {}, text);
  const quiet = (text) => h("p", { class: "quiet" }, text);
  const table = (heads, rows) => h("table", {}, h("thead", {}, h("tr", {}, heads.map((each) => h("th", { scope: "col" }, each)))), h("tbody", {}, rows));
  const row = (cells, attributes) => h("tr", attributes, cells.map((each) => h("td", {}, each)));
  const items = (texts) => h("ul", {}, texts.map((each) => h("li", {}, each)));

  function exchange({ title, operation, kind, messages }) {
    const sides = messages.map(([name, text]) => h("div", {}, h("p", { class: "side" }, name), h("pre", {}, text)));
    return h("details", { class: `exchange ${kind}`, open: kind !== "" }, h("summary", {}, h("b", {}, title), " ", code(operation)), h("div", { class: "sides" }, sides));
  }

  function whatIf(steps, settingsKnown) {
    if (!steps.length) return [quiet("The sign-in has ended.")];
    const condition = ({ conditions, ruled_out: reason }) => reason ? [h("b", {}, "not in this pool: "), reason] : conditions.length ? items(conditions) : h("span", { class: "quiet" }, "always possible");
    const rows = steps.filter((each) => !each.lambda_only).map((each) => row([code(each.response), code(each.name), condition(each)], { class: each.ruled_out ? "ruled-out" : null }));
    const named = steps.filter((each) => each.lambda_only);
    const byLambda = [...new Set(named.map((each) => each.response))].map((response) =>
      row([code(response), code(named.filter((each) => each.response === response).map((each) => each.name).join(", ")), "only if a Lambda function names it"]));
    const note = settingsKnown ? "With this pool’s settings." : "The pool’s settings are not known here: create the stepper with settings=PoolSettings.describe(...).";
    return [quiet(note), table(["response", "may lead to", "on one of these conditions"], [...rows, ...byLambda])];
  }

  const PANELS = {
    wire: ({ wire }) => wire.length ? wire.map(exchange) : [quiet("Nothing was sent yet.")],
    history: ({ history }) => history.length
      ? [table(["step", "at", "state", "response", "led to", "refusal"], history.map(([number, at, state, response, to, error, advice]) => row([number, at, code(state), code(response), code(to), [error ? h("b", { class: "warning" }, error) : "", " ", advice]])))]
      : [quiet("No step was taken yet.")],
    what_if: ({ what_if: steps, settings_known: known }) => whatIf(steps, known),
  };
  const srpTable = (values) => values.length
    ? table(["name", "value", "formula"], values.map(([name, value, formula]) => row([h("var", {}, name), code(value), formula])))
    : quiet("SRP’s values exist while a proof is due: in PASSWORD_VERIFIER and DEVICE_PASSWORD_VERIFIER, before the step.");

  function aboutState({ name, meaning, ruled_out_by: exclusions, carries, accepts, from }) {
    const carried = carries.map((each) => [each.name, each.about ?? each.value].filter(Boolean).join(": "));
    const accepted = accepts.map((each) => {
      const names = [...new Set(each.leads_to.map((target) => target.state))].filter((target) => target !== "FAILED");
      return h("p", {}, h("b", {}, "accepts "), code(each.response), each.needs ? ` (${each.needs})` : "", `, which leads to ${names.join(", ") || "no other state"}.`);
    });
    const sources = [...new Set(from.map((each) => each.state))].join(", ");
    return [
      h("p", { class: "name" }, code(name)), h("p", {}, meaning),
      ...(exclusions.length ? [h("p", {}, h("b", {}, "Not reached if")), items(exclusions)] : []),
      ...(carried.length ? [h("p", {}, h("b", {}, "Carries")), items(carried)] : []),
      ...accepted, ...(sources ? [h("p", {}, h("b", {}, "comes from "), `${sources}.`)] : []),
    ];
  }

  function drawPanel() {
    const { panels } = model.get("view_model");
    for (const [name] of TABS) {
      tabs[name].setAttribute("aria-selected", String(name === currentTab));
      tabs[name].tabIndex = name === currentTab ? 0 : -1;
    }
    parts.panel.setAttribute("aria-labelledby", `${id}-${currentTab}`);
    parts.panel.dataset.tab = currentTab;
    if (currentTab !== "srp") { parts.panel.replaceChildren(...PANELS[currentTab](panels)); return; }
    srpValues.replaceChildren();
    parts.panel.replaceChildren(h("label", { class: "switch" }, srpSwitch, " Show the values of SRP, shortened. These are secrets: they are shown here, and not saved with the notebook."), srpValues);
    if (srpSwitch.checked) send({ do: "srp" });
  }

  function draw() {
    const view = model.get("view_model");
    if (!view?.state) return;
    drawPosition(view);
    drawForms(view);
    drawPicture(view);
    drawPanel();
    root.dataset.state = view.state;
    root.dataset.steps = view.steps;
  }

  // ---- messages from the kernel -------------------------------------------------------------------------------------
  function onMessage(message) {
    if (message.debug_secrets) { secrets = message.debug_secrets; drawSecrets(); }
    if (message.srp && srpSwitch.checked) srpValues.replaceChildren(srpTable(message.srp));
    if (message.about) {
      const close = h("button", { type: "button", class: "close", onclick: () => parts.about.replaceChildren() }, "Close");
      parts.about.replaceChildren(close, ...aboutState(message.about));
      parts.about.scrollIntoView({ block: "nearest" });
    }
    if (message.error) parts.error.replaceChildren(h("b", {}, "Failed. "), message.error);
    if (message.done && !["debug_secrets", "srp", "about"].includes(message.done)) {
      clearTimeout(timer);
      if (!message.error) drawPosition(model.get("view_model"));
      isBusy = hasMoved = false;
      root.removeAttribute("aria-busy");
      scheduleNext(message.error);
    }
  }

  function onNode(event) {
    const element = event.target.closest("[data-node]");
    if (!element || (event.type === "keydown" && event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    send({ do: "about", node: Number(element.dataset.node) });
  }
  parts.picture.addEventListener("click", onNode);
  parts.picture.addEventListener("keydown", onNode);
  model.on("change:view_model", draw);
  model.on("msg:custom", onMessage);
  const stopFollowing = followPageTheme(root);
  draw();
  return () => { clearTimeout(timer); clearTimeout(playTimer); stopFollowing(); model.off("change:view_model", draw); model.off("msg:custom", onMessage); };
}

export default { render };
