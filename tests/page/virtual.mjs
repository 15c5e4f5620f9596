// A person's devices, as virtual authenticators (WebDriver's, over CDP).

/** A device of the person in a tab: part of the machine (`internal`), or plugged in (`usb`). */
export async function device(page, transport, more) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  const options = {
    protocol: 'ctap2',
    transport,
    hasResidentKey: true,
    hasUserVerification: true,
    isUserVerified: true,
    automaticPresenceSimulation: true,
    ...more,
  };
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', { options });
  return (method, parameters) => cdp.send(`WebAuthn.${method}`, { authenticatorId, ...parameters });
}
