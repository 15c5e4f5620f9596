// The contact of the application's own record. Before the first factor a code is sent there, to check that the person is
// the owner of the account.

import { el } from '../dom.js';
import { VIEWS, button, problemBox, screen, show } from '../screen.js';
import { call, state } from '../session.js';
import { language, pieces, t } from '../texts.js';
import { RESEND_AFTER, checkLinks, codeView } from './check.js';
import { proceed } from './flow.js';

async function sendToContact() {
  const { sentTo } = await call('POST', '/contact', { locale: language, platform: 'web' });
  return { sentTo, resendAt: Date.now() + RESEND_AFTER };
}

/** A message is sent when the person asks for it: opening or reloading the page sends none. */
VIEWS.contact = () => {
  const lead = pieces('contact.lead', { to: el('b', null, state.session.contact.maskedDestination) });
  const send = async () => show('contactCode', await sendToContact());
  screen({ title: t('check.title'), lead }, problemBox(), button('primary', send, t('contact.send')), checkLinks());
};

VIEWS.contactCode = ({ sentTo }) =>
  codeView({
    title: t('check.title'),
    sentTo,
    type: state.session.contact.type,
    submit: async (code) => {
      await call('POST', '/contact/confirm', { code, locale: language });
      await proceed();
    },
    again: sendToContact,
    links: checkLinks(),
  });
