// Signs in with amazon-cognito-identity-js. Standard input: what to do, as JSON; standard output: what came of it.
//
// {url, pool, client, username, password, newPassword?, totp?, times, forget?, deleteAttributes?}: sign in so often with one storage,
// and answer whatever is asked: SMS codes from the server's outbox, TOTP from `totp`, a new password from
// `newPassword`. With `forget` the server forgets the device between two sign-ins, and the storage does not.

import { readFileSync } from "node:fs";

const given = JSON.parse(readFileSync(0, "utf8"));
const requests = [], nulls = [];
const plain = globalThis.fetch;
globalThis.fetch = (url, options = {}) => {
  const target = options.headers?.["X-Amz-Target"];
  if (target) {
    const body = JSON.parse(options.body), operation = target.split(".")[1];
    requests.push([operation, body.ChallengeName ?? null]);
    for (const [name, value] of Object.entries({ ...body.AuthParameters, ...body.ChallengeResponses }))
      if (value === null) nulls.push([operation, name]);
  }
  if (!String(url).startsWith(given.url)) throw new Error(`asked ${url}`);
  return plain(url, options);
};
const { AuthenticationDetails, CognitoUser, CognitoUserPool } = (await import("amazon-cognito-identity-js")).default;

class Storage {
  #items = new Map();
  setItem(key, value) { this.#items.set(key, String(value)); }
  getItem(key) { return this.#items.get(key) ?? null; }
  removeItem(key) { this.#items.delete(key); }
  clear() { this.#items.clear(); }
}

async function code() {
  const { messages } = await (await plain(`${given.url}/outbox?username=${given.username}`)).json();
  return messages.at(-1).code;
}

const storage = new Storage();
const pool = new CognitoUserPool({
  UserPoolId: given.pool, ClientId: given.client, endpoint: given.url, Storage: storage,
});

function signIn() {
  const user = new CognitoUser({ Username: given.username, Pool: pool, Storage: storage });
  const asked = [];
  return new Promise((resolve, reject) => {
    const callbacks = {
      onSuccess: (session, confirmationNecessary) => resolve({ user, session, asked, confirmationNecessary: confirmationNecessary ?? null }),
      onFailure: reject,
      mfaRequired: async name => { asked.push(name); user.sendMFACode(await code(), callbacks, name); },
      totpRequired: name => { asked.push(name); user.sendMFACode(given.totp, callbacks, name); },
      newPasswordRequired: () => { asked.push("NEW_PASSWORD_REQUIRED"); user.completeNewPasswordChallenge(given.newPassword, {}, callbacks); },
    };
    user.authenticateUser(new AuthenticationDetails({ Username: given.username, Password: given.password }), callbacks);
  });
}

async function forgetDevice({ user, session }) {
  const answer = await plain(given.url, {
    method: "POST",
    headers: { "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "AWSCognitoIdentityProviderService.ForgetDevice" },
    body: JSON.stringify({ AccessToken: session.getAccessToken().getJwtToken(), DeviceKey: user.deviceKey }),
  });
  if (!answer.ok) throw new Error(await answer.text());
}

const refreshed = ({ user, session }) => new Promise((resolve, reject) =>
  user.refreshSession(session.getRefreshToken(), (error, renewed) => error ? reject(error) : resolve(renewed)));

try {
  const asked = [];
  let last;
  for (let n = 0; n < (given.times ?? 1); n += 1) {
    if (n && given.forget) await forgetDevice(last);
    last = await signIn();
    asked.push(last.asked);
  }
  if (given.deleteAttributes)
    await new Promise((resolve, reject) => last.user.deleteAttributes(given.deleteAttributes, (error, done) => error ? reject(error) : resolve(done)));
  const renewed = await refreshed(last);
  process.stdout.write(JSON.stringify({
    asked, requests, nulls,
    username: renewed.getIdToken().payload["cognito:username"],
    access: renewed.getAccessToken().getJwtToken(),
  }));
} catch (error) {
  process.stdout.write(JSON.stringify({ asked: [], requests, error: [error.code ?? error.name, error.message] }));
}
