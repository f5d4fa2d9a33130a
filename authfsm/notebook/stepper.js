// Draws the view model, and sends user input to the kernel, which decides what is possible. User input and the
// secrets that the page shows on request are messages; they are not part of the saved notebook.

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
const TIMEOUT = 5000; // milliseconds after which the page says that the kernel does not reply
const LARGEST_SCALE = 1.4; // pixels a point: a state's name is as large as the text beside it
let stepperCount = 0; // for ids, which must differ between the steppers of a page

// ---- light or dark, as the page's background is ---------------------------------------------------------------
function background(element) {
  for (let each = element; each; each = each.parentElement) {
    const colour = getComputedStyle(each).backgroundColor, parts = colour.match(/[\d.]+/g)?.map(Number);
    if (parts && parts.length >= 3 && (parts[3] ?? 1) > 0.5) return { colour, parts };
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
  let hasMoved = false; // this page sent it, so the focus may move to the form
  let secrets = null; // the debug secrets that are shown
  let fillIn = false; // whether the code that comes is to be filled in
  let highlightedBefore = null; // the numbers of the lines that were highlighted before the step
  let timer = null;

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
  const showTimeout = () => parts.error.replaceChildren("The kernel does not reply. If none is running, run the cell again.");
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

  const press = (name) => { if (buttons[name].getAttribute("aria-disabled") !== "true") sendMove({ do: name }); };
  const buttons = Object.fromEntries(BUTTONS.map(([name, label]) => [name, h("button", { type: "button", class: `move ${name}`, onclick: () => press(name) }, label)]));
  parts.toolbar.append(...Object.values(buttons));
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
      sendMove({ do: "answer", trigger: prompt.response, values: Object.fromEntries(new FormData(event.target)) });
    };
    return h("form", { class: `form ${number ? "other" : "first"}`, "data-trigger": prompt.response, onsubmit: submit },
      h("p", {}, prompt.explanation), h("div", { class: "fields" }, rows, h("button", { type: "submit", class: number ? "" : "primary" }, prompt.label)));
  }

  const secretsBox = h("div", { class: "debug-secrets" });
  function drawSecrets() {
    secretsBox.replaceChildren();
    if (!secrets || !(secrets.code || secrets.key)) return;
    const codeInput = parts.ask.querySelector("input.code");
    if (secrets.qr_code) {
      const drawing = h("div", { class: "qr" });
      drawing.innerHTML = secrets.qr_code;
      secretsBox.append(drawing);
    }
    const lines = h("div");
    const fill = () => { fillIn = true; send({ do: "debug_secrets" }); };
    if (secrets.key) lines.append(h("p", {}, "To type where there is no camera: ", h("code", { class: "key" }, secrets.key.replace(/(.{4})(?=.)/g, "$1 "))));
    if (secrets.code) lines.append(h("p", {}, secrets.explanation, " ", h("code", { class: "sent" }, secrets.code), " ", codeInput ? h("button", { type: "button", class: "fill", onclick: fill }, "Fill it in") : ""));
    secretsBox.append(lines);
    if (fillIn && codeInput && secrets.code) { codeInput.value = secrets.code; codeInput.focus(); }
    fillIn = false;
  }

  // ---- the view model ---------------------------------------------------------------------------------------------
  function drawPosition(view) {
    parts.who.replaceChildren(h("b", {}, view.username), " by ", h("code", {}, view.flow));
    parts.position.replaceChildren(h("span", { class: `chip ${view.group.replace(" ", "-")}` }, view.state), h("span", {}, view.meaning), h("span", { class: "quiet steps" }, view.steps === 1 ? "1 step" : `${view.steps} steps`));
    for (const [name] of BUTTONS) {
      const { enabled, hint } = view.buttons[name];
      buttons[name].setAttribute("aria-disabled", String(!enabled));
      buttons[name].title = hint;
    }
    buttons.step.classList.toggle("primary", view.buttons.step.enabled);
    const { refusal } = view;
    parts.error.replaceChildren(...(refusal ? [h("b", {}, refusal.code), " ", refusal.message, h("div", {}, refusal.advice, " ", h("span", { class: "quiet" }, `Fault: ${refusal.fault}.`))] : []));
  }

  function drawForms(view) {
    const facts = view.facts.length ? [h("dl", {}, view.facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]))] : [];
    const [first, ...others] = view.forms.map(form);
    if (first && view.has_debug_secrets) first.append(secretsBox);
    const next = view.next ? [h("div", { class: "next" }, h("p", {}, "Next, without user input: ", h("code", {}, view.next.trigger), " by ", h("code", {}, view.next.operation), "."), h("p", { class: "quiet" }, view.next.about))] : [];
    const rest = others.length ? [h("details", { class: "others" }, h("summary", {}, "Other ways to answer"), others)] : [];
    secrets = null;
    secretsBox.replaceChildren();
    parts.ask.replaceChildren(...facts, ...next, ...(first ? [first] : []), ...rest);
    if (view.has_debug_secrets) send({ do: "debug_secrets" });
    if (hasMoved) (parts.ask.querySelector(".first input, .first textarea, .first button") ?? (view.buttons.step.enabled ? buttons.step : null))?.focus({ preventScroll: true });
  }

  function drawPicture(view) {
    if (!view.picture) { parts.picture.replaceChildren(h("p", { class: "quiet" }, "No layout engine is installed, so there is no diagram.")); return; }
    parts.picture.innerHTML = view.picture;
    const svg = parts.picture.querySelector("svg");
    svg.style.maxWidth = `${Math.round(svg.dataset.width * LARGEST_SCALE)}px`; // a small diagram stays small
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

  function drawPanel() {
    const { panels } = model.get("view_model");
    for (const [name] of TABS) {
      tabs[name].setAttribute("aria-selected", String(name === currentTab));
      tabs[name].tabIndex = name === currentTab ? 0 : -1;
    }
    parts.panel.setAttribute("aria-labelledby", `${id}-${currentTab}`);
    parts.panel.dataset.tab = currentTab;
    if (currentTab !== "srp") { parts.panel.innerHTML = panels[currentTab]; return; }
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
    if (message.srp && srpSwitch.checked) srpValues.innerHTML = message.srp;
    if (message.about) {
      parts.about.innerHTML = message.about;
      parts.about.prepend(h("button", { type: "button", class: "close", onclick: () => parts.about.replaceChildren() }, "Close"));
      parts.about.scrollIntoView({ block: "nearest" });
    }
    if (message.error) parts.error.replaceChildren(h("b", {}, "Failed. "), message.error);
    if (message.done && !["debug_secrets", "srp", "about"].includes(message.done)) {
      clearTimeout(timer);
      if (!message.error) drawPosition(model.get("view_model"));
      isBusy = hasMoved = false;
      root.removeAttribute("aria-busy");
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
  return () => { clearTimeout(timer); stopFollowing(); model.off("change:view_model", draw); model.off("msg:custom", onMessage); };
}

export default { render };
