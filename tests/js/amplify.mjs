// Signs a user up with aws-amplify, confirms by the one code, lets autoSignIn sign in, joins a group, and deletes an attribute.
// Standard input: {url, pool, client, username, email}, as JSON; standard output: what came of it.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { Amplify } = require("@aws-amplify/core");
const auth = require("@aws-amplify/auth"); // confirmSignUp exchanges its autoSignIn

const given = JSON.parse(readFileSync(0, "utf8"));
const { cognitoUserPoolsTokenProvider: tokenProvider } = require("@aws-amplify/auth/cognito");
const Auth = { Cognito: { userPoolId: given.pool, userPoolClientId: given.client, userPoolEndpoint: given.url } };
tokenProvider.setAuthConfig(Auth);
Amplify.configure({ Auth }, { Auth: { tokenProvider } });

const { username } = given;
const userAttributes = { email: given.email, nickname: "Countess" };
const options = { userAttributes, autoSignIn: { authFlowType: "USER_AUTH" } };
const { nextStep } = await auth.signUp({ username, options });
const outbox = async () => (await (await fetch(`${given.url}/outbox?username=${username}`)).json()).messages;
const confirmed = await auth.confirmSignUp({ username, confirmationCode: (await outbox()).at(-1).code });
const { isSignedIn } = await auth.autoSignIn();
const administer = (operation, more) => fetch(given.url, {
  method: "POST", body: JSON.stringify({ UserPoolId: given.pool, GroupName: "admins", ...more }),
  headers: { "X-Amz-Target": `AWSCognitoIdentityProviderService.${operation}`, Authorization: "AWS4-HMAC-SHA256 Credential=local" },
});
await administer("CreateGroup");
await administer("AdminAddUserToGroup", { Username: username });
const { tokens } = await auth.fetchAuthSession({ forceRefresh: true });
await auth.deleteUserAttributes({ userAttributeKeys: ["nickname"] });
const came = {
  steps: [nextStep.signUpStep, confirmed.nextStep.signUpStep], isSignedIn,
  groups: [tokens.accessToken, tokens.idToken].map((each) => each.payload["cognito:groups"]),
  codes: (await outbox()).length, attributes: Object.keys(await auth.fetchUserAttributes()).sort(),
};
process.stdout.write(JSON.stringify(came), () => process.exit()); // the library's timers are still running
