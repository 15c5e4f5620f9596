// What every view is made of: the screen, forms, problems in sentences, and waits that count down.

import { ICONS, el, icon } from './dom.js';
import { Problem, forget, isOpen, isOver, save, state } from './session.js';
import { clock, textOf, pieces, t } from './texts.js';
import { check } from './views/check.js';
import { proceed } from './views/flow.js';

/** The views by name. Each is a function of its data, which is JSON, so that a reload shows the same view. */
export const VIEWS = {};

/** Shows a view, and keeps it for a reload. */
export function show(name, data) {
  state.view = { ...data, name };
  save();
  VIEWS[name](state.view);
}

/** Changes the data of the view that is shown. */
export function remember(data) {
  Object.assign(state.view, data);
  save();
}

/** Aborted when the screen is replaced. */
export let shown = new AbortController();

/** Replaces what is shown. The focus goes to the field marked `autofocus`, else to the heading, which is then read. */
export function screen({ title, lead, symbol }, ...content) {
  shown.abort();
  shown = new AbortController();
  const product = state.session?.product;
  document.title = product ? `${product} · ${title}` : title;
  const heading = el('h1', { tabindex: -1 }, title);
  const card = el(
    'div',
    { class: 'card' },
    product && header(),
    el(
      'main',
      null,
      symbol && el('div', { class: 'symbol' }, symbol),
      heading,
      lead && el('p', { id: 'lead' }, lead),
      content,
    ),
  );
  document.body.replaceChildren(card);
  (card.querySelector('[autofocus]') ?? heading).focus();
}

/** The operator's name or logo, and colours. The API has chosen them so that every text can be read. */
function header() {
  const { product, brand } = state.session;
  for (const [name, color] of Object.entries(brand?.colors ?? {})) {
    document.documentElement.style.setProperty(`--${name}`, color);
  }
  const name = [icon(ICONS.shield), el('span', null, product)];
  if (!brand?.logo) return el('header', null, name);
  // A logo that does not load leaves the name.
  const error = () => logo.replaceWith(...name);
  const logo = el('img', { src: brand.logo, alt: product, referrerpolicy: 'no-referrer', error });
  return el('header', null, logo);
}

/** Shown while an answer is awaited and no view is there to wait on. */
export const loading = () => screen({ title: t('loading'), symbol: el('div', { class: 'spinner' }) });

/** A button that does what a person asks for. Its class is `primary`, `secondary`, `link` or `choice`. */
export function button(className, work, ...content) {
  const node = el('button', { class: className, click: () => act(work, node) }, content);
  return node;
}

export const link = (text, work) => button('link', work, text);

/** A list of choices, each `{ path, name, detail, choose }`. */
export function choices(list) {
  const choice = ({ path, name, detail, choose }) => {
    const text = el('span', null, el('b', null, name), el('small', null, detail));
    return el('li', null, button('choice', choose, icon(path), text, icon(ICONS.next)));
  };
  return el('ul', { class: 'choices' }, list.map(choice));
}

/** A labelled input with an optional hint. The hint and the problem of the view describe it. */
export function field({ label, hint, ...attributes }) {
  const id = `field-${attributes.name}`;
  return el(
    'div',
    { class: 'field' },
    el('label', { for: id }, label),
    el('input', { id, autocomplete: 'off', 'aria-describedby': `${id}-hint problem`, ...attributes }),
    el('p', { id: `${id}-hint`, class: 'hint' }, hint),
  );
}

/** The field of a code that a person reads from an app or a message. */
export const codeField = (attributes) =>
  field({
    label: t('code.label'),
    name: 'code',
    class: 'code',
    inputmode: 'numeric',
    autocomplete: 'one-time-code',
    maxlength: 32,
    ...attributes,
  });

/** A code as the API takes it: without spaces and dashes, with ASCII digits. */
export const bare = (code) => code.normalize('NFKC').replace(/[\s-]/g, '');

/**
 * A form with one button. `send` gets the trimmed values by name; a problem that it throws is shown above the button.
 * An empty field is a problem that is not sent.
 */
export function form(fields, label, send) {
  const primary = el('button', { class: 'primary' }, label);
  const submit = (event) => {
    event.preventDefault();
    const values = Object.fromEntries([...new FormData(node)].map(([name, value]) => [name, value.trim()]));
    act(async () => {
      if (Object.values(values).includes('')) throw new Problem({ code: 'invalid_request' });
      await send(values);
    }, primary);
  };
  const node = el('form', { novalidate: true, submit }, fields, problemBox(), primary);
  return node;
}

let busy = false;

