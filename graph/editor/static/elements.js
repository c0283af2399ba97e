// Making elements, and keeping them in order without disturbing the one somebody is in.

const HIDDEN = 100; // milliseconds until a page without frames, because it is hidden, goes on

/** A function that acts with the next frame, once however often it is called until then. */
export function onceAFrame(action) {
  let isDue = false;
  const act = () => {
    if (!isDue) return;
    isDue = false;
    action();
  };
  return () => {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(act);
    setTimeout(act, HIDDEN);
  };
}

/** An element with properties, attributes (`aria-…`, `role`, `data-…`) and children. */
export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in element) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

/** Let a parent have exactly these children, moving as few as it can. */
export function place(parent, children) {
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  let next = parent.firstElementChild;
  for (const child of children) {
    if (next && next !== child && next.nextElementSibling === child) {
      next.remove(); // it comes later
      next = child;
    }
    if (next === child) next = next.nextElementSibling;
    else parent.insertBefore(child, next);
  }
}
