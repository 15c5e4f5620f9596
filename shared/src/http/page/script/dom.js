// Elements. Everything that is shown is made here, as elements and text, so that nothing is ever parsed as HTML.

/** Makes an element. A function among the attributes is an event listener; `true` sets an attribute without a value. */
export function el(tag, attributes, ...children) {
  const element = document.createElement(tag);
  set(element, attributes);
  element.append(...present(children));
  return element;
}

const present = (children) => children.flat(2).filter((child) => child != null && child !== false);

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, '');
    else if (value != null && value !== false) element.setAttribute(name, value);
  }
}

/** An icon of 24 by 24 from the data of one path, hidden from screen readers. */
export function icon(path) {
  const make = (tag, attributes) => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
    set(element, attributes);
    return element;
  };
  const svg = make('svg', { viewBox: '0 0 24 24', 'aria-hidden': 'true' });
  svg.append(make('path', { d: path }));
  return svg;
}

export const ICONS = {
  shield: 'M12 3l7 3v5c0 4.5-3 8.3-7 10-4-1.7-7-5.5-7-10V6zM9 12l2.2 2.2L15.2 10',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  next: 'M9.5 6l6 6-6 6',
  key: 'M8 12a4 4 0 1 0 .01 0M11 13l8-8M16 8l3 3',
  add: 'M12 5v14M5 12h14',
  device: 'M5 5h14v10H5zM2 19h20',
  stick: 'M8 10h8v11H8zM10 10V3h4v7',
  warning: 'M12 8v5M12 16.5v.01M12 3l10 18H2z',
};