/** Runs what a person asked for, one thing at a time, and shows its problem. */
async function act(work, node) {
  if (busy || node.hasAttribute('aria-disabled')) return;
  busy = true;
  node.setAttribute('aria-busy', 'true');
  tell(null);
  try {
    await work();
  } catch (problem) {
    await handle(problem);
  } finally {
    busy = false;
    node.removeAttribute('aria-busy');
  }
}

/** Does the same without a button: a spinner is shown, and after a problem the view `instead`. */
export async function attempt(work, instead) {
  loading();
  try {
    await work();
  } catch (problem) {
    show(instead);
    await handle(problem);
  }
}

async function handle(problem) {
  // The session has ended meanwhile.
  if (!state.view) return;
  if (!(problem instanceof Problem)) {
    tell({ code: 'other' });
    throw problem;
  }
  if (isOver(problem) && !(await isOpen())) {
    show('ended');
  } else if (problem.code === 'already_used') {
    // The step was taken, and its answer was lost.
    await proceed().catch(tell);
  } else if (problem.code === 'step_up_required') {
    // The change goes on where it was, once the person has passed a check.
    state.after = state.view;
    state.session = { ...state.session, needs: 'check', factors: problem.factors ?? state.session.factors };
    check(true);
  } else {
    const { code, remainingAttempts, retryAfter } = problem;
    const until = retryAfter && Date.now() + retryAfter * 1000;
    remember({ problem: { code, remainingAttempts, until } });
    tell(state.view.problem);
  }
}

/** The place of the view's problem. A wait that is not over yet is shown again after a reload. */
export function problemBox() {
  const box = el('div', { id: 'problem', role: 'alert' });
  const problem = state.view?.problem;
  if (problem?.until > Date.now()) queueMicrotask(() => tell(problem));
  return box;
}

/** Shows a problem in its box, or clears the box. A form with a wait can be sent when the wait is over. */
function tell(problem) {
  const box = document.getElementById('problem');
  if (!box) return;
  const input = document.querySelector('input');
  const primary = document.querySelector('.primary');
  input?.removeAttribute('aria-invalid');
  primary?.removeAttribute('aria-disabled');
  box.replaceChildren();
  if (!problem) return;
  box.append(el('p', null, icon(ICONS.warning), el('span', null, sentences(problem))));
  if (problem.until) {
    const wait = el('span', { role: 'timer' });
    box.firstChild.lastChild.append(wait);
    primary?.setAttribute('aria-disabled', 'true');
    countDown(wait, problem.until, 'wait', () => tell(null));
  } else if (input) {
    input.setAttribute('aria-invalid', 'true');
    input.focus();
    input.select();
  }
}

/** A problem in sentences. */
function sentences({ code, remainingAttempts: n }) {
  const { type, name } = state.view;
  const key = [`problem.${code}.${type ?? name}`, `problem.${code}`, 'problem.other'].find(textOf);
  const label = document.querySelector('label')?.textContent;
  return [t(key, { label }), n > 0 && t('problem.tries', { n }), ''].filter((text) => text !== false).join(' ');
}

/** Writes the text of `key` with the time left into a node each second while it is shown; then calls `over`. */
function countDown(node, until, key, over) {
  const left = Math.ceil((until - Date.now()) / 1000);
  if (left <= 0) return over();
  node.replaceChildren(...pieces(key, { time: el('b', null, clock(left)) }));
  setTimeout(() => node.isConnected && countDown(node, until, key, over), 1000);
}

/** The line below a code that was sent: a wait, then a button that sends another. `send` says until when to wait again. */
export function resend(send) {
  const status = el('span', { role: 'status' });
  const place = el('span');
  const again = () => {
    const timer = el('span', { role: 'timer' });
    place.replaceChildren(timer);
    countDown(timer, state.view.resendAt, 'resend.wait', () => place.replaceChildren(link(t('resend'), request)));
  };
  const request = async () => {
    try {
      await send();
      status.replaceChildren(`${t('resend.done')} `);
      document.querySelector('input').focus();
    } catch (problem) {
      if (problem.code !== 'too_many_messages') throw problem;
      // The wait stands in place of the button, and the problem says why.
      remember({ resendAt: Date.now() + problem.retryAfter * 1000 });
      throw new Problem({ code: problem.code });
    } finally {
      again();
    }
  };
  again();
  return el('p', { class: 'resend' }, status, place);
}

/** Leaves for the application. The page keeps nothing: on the way back there is nothing to do here. */
export function leave(next, passed) {
  screen({
    title: t(passed ? 'done' : 'loading'),
    lead: t('leaving'),
    symbol: passed ? icon(ICONS.check) : el('div', { class: 'spinner' }),
  });
  forget();
  // The policy refuses `javascript:` addresses, should one ever come from the API.
  location.replace(next);
}

VIEWS.ended = () => {
  screen({ title: t('ended.title'), lead: t('ended.lead'), symbol: icon(ICONS.warning) });
  forget();
};
