// Reads cases from standard input and writes the verdicts of @simplewebauthn/server: null, or the reason of a refusal.
import { verifyAuthenticationResponse, verifyRegistrationResponse } from '@simplewebauthn/server';
import { readFileSync } from 'node:fs';

const { challenge, origins, relyingParty, cases } = JSON.parse(readFileSync(0, 'utf8'));
const common = {
  expectedChallenge: challenge,
  expectedOrigin: origins,
  expectedRPID: relyingParty,
  requireUserVerification: false,
};

async function verdict({ response, credential }) {
  try {
    const { verified } = credential
      ? await verifyAuthenticationResponse({
          ...common,
          response,
          credential: { ...credential, publicKey: Uint8Array.from(Buffer.from(credential.publicKey, 'base64url')) },
        })
      : await verifyRegistrationResponse({ ...common, response, supportedAlgorithmIDs: [-7, -8, -257] });
    return verified ? null : 'not verified';
  } catch (error) {
    return String(error.message);
  }
}

const verdicts = [];
for (const one of cases) {
  verdicts.push(await verdict(one));
}
process.stdout.write(JSON.stringify(verdicts));
