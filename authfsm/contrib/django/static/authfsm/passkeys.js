"use strict";
// The browser's half of Web Authentication: options in, credential out, sent by an ordinary form. A form with
// data-passkey="get" or "create" has the options as JSON in a script element, a hidden field `credential`, a
// disabled button and a hidden role="alert" for what went wrong.
for (const form of document.querySelectorAll("form[data-passkey]")) {
  const button = form.querySelector("button");
  const alarm = form.querySelector("[role=alert]");
  button.disabled = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    alarm.hidden = true;
    try {
      const options = JSON.parse(form.querySelector("script").textContent);
      const made = form.dataset.passkey === "create"
        ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
        : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
      form.elements.credential.value = JSON.stringify(made.toJSON());
      form.submit();
    } catch {
      alarm.hidden = false;
      button.disabled = false;
    }
  });
}
