// Elements without HTML in strings: what comes from pictures is never markup.

export const byId = (id) => document.getElementById(id);

/** make("button", {type: "button", class: "x", onclick: f}, "text", child, …) */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function makeSvg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// 99.9 % and not 100 % for what is not certain.
export const percent = (p) =>
  `${p > 0.995 && p < 1 ? Math.floor(1000 * p) / 10 : Math.round(100 * p)} %`;
