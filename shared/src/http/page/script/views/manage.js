// The person's own factors: list, rename, remove, add, new recovery codes.

import { ICONS, el, icon } from '../dom.js';
import { TYPES, nameOf, typeName } from '../factors.js';
import { VIEWS, button, field, form, link, problemBox, screen, show } from '../screen.js';
import { call, state } from '../session.js';
import { day, t } from '../texts.js';
import { finish, proceed } from './flow.js';

const pathOf = ({ id }) => `/factors/${encodeURIComponent(id)}`;

const backToList = () =>
  el(
    'div',
    { class: 'links' },
    link(t('back'), () => show('manage')),
  );

VIEWS.manage = () => {
  const { factors, recoveryCodes } = state.session;
  screen(
    { title: t('manage.title') },
    el('ul', { class: 'rows' }, factors.map(row), factors.length > 0 && recoveryRow(recoveryCodes.remaining)),
    button('secondary', () => show('types'), icon(ICONS.add), t('enroll.add')),
    problemBox(),
    button('primary', finish, t('done')),
  );
};

function row(factor) {
  const { type, maskedDestination, createdAt, lastUsedAt } = factor;
  const name = nameOf(factor);
  const used = lastUsedAt ? t('manage.used', { day: day(lastUsedAt) }) : t('manage.added', { day: day(createdAt) });
  const details = [maskedDestination ?? (name !== typeName(type) && typeName(type)), used];
  const action = (view) => {
    const node = link(t(view), () => show(view, { factor }));
    node.setAttribute('aria-label', `${t(view)}: ${name}`);
    return node;
  };
  return item(TYPES[type]?.path ?? ICONS.shield, name, details, action('rename'), action('remove'));
}

const recoveryRow = (n) =>
  item(
    ICONS.key,
    t('recovery.name'),
    [t('manage.codes', { n })],
    link(t('renew'), () => show('renew')),
  );

function item(path, name, details, ...actions) {
  const lines = details.filter(Boolean).map((detail) => el('small', null, detail));
  return el('li', null, icon(path), el('div', null, el('b', null, name), lines, el('div', null, actions)));
}

VIEWS.rename = ({ factor }) => {
  const input = field({ label: t('name'), name: 'label', value: nameOf(factor), maxlength: 64, autofocus: true });
  screen(
    { title: t('rename') },
    form(input, t('rename.save'), async ({ label }) => {
      await call('PATCH', pathOf(factor), { label });
      await proceed();
    }),
    backToList(),
  );
};

VIEWS.remove = ({ factor }) => {
  const remove = async () => {
    await call('DELETE', pathOf(factor));
    await proceed();
  };
  const lead = t(state.session.factors.length > 1 ? 'remove.lead' : 'remove.last');
  const title = t('remove.title', { name: nameOf(factor) });
  screen({ title, lead }, problemBox(), button('primary danger', remove, t('remove')), backToList());
};

VIEWS.renew = () => {
  const renew = async () => show('codes', { codes: (await call('POST', '/recovery-codes', {})).recoveryCodes });
  const title = t('renew');
  screen({ title, lead: t('renew.lead') }, problemBox(), button('primary', renew, title), backToList());
};
